using System.Buffers.Text;
using System.Collections.Concurrent;
using Activate.Identity.Core;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// Access tokens that have no row of their own: those of applications, and exchanged ones. Their signature proves that they are ours, byte for byte; what they stand on
/// (a grant, an API key, an application) is read to see whether it still counts.
/// </summary>
public sealed class UnlistedTokens
{
    private static readonly JsonWebTokenHandler s_handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = CredentialAuthenticator.LongestToken };

    /// <summary>Signatures that were checked, of tokens that come again and again: 20,000 tokens are some 20 MB.</summary>
    private const int Capacity = 20_000;

    private readonly ConcurrentDictionary<CredentialHash, AccessTokenContent> _proven = new();
    private readonly TokenValidationParameters _rules;

    public UnlistedTokens(SigningKeys keys, PublicOrigin origin)
    {
        _rules = new TokenValidationParameters
        {
            ValidTypes = [AccessTokenWriter.Type],
            ValidAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256],
            ValidIssuer = origin.Issuer,
            // Only the key that the header names, and only if it is ours: nothing else in a header is looked at.
            IssuerSigningKeyResolver = (_, _, kid, _) => kid is not null && keys.Find(kid) is { } key ? [key.Credentials.Key] : [],
            TryAllIssuerSigningKeys = false,
            // By the authenticator: audience by use, and the time by our clock.
            ValidateAudience = false,
            ValidateLifetime = false,
        };
    }

    /// <summary>
    /// Whether a token says that it is the one token of its grant (<c>sid</c> and <c>jti</c> are the same), which is known by its hash. What it says is not proven
    /// here: the hash, or the signature, does that.
    /// </summary>
    public static bool SaysListed(ReadOnlySpan<char> token)
    {
        var start = token.IndexOf('.') + 1;
        var length = start == 0 ? -1 : token[start..].IndexOf('.');
        if (length <= 0)
            return false;
        Span<byte> payload = stackalloc byte[CredentialAuthenticator.LongestToken];
        if (Base64Url.DecodeFromChars(token.Slice(start, length), payload, out _, out var written) != System.Buffers.OperationStatus.Done)
            return false;
        var json = payload[..written];
        return Id(json, "\"jti\":\""u8) is { IsEmpty: false } jti && jti.SequenceEqual(Id(json, "\"sid\":\""u8));
    }

    /// <summary>
    /// What a token says, if we signed it; its time is not looked at. That we did is true for ever of the same bytes (its key outlives it by a day), and remembered;
    /// whether it still counts is not.
    /// </summary>
    /// <param name="token">The token.</param>
    /// <param name="hash">SHA-256 of all of it.</param>
    public async ValueTask<AccessTokenContent?> ReadAsync(string token, CredentialHash hash)
    {
        if (_proven.TryGetValue(hash, out var known))
            return known;
        if (await ProveAsync(token) is not { } content)
            return null;
        if (_proven.Count >= Capacity)
            _proven.Clear();
        _proven[hash] = content;
        return content;
    }

    private async ValueTask<AccessTokenContent?> ProveAsync(string token)
    {
        var result = await s_handler.ValidateTokenAsync(token, _rules);
        if (!result.IsValid || result.SecurityToken is not JsonWebToken jwt || !Guid.TryParse(jwt.Id, out var id)
            || !jwt.TryGetClaim("client_id", out var client) || !jwt.TryGetClaim("scope", out var scope)
            || !TryGetId(jwt, ClaimNames.SessionId, out var grant) || !TryGetId(jwt, ClaimNames.ApiKeyId, out var key))
            return null;
        return new AccessTokenContent(id, jwt.Subject, client.Value, scope.Value, [.. jwt.Audiences], jwt.IssuedAt, jwt.ValidTo,
            jwt.TryGetClaim(ClaimNames.Organization, out var slug) ? slug.Value : null)
        {
            GrantId = grant,
            ApiKeyId = key,
            Exchanged = jwt.TryGetClaim(ClaimNames.Exchanged, out _),
            Algorithm = jwt.Alg,
        };
    }

    private static bool TryGetId(JsonWebToken jwt, string name, out Guid? id)
    {
        id = null;
        if (!jwt.TryGetClaim(name, out var claim))
            return true;
        if (!Guid.TryParse(claim.Value, out var read))
            return false;
        id = read;
        return true;
    }

    private static ReadOnlySpan<byte> Id(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var start = json.IndexOf(name);
        if (start < 0 || json.Length < start + name.Length + 36)
            return [];
        return json.Slice(start + name.Length, 36);
    }
}
