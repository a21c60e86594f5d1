using System.Buffers.Text;
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

    private readonly SignedTokens _known;
    private readonly TokenValidationParameters _rules;

    public UnlistedTokens(SigningKeys keys, PublicOrigin origin, SignedTokens known)
    {
        _known = known;
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
        if (!_known.Contains(hash))
        {
            if (!(await s_handler.ValidateTokenAsync(token, _rules)).IsValid)
                return null;
            _known.Add(hash);
        }

        return AccessTokenContent.Read(token);
    }

    private static ReadOnlySpan<byte> Id(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var start = json.IndexOf(name);
        if (start < 0 || json.Length < start + name.Length + 36)
            return [];
        return json.Slice(start + name.Length, 36);
    }
}
