using System.Net;
using Activate.Identity.Core;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Audit;

namespace Activate.Identity.Server.Credentials;

/// <summary>A credential that was checked, and whose it is: all that one indexed read yields. Endpoints take it as a parameter.</summary>
public sealed class Caller
{
    public required CredentialKind Kind { get; init; }
    public required Guid CredentialId { get; init; }
    public required string CredentialName { get; init; }
    /// <summary>What was granted and the owner's role still allows.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }
    public required IReadOnlyList<string> Audiences { get; init; }
    public required DateTime IssuedAt { get; init; }
    /// <summary>When it ends: the key's or grant's end, or the end of an old secret in a rotation if that is sooner. Null: never.</summary>
    public required DateTime? ExpiresAt { get; init; }
    /// <summary>The id of this very token (<c>jti</c>); for a key, the key's id.</summary>
    public required string TokenId { get; init; }
    /// <summary>The OAuth client of an access token; null for an API key.</summary>
    public string? ClientId { get; init; }
    /// <summary>An application that acts for itself (client credentials): there is no user behind it.</summary>
    public bool IsApplication { get; init; }
    /// <summary>The token was exchanged for the credential, or stands on it with others: it is not the credential itself, and must not change or rotate it.</summary>
    public bool Exchanged { get; init; }
    /// <summary>The claims of the ID token and of userinfo that were asked for one by one, and allowed.</summary>
    public string? Claims { get; init; }
    /// <summary>Of an API key, and of what was exchanged for one: from where it may be used. Null: from everywhere.</summary>
    public AllowedAddresses? AllowedAddresses { get; init; }
    public bool EmailVerified { get; init; }
    /// <summary>A person signed in for it: a device login that was given <c>credentials:write</c> (contract §1).</summary>
    public bool Interactive { get; init; }
    public DateTime? AuthenticatedAt { get; init; }
    /// <summary>How, as <see cref="Data.Tokens.TokenGrant.Methods"/>.</summary>
    public string? AuthenticationMethods { get; init; }

    public required Guid UserId { get; init; }
    public required string Username { get; init; }
    public string? DisplayName { get; init; }
    public string? Email { get; init; }
    public required UserKind UserKind { get; init; }
    public required Role Role { get; init; }
    public bool IsOperator { get; init; }
    public required Guid OrganizationId { get; init; }
    public required string OrganizationSlug { get; init; }
    public required string OrganizationName { get; init; }

    public bool Has(string scope) => Scopes.Contains(scope);

    public bool MayCallFrom(IPAddress? address) => AllowedAddresses is null || AllowedAddresses.Contain(address);

    public bool EndedAt(DateTime now) => ExpiresAt <= now;

    /// <summary><c>sub</c>: the user, or the client of an application that acts for itself.</summary>
    public string Subject => IsApplication ? ClientId! : UserId.ToString();

    public AuditActor ToActor() => new(UserId, OrganizationId, CredentialId);

    /// <summary>How a minimal-API endpoint gets its caller: <see cref="ApiGate"/> put it there, or refused the request.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.Get<Caller>());

    /// <summary>An access token that stands on this credential: what the token says, as far as the credential still goes.</summary>
    internal Caller Limited(AccessTokenContent token) => new()
    {
        Kind = Kind, CredentialId = CredentialId, CredentialName = CredentialName,
        // An application's token has no owner whose role could have changed.
        Scopes = IsApplication ? Core.Scopes.Split(token.Scopes) : [.. Core.Scopes.AllowedTo(Role, Core.Scopes.Split(token.Scopes))],
        Audiences = token.Audiences, IssuedAt = token.IssuedAt, ExpiresAt = ExpiresAt < token.ExpiresAt ? ExpiresAt : token.ExpiresAt,
        TokenId = token.Id.ToString(), ClientId = token.ClientId, IsApplication = IsApplication, Exchanged = token.Exchanged, Claims = token.Exchanged ? null : Claims,
        Interactive = Interactive && !token.Exchanged, AuthenticatedAt = AuthenticatedAt, AuthenticationMethods = AuthenticationMethods, AllowedAddresses = AllowedAddresses,
        UserId = UserId, Username = Username, DisplayName = DisplayName, Email = Email, EmailVerified = EmailVerified, UserKind = UserKind, Role = Role, IsOperator = IsOperator,
        OrganizationId = OrganizationId, OrganizationSlug = OrganizationSlug, OrganizationName = OrganizationName,
    };

    /// <summary>The audiences of a credential: our own API always, the platform with its scope, and the resources that were asked for (RFC 8707).</summary>
    /// <param name="scopes">Granted.</param>
    /// <param name="resources">Space-separated; null for none.</param>
    /// <param name="origin">Ours.</param>
    public static IReadOnlyList<string> AudiencesFor(IReadOnlyList<string> scopes, string? resources, Web.PublicOrigin origin)
    {
        IReadOnlyList<string> ours = scopes.Contains(Core.Scopes.Platform) ? [origin.ApiAudience, origin.PlatformAudience] : [origin.ApiAudience];
        return resources is null ? ours : [.. ours.Union(Core.Scopes.Split(resources), StringComparer.Ordinal)];
    }
}
