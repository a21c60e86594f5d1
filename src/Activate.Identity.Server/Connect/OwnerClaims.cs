using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Data.Accounts;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// What an application is told about a person, by scope (contract §2): the same in the ID token and at userinfo, as OpenID Connect Core §5.3.2 asks for.
/// </summary>
internal static class OwnerClaims
{
    /// <param name="owner">With the organization.</param>
    /// <param name="scopes">Granted.</param>
    public static IEnumerable<(string Type, string Value, string ValueType)> Of(User owner, IReadOnlyCollection<string> scopes)
    {
        yield return (Claims.Subject, owner.Id.ToString(), ClaimValueTypes.String);
        if (scopes.Contains(Scopes.Profile))
        {
            yield return (Claims.PreferredUsername, owner.UserName!, ClaimValueTypes.String);
            yield return (Claims.Name, owner.DisplayName ?? owner.UserName!, ClaimValueTypes.String);
            yield return (ClaimNames.Organization, owner.Organization!.Slug, ClaimValueTypes.String);
            yield return (Claims.Role, owner.Role.ToString().ToLowerInvariant(), ClaimValueTypes.String);
        }

        if (scopes.Contains(Scopes.Email) && owner.Email is not null)
        {
            yield return (Claims.Email, owner.Email, ClaimValueTypes.String);
            yield return (Claims.EmailVerified, owner.EmailConfirmed ? "true" : "false", ClaimValueTypes.Boolean);
        }
    }
}
