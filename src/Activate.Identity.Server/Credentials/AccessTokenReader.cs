using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Credentials;

/// <summary>What a token of ours says about itself, once its signature, type, issuer and times are known to be right (RFC 9068 §4).</summary>
public sealed record AccessTokenClaims(
    Guid GrantId, Guid Subject, string ClientId, string TokenId, IReadOnlyList<string> Scopes, IReadOnlyList<string> Audiences, DateTime IssuedAt, DateTime ExpiresAt);

/// <summary>Checks the form of an access token. Whether it still counts is for its grant's row to say.</summary>
public sealed class AccessTokenReader(ServerKeys keys, PublicOrigin origin, TimeProvider clock)
{
    private static readonly JsonWebTokenHandler s_handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = 8 * 1024 };

    private readonly TokenValidationParameters _parameters = new()
    {
        ValidIssuer = origin.Issuer,
        ValidTypes = ["at+jwt"],
        ValidAlgorithms = [SecurityAlgorithms.RsaSha256],
        IssuerSigningKeys = [keys.Signing],
        // Never a key that the token itself names (jku, x5u, jwk), and never one for another key id.
        TryAllIssuerSigningKeys = false,
        // Who asks knows the audience: our API, or a resource server by introspection.
        ValidateAudience = false,
        RequireExpirationTime = true,
        RequireSignedTokens = true,
        LifetimeValidator = (_, expires, _, _) => expires > clock.GetUtcNow().UtcDateTime,
    };

    public async ValueTask<AccessTokenClaims?> ReadAsync(string token)
    {
        var result = await s_handler.ValidateTokenAsync(token, _parameters);
        // RFC 7515 §4.1.11: we understand no extension, so a token that insists on one is refused. The handler does not look.
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt || jwt.TryGetHeaderValue<object>("crit", out _))
            return null;
        return jwt.TryGetPayloadValue<string>(ClaimNames.SessionId, out var sid) && Guid.TryParse(sid, out var grant)
            && Guid.TryParse(jwt.Subject, out var subject)
            && jwt.TryGetPayloadValue<string>("client_id", out var client)
            && jwt.TryGetPayloadValue<string>("scope", out var scope)
            ? new AccessTokenClaims(grant, subject, client, jwt.Id, scope.Split(' ', StringSplitOptions.RemoveEmptyEntries), [.. jwt.Audiences], jwt.IssuedAt, jwt.ValidTo)
            : null;
    }
}
