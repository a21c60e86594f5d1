using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using Activate.Identity.Core;
using Activate.Identity.Server.Accounts;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>What OpenIddict is given to sign somebody in with: the claims of the ID token. Access and refresh tokens are written from the grant alone.</summary>
internal static class TokenPrincipal
{
    public static ClaimsPrincipal For(Standing standing, DateTime now)
    {
        var (owner, grant, tokens) = standing;
        var scopes = Scopes.Split(tokens.Scopes);
        var identity = new ClaimsIdentity("grant", Claims.Name, Claims.Role);
        identity.AddClaims(OwnerClaims.Of(owner).Told(scopes, grant.Claims, OwnerClaims.IdToken));
        if (grant.AuthenticatedAt is { } authenticated)
            identity.AddClaim(new Claim(Claims.AuthenticationTime, EpochTime.GetIntDate(authenticated).ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
        if (grant.Methods is { } methods)
        {
            identity.AddClaim(new Claim(Claims.AuthenticationMethodReference, JsonSerializer.Serialize(Scopes.Split(methods)), OwnerClaims.JsonArray));
            identity.AddClaim(new Claim(Claims.AuthenticationContextReference, SignedIn.ContextOf(methods)));
        }

        identity.SetDestinations(_ => [Destinations.IdentityToken]);
        // OpenIddict answers with a refresh token when it sees this scope, also where a refresh asked for fewer.
        string[] signalled = [.. scopes.Where(scope => scope != Scopes.OfflineAccess), .. tokens.Refresh is null ? Array.Empty<string>() : [Scopes.OfflineAccess]];
        return new ClaimsPrincipal(identity).SetScopes(signalled).SetAccessTokenLifetime(tokens.ExpiresAt - now);
    }
}
