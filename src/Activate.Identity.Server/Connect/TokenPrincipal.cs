using System.Globalization;
using System.Security.Claims;
using Activate.Identity.Core;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>What OpenIddict is given to sign somebody in with: the claims of the ID token by scope. The access token is written from the grant alone.</summary>
internal static class TokenPrincipal
{
    public static ClaimsPrincipal For(Standing standing, DateTime now)
    {
        var (owner, grant, _) = standing;
        var scopes = Scopes.Split(grant.Scopes);
        var identity = new ClaimsIdentity("grant", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, owner.Id.ToString());
        if (scopes.Contains(Scopes.Profile))
        {
            identity.SetClaim(Claims.PreferredUsername, owner.UserName)
                .SetClaim(Claims.Name, owner.DisplayName ?? owner.UserName)
                .SetClaim(ClaimNames.Organization, owner.Organization!.Slug)
                .SetClaim(Claims.Role, owner.Role.ToString().ToLowerInvariant());
        }

        if (scopes.Contains(Scopes.Email) && owner.Email is not null)
        {
            identity.SetClaim(Claims.Email, owner.Email);
            identity.AddClaim(new Claim(Claims.EmailVerified, owner.EmailConfirmed ? "true" : "false", ClaimValueTypes.Boolean));
        }

        if (grant.AuthenticatedAt is { } authenticated)
            identity.AddClaim(new Claim(Claims.AuthenticationTime, EpochTime.GetIntDate(authenticated).ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
        identity.SetDestinations(_ => [Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity).SetScopes(scopes).SetAccessTokenLifetime(grant.ExpiresAt - now);
    }
}
