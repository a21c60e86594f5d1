using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// Writes an access token (RFC 9068): <c>typ: at+jwt</c>, RS256, not encrypted, and only what resource servers need: never a name or an e-mail address.
/// RS256 signatures are deterministic, so writing the same grant again gives the same token. The signature is for resource servers: we ourselves know our
/// tokens by their hash.
/// </summary>
public sealed class AccessTokenWriter(SigningKeys keys, PublicOrigin origin)
{
    private static readonly JsonWebTokenHandler s_handler = new() { SetDefaultTimesOnTokenCreation = false };

    /// <summary>The token of a grant; its hash and last four characters are noted in the grant.</summary>
    /// <param name="grant">The grant the token stands on.</param>
    /// <param name="organizationSlug">Of the grant's owner.</param>
    public string Write(TokenGrant grant, string organizationSlug)
    {
        var audiences = Caller.AudiencesFor(Scopes.Split(grant.Scopes), origin);
        var token = s_handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = "at+jwt",
            SigningCredentials = keys.Current(SecurityAlgorithms.RsaSha256, grant.CreatedAt).Credentials,
            Claims = new Dictionary<string, object>
            {
                ["iss"] = origin.Issuer,
                ["sub"] = grant.OwnerId.ToString(),
                ["aud"] = audiences.Count == 1 ? audiences[0] : audiences,
                ["iat"] = EpochTime.GetIntDate(grant.CreatedAt),
                ["exp"] = EpochTime.GetIntDate(grant.ExpiresAt),
                ["jti"] = grant.Id.ToString(),
                ["client_id"] = grant.ClientId,
                ["scope"] = grant.Scopes,
                [ClaimNames.PlatformHost] = origin.Platform,
                [ClaimNames.Organization] = organizationSlug,
                [ClaimNames.SessionId] = grant.Id.ToString(),
            },
        });
        grant.TokenHash = SHA256.HashData(Encoding.ASCII.GetBytes(token));
        grant.Last4 = token[^4..];
        return token;
    }
}
