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
        foreach (var (type, value, valueType) in OwnerClaims.Of(owner, scopes))
            identity.AddClaim(new Claim(type, value, valueType));
        if (grant.AuthenticatedAt is { } authenticated)
            identity.AddClaim(new Claim(Claims.AuthenticationTime, EpochTime.GetIntDate(authenticated).ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
        identity.SetDestinations(_ => [Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity).SetScopes(scopes).SetAccessTokenLifetime(grant.ExpiresAt - now);
    }
}
