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
/// Writes an access token (RFC 9068): <c>typ: at+jwt</c>, not encrypted, and only what resource servers need: never a name or an e-mail address. RS256 signatures are
/// deterministic, so writing the same listed grant again gives the same token.
/// </summary>
public sealed class AccessTokenWriter(SigningKeys keys, PublicOrigin origin, SignedTokens known)
{
    /// <summary>The header's type (RFC 9068 §2.1).</summary>
    public const string Type = "at+jwt";

    private static readonly JsonWebTokenHandler s_handler = new() { SetDefaultTimesOnTokenCreation = false };

    /// <summary>
    /// The token of a generated token or a command line's session: the one token of its grant, known by its hash, which is noted in the grant with the last four
    /// characters.
    /// </summary>
    /// <param name="grant">The grant the token stands on.</param>
    /// <param name="organizationSlug">Of the grant's owner.</param>
    public string Write(TokenGrant grant, string organizationSlug)
    {
        var audiences = Caller.AudiencesFor(Scopes.Split(grant.Scopes), grant.Resources, origin);
        var token = Sign(new AccessTokenContent(grant.Id, grant.OwnerId.ToString(), grant.ClientId, grant.Scopes, audiences, grant.CreatedAt, grant.ExpiresAt, organizationSlug) { GrantId = grant.Id });
        grant.TokenHash = SHA256.HashData(Encoding.ASCII.GetBytes(token));
        grant.Last4 = token[^4..];
        return token;
    }

    /// <summary>A token without a row of its own: we too know it by its signature (<see cref="UnlistedTokens"/>).</summary>
    public string Write(AccessTokenContent content)
    {
        var token = Sign(content);
        known.Add(CredentialHash.From(CredentialAuthenticator.HashOf(token)));
        return token;
    }

    private string Sign(AccessTokenContent content)
    {
        var claims = new Dictionary<string, object>(12)
        {
            ["iss"] = origin.Issuer,
            ["sub"] = content.Subject,
            ["aud"] = content.Audiences.Count == 1 ? content.Audiences[0] : content.Audiences,
            ["iat"] = EpochTime.GetIntDate(content.IssuedAt),
            ["exp"] = EpochTime.GetIntDate(content.ExpiresAt),
            ["jti"] = content.Id.ToString(),
            ["client_id"] = content.ClientId,
            ["scope"] = content.Scopes,
            [ClaimNames.PlatformHost] = origin.Platform,
        };
        if (content.OrganizationSlug is { } slug)
            claims[ClaimNames.Organization] = slug;
        if (content.GrantId is { } grant)
            claims[ClaimNames.SessionId] = grant.ToString();
        if (content.ApiKeyId is { } key)
            claims[ClaimNames.ApiKeyId] = key.ToString();
        if (content.Exchanged)
            claims[ClaimNames.Exchanged] = true;
        return s_handler.CreateToken(new SecurityTokenDescriptor { TokenType = Type, SigningCredentials = keys.Current(content.Algorithm, content.IssuedAt).Credentials, Claims = claims });
    }
}
