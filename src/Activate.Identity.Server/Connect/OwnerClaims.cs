using System.Text.Json;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// What an application is told about a person, by scope (contract §2) or by the <c>claims</c> parameter (OpenID Connect Core §5.5): the same in the ID token and at
/// userinfo, as §5.3.2 asks for.
/// </summary>
internal sealed record OwnerClaims(Guid UserId, string Username, string? DisplayName, string? Email, bool EmailVerified, string OrganizationSlug, Role Role)
{
    public const string IdToken = "id_token", UserInfo = "userinfo";

    /// <summary>Every claim about a person, with the scope that gives it.</summary>
    public static readonly IReadOnlyDictionary<string, string> ScopeOf = new Dictionary<string, string>
    {
        [Claims.PreferredUsername] = Scopes.Profile, [Claims.Name] = Scopes.Profile, [ClaimNames.Organization] = Scopes.Profile, [Claims.Role] = Scopes.Profile, [Groups] = Scopes.Profile,
        [Claims.Email] = Scopes.Email, [Claims.EmailVerified] = Scopes.Email,
    };

    private const string Groups = "groups";

    /// <param name="owner">With the organization.</param>
    public static OwnerClaims Of(User owner) =>
        new(owner.Id, owner.UserName!, owner.DisplayName, owner.Email, owner.EmailConfirmed, owner.Organization!.Slug, owner.Role);

    public static OwnerClaims Of(Caller caller) =>
        new(caller.UserId, caller.Username, caller.DisplayName, caller.Email, caller.EmailVerified, caller.OrganizationSlug, caller.Role);

    /// <summary>The claims that are told, each with a string, a bool or strings.</summary>
    /// <param name="scopes">Granted.</param>
    /// <param name="requested">Asked for one by one, as <see cref="ParseRequested"/> writes it.</param>
    /// <param name="place"><see cref="IdToken"/> or <see cref="UserInfo"/>.</param>
    public IEnumerable<(string Name, object Value)> Told(IReadOnlyCollection<string> scopes, string? requested, string place)
    {
        var single = string.IsNullOrEmpty(requested) ? [] : Scopes.Split(requested);
        foreach (var claim in All())
        {
            if (!ScopeOf.TryGetValue(claim.Name, out var scope) || scopes.Contains(scope) || (single.Length > 0 && single.Contains($"{place}.{claim.Name}")))
                yield return claim;
        }
    }

    /// <summary>What is told of the sign-in itself, whatever was asked for: when (<c>auth_time</c>, Unix time), how (<c>amr</c>) and how well (<c>acr</c>), as far as it is known.</summary>
    /// <param name="at">When the person signed in.</param>
    /// <param name="methods">Of RFC 8176, space-separated.</param>
    public static IEnumerable<(string Name, object Value)> OfSignIn(DateTime? at, string? methods)
    {
        if (at is { } time)
            yield return (Claims.AuthenticationTime, EpochTime.GetIntDate(time));
        if (methods is null)
            yield break;
        yield return (Claims.AuthenticationMethodReference, Scopes.Split(methods));
        yield return (Claims.AuthenticationContextReference, SignedIn.ContextOf(methods));
    }

    /// <summary>
    /// The claims of a <c>claims</c> parameter that there are, as <c>id_token.name userinfo.email</c>; others are not told, which the standard wants ignored. Empty: none.
    /// A value that is no such object is refused.
    /// </summary>
    public static Result<string> ParseRequested(string? parameter)
    {
        if (string.IsNullOrEmpty(parameter))
            return "";
        try
        {
            using var json = JsonDocument.Parse(parameter, new JsonDocumentOptions { MaxDepth = 8 });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return s_invalid;
            List<string> found = [];
            foreach (var place in json.RootElement.EnumerateObject().Where(member => member.Name is IdToken or UserInfo))
            {
                if (place.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
                    return s_invalid;
                if (place.Value.ValueKind == JsonValueKind.Object)
                    found.AddRange(place.Value.EnumerateObject().Where(member => ScopeOf.ContainsKey(member.Name)).Select(member => $"{place.Name}.{member.Name}"));
            }

            return Scopes.Join(found.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        }
        catch (JsonException)
        {
            return s_invalid;
        }
    }

    private static readonly Problem s_invalid = new(ProblemKind.Invalid, Errors.InvalidRequest, "claims is a JSON object with the members id_token and userinfo (OpenID Connect Core §5.5).");

    private IEnumerable<(string Name, object Value)> All()
    {
        yield return (Claims.Subject, UserId.ToString());
        yield return (Claims.PreferredUsername, Username);
        yield return (Claims.Name, DisplayName ?? Username);
        yield return (ClaimNames.Organization, OrganizationSlug);
        var role = Role.ToString().ToLowerInvariant();
        yield return (Claims.Role, role);
        // For applications that know only groups: everybody of the organization, and those with the role.
        yield return (Groups, (string[])[OrganizationSlug, $"{OrganizationSlug}/{role}"]);
        if (Email is not null)
        {
            yield return (Claims.Email, Email);
            yield return (Claims.EmailVerified, EmailVerified);
        }
    }
}
