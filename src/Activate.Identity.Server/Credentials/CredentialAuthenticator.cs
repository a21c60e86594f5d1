using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Server.Telemetry;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// The one path on which API keys and access tokens are checked: for our API, introspection, revocation and exchange alike. Keys, generated tokens and the tokens of
/// command lines are found by the SHA-256 of all of it; other tokens are proven by their signature, and what they stand on is found by its id. Either way it is one
/// indexed read, and remembered for less than a second. A token that we did not write, byte for byte, is unknown.
/// </summary>
public sealed class CredentialAuthenticator(CredentialReader reader, UnlistedTokens unlisted, CredentialCache cache, ServerMeter meter, TimeProvider clock)
{
    internal const int LongestToken = 8 * 1024;

    /// <summary>The credential if it counts now; null if it is malformed, unknown, expired, ended, or its owner or organization is out of standing.</summary>
    /// <exception cref="System.Data.Common.DbException">The database cannot be read: the credential is neither accepted nor called invalid.</exception>
    public ValueTask<CachedCredential?> AuthenticateAsync(string credential, CancellationToken cancellationToken)
    {
        var kind = ApiKeySecret.LooksLikeKey(credential) ? ServerMeter.Credential.ApiKey : ServerMeter.Credential.Token;
        if (kind == ServerMeter.Credential.ApiKey
            ? !ApiKeySecret.IsWellFormed(credential)
            : !MayBeToken(credential))
        {
            meter.Checked(kind, accepted: false);
            return default;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(credential, hash);
        var key = CredentialHash.From(hash);
        if (cache.TryGet(key, out var known))
        {
            var counts = !known!.Caller.EndedAt(clock.GetUtcNow().UtcDateTime);
            meter.Checked(kind, counts);
            return new(counts ? known : null);
        }

        return ReadAsync(credential, kind, key, hash.ToArray(), cancellationToken);
    }

    /// <summary>Whether it has what every JWT of ours has; the rest costs a hash.</summary>
    internal static bool MayBeToken(string credential) => credential.Length <= LongestToken && credential.StartsWith("ey", StringComparison.Ordinal) && Ascii.IsValid(credential);

    private async ValueTask<CachedCredential?> ReadAsync(string credential, ServerMeter.Credential kind, CredentialHash key, byte[] hash, CancellationToken cancellationToken)
    {
        var reading = cache.Begin();
        var caller = kind == ServerMeter.Credential.ApiKey ? await reader.ApiKeyAsync(hash, cancellationToken)
            : UnlistedTokens.SaysListed(credential) ? await reader.AccessTokenAsync(hash, cancellationToken)
            : await unlisted.ReadAsync(credential, key) is { } content && content.ExpiresAt > clock.GetUtcNow().UtcDateTime ? await reader.UnlistedAsync(content, cancellationToken)
            : null;
        var now = clock.GetUtcNow().UtcDateTime;
        if (caller is null || caller.EndedAt(now))
        {
            meter.Checked(kind, accepted: false);
            return null;
        }

        meter.Checked(kind, accepted: true);
        var known = new CachedCredential(caller, reading, caller.ExpiresAt is { } end && end - now < CredentialNames.ExpiryNotice
            ? end.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : null);
        cache.Keep(key, known);
        return known;
    }

    /// <summary>What a key or token is found by: SHA-256 of all of it.</summary>
    internal static byte[] HashOf(string credential)
    {
        var hash = new byte[SHA256.HashSizeInBytes];
        Hash(credential, hash);
        return hash;
    }

    private static void Hash(string credential, Span<byte> hash)
    {
        if (ApiKeySecret.LooksLikeKey(credential))
        {
            ApiKeySecret.Hash(credential, hash);
            return;
        }

        Span<byte> bytes = stackalloc byte[credential.Length];
        Encoding.ASCII.GetBytes(credential, bytes);
        SHA256.HashData(bytes, hash);
    }
}
