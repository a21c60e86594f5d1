using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// The one path on which API keys and access tokens are checked: for our API, introspection, revocation and exchange alike. A key costs a checksum and
/// one indexed read; a token a signature and one indexed read; either is remembered for less than a second.
/// </summary>
public sealed class CredentialAuthenticator(CredentialReader reader, CredentialCache cache, AccessTokenReader tokens, TimeProvider clock)
{
    private const int LongestToken = 8 * 1024;

    /// <summary>The credential if it counts now; null if it is malformed, unknown, expired, ended, or its owner or organization is out of standing.</summary>
    /// <exception cref="System.Data.Common.DbException">The database cannot be read: the credential is neither accepted nor called invalid.</exception>
    public ValueTask<CachedCredential?> AuthenticateAsync(string credential, CancellationToken cancellationToken)
    {
        if (ApiKeySecret.LooksLikeKey(credential))
        {
            if (!ApiKeySecret.IsWellFormed(credential))
                return default;
        }
        else if (credential.Length > LongestToken || !credential.StartsWith("ey", StringComparison.Ordinal) || !Ascii.IsValid(credential))
        {
            return default;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(credential, hash);
        var key = CredentialHash.From(hash);
        if (cache.TryGet(key, out var known))
            return new(known!.Caller.EndedAt(clock.GetUtcNow().UtcDateTime) ? null : known);
        return ReadAsync(credential, key, hash.ToArray(), cancellationToken);
    }

    private async ValueTask<CachedCredential?> ReadAsync(string credential, CredentialHash key, byte[] hash, CancellationToken cancellationToken)
    {
        var reading = cache.Begin();
        var caller = ApiKeySecret.LooksLikeKey(credential)
            ? await reader.ApiKeyAsync(hash, cancellationToken)
            : await TokenAsync(credential, cancellationToken);
        var now = clock.GetUtcNow().UtcDateTime;
        if (caller is null || caller.EndedAt(now))
            return null;
        var known = new CachedCredential(caller, reading, caller.ExpiresAt is { } end && end - now < CredentialNames.ExpiryNotice
            ? end.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : null);
        cache.Keep(key, known);
        return known;
    }

    private async ValueTask<Caller?> TokenAsync(string token, CancellationToken cancellationToken)
    {
        if (await tokens.ReadAsync(token) is not { } claims || await reader.GrantAsync(claims.GrantId, cancellationToken) is not { } grant)
            return null;
        if (grant.UserId != claims.Subject || grant.ClientId != claims.ClientId)
            return null;
        string[] scopes = [.. claims.Scopes.Where(grant.Has)];
        return new Caller
        {
            Kind = grant.Kind,
            CredentialId = grant.CredentialId,
            CredentialName = grant.CredentialName,
            Scopes = scopes,
            Audiences = claims.Audiences,
            IssuedAt = claims.IssuedAt,
            ExpiresAt = grant.ExpiresAt < claims.ExpiresAt ? grant.ExpiresAt : claims.ExpiresAt,
            TokenId = claims.TokenId,
            ClientId = grant.ClientId,
            Interactive = grant.Interactive,
            AuthenticatedAt = grant.AuthenticatedAt,
            UserId = grant.UserId,
            Username = grant.Username,
            DisplayName = grant.DisplayName,
            Email = grant.Email,
            UserKind = grant.UserKind,
            Role = grant.Role,
            IsOperator = grant.IsOperator,
            OrganizationId = grant.OrganizationId,
            OrganizationSlug = grant.OrganizationSlug,
            OrganizationName = grant.OrganizationName,
        };
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
