using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>Writes ID tokens (OpenID Connect Core §2), signed as the application wants it.</summary>
internal sealed class IdTokenWriter(SigningKeys keys, PublicOrigin origin, TimeProvider clock)
{
    private static readonly JsonWebTokenHandler s_handler = new() { SetDefaultTimesOnTokenCreation = false };

    /// <param name="standing">Who signed in to which client, and the access token that goes with it.</param>
    /// <param name="algorithm">What the client asks for; null: RS256.</param>
    public string Write(Standing standing, string? algorithm)
    {
        var (owner, grant, tokens) = standing;
        var now = clock.Now();
        var claims = new Dictionary<string, object>(20)
        {
            [Claims.Issuer] = origin.Issuer,
            [Claims.ExpiresAt] = EpochTime.GetIntDate(now.AddHours(GrantIssuer.AccessTokenHours)),
            [Claims.IssuedAt] = EpochTime.GetIntDate(now),
            [Claims.Audience] = grant.ClientId,
            [Claims.AuthorizedParty] = grant.ClientId,
            [Claims.AccessTokenHash] = HashOf(tokens.Access),
        };
        foreach (var (name, value) in OwnerClaims.Of(owner).Told(Scopes.Split(tokens.Scopes), grant.Claims, OwnerClaims.IdToken))
            claims[name] = value;
        foreach (var (name, value) in OwnerClaims.OfSignIn(grant.AuthenticatedAt, grant.Methods))
            claims[name] = value;
        if (standing.Nonce is { } nonce)
            claims[Claims.Nonce] = nonce;
        return s_handler.CreateToken(new SecurityTokenDescriptor { Claims = claims, SigningCredentials = keys.Current(algorithm ?? SecurityAlgorithms.RsaSha256, now).Credentials });
    }

    /// <summary><c>at_hash</c> (§3.1.3.6): the left half of the hash that the algorithm uses, which is SHA-256 for both of ours.</summary>
    private static string HashOf(string accessToken) => Base64UrlEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken))[..(SHA256.HashSizeInBytes / 2)]);
}
