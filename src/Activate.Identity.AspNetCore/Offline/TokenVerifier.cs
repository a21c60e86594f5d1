using Activate.Identity.AspNetCore.Credentials;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.AspNetCore.Offline;

/// <summary>
/// Verifies an access token by its signature (RFC 9068 §4). The key is the one that the token names, used only with the algorithm that the server published for it
/// (RFC 8725 §3.1): a token chooses neither.
/// </summary>
internal sealed class TokenVerifier(KeySet keys, IOptions<ActivateIdentityOptions> options, TimeProvider clock)
{
    private static readonly string[] s_algorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = CredentialHash.LongestCredential };
    private readonly ActivateIdentityOptions _options = options.Value;
    private readonly HashSet<string> _audiences = new(options.Value.Audiences, StringComparer.Ordinal);

    /// <param name="text">The token, whose issuer was looked at.</param>
    /// <param name="until">How long the answer may be repeated, unless the token ends before.</param>
    public async Task<Verdict> VerifyAsync(string text, DateTimeOffset until)
    {
        JsonWebToken token;
        try
        {
            token = _handler.ReadJsonWebToken(text);
        }
        catch (ArgumentException)
        {
            return Verdict.RefusedUntil(until);
        }

        // RFC 7515 §4.1.11: an extension that has to be understood is not.
        if (token.Kid is not { Length: > 0 } id || !s_algorithms.Contains(token.Alg) || token.TryGetHeaderValue<object>("crit", out _))
            return Verdict.RefusedUntil(until);
        var (known, key) = await keys.FindAsync(id, token.Alg);
        if (key is null)
            // Not remembered: the key may be published by the next time.
            return known ? Verdict.RefusedAtSight : Verdict.Unavailable;
        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidTypes = ["at+jwt"],
            ValidAlgorithms = s_algorithms,
            ValidIssuer = _options.IssuerText,
            ValidAudiences = _options.Audiences,
            IgnoreTrailingSlashWhenValidatingAudience = false,
            IssuerSigningKey = key,
            TryAllIssuerSigningKeys = false,
            // By our clock, and to the second.
            LifetimeValidator = (notBefore, expires, _, _) => expires > clock.GetUtcNow().UtcDateTime && !(notBefore > clock.GetUtcNow().UtcDateTime),
        });
        if (!result.IsValid)
            return Verdict.RefusedUntil(until);
        return new PrincipalClaims(ActivateIdentityClaims.AccessToken, _options.IssuerText)
        {
            Subject = token.Subject,
            ClientId = Text(token, ActivateIdentityClaims.ClientId),
            Organization = Text(token, ActivateIdentityClaims.Organization),
            TokenId = token.Id,
            Scopes = Text(token, ActivateIdentityClaims.Scope) ?? "",
            Audiences = [.. token.Audiences],
            IssuedAt = new DateTimeOffset(token.IssuedAt).ToUnixTimeSeconds(),
            ExpiresAt = new DateTimeOffset(token.ValidTo).ToUnixTimeSeconds(),
        }.ToVerdict(_audiences, clock.GetUtcNow(), until);
    }

    private static string? Text(JsonWebToken token, string claim) => token.TryGetPayloadValue<string>(claim, out var value) ? value : null;
}
