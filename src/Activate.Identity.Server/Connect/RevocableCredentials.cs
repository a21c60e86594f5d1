using System.Linq.Expressions;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Connect;

/// <summary>A credential that its holder wants ended.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Actor">Its owner, with what is to end as the credential; null: an application itself.</param>
/// <param name="ClientId">Whose token it is; null of a key, which is bound to no client.</param>
/// <param name="Unlisted">Where the token ends alone, because it has no grant of its own: what it says.</param>
internal sealed record Revocable(CredentialKind Kind, AuditActor? Actor, string? ClientId, AccessTokenContent? Unlisted = null);

/// <summary>
/// Finds what is to be revoked (RFC 7009), whether or not it counts just now: the key of somebody who is disabled or paused, or the token of an application that is suspended, would live
/// again with them. What has ended for good is unknown.
/// </summary>
internal sealed class RevocableCredentials(ActivateDbContext database, UnlistedTokens unlisted, TimeProvider clock)
{
    public Task<Revocable?> FindAsync(string credential, CancellationToken cancellationToken) =>
        ApiKeySecret.LooksLikeKey(credential) ? FindKeyAsync(credential, cancellationToken)
        : CredentialAuthenticator.MayBeToken(credential) ? FindTokenAsync(credential, cancellationToken)
        : Task.FromResult<Revocable?>(null);

    private async Task<Revocable?> FindKeyAsync(string credential, CancellationToken cancellationToken)
    {
        if (!ApiKeySecret.IsWellFormed(credential))
            return null;
        var (hash, now) = (CredentialAuthenticator.HashOf(credential), clock.Now());
        return await database.ApiKeyHashes.AsNoTracking()
            .Where(secret => secret.Hash == hash && (secret.EndsAt == null || secret.EndsAt > now) && (secret.ApiKey!.ExpiresAt == null || secret.ApiKey.ExpiresAt > now))
            .Select(secret => new Revocable(CredentialKind.ApiKey, new AuditActor(secret.ApiKey!.OwnerId, secret.ApiKey.Owner!.OrganizationId, secret.ApiKeyId), null, null))
            .SingleOrDefaultAsync(cancellationToken);
    }

    private async Task<Revocable?> FindTokenAsync(string credential, CancellationToken cancellationToken)
    {
        var (hash, now) = (CredentialAuthenticator.HashOf(credential), clock.Now());
        if (UnlistedTokens.SaysListed(credential))
            return await FindGrantAsync(grant => grant.TokenHash == hash && grant.ExpiresAt > now, cancellationToken);
        if (await unlisted.ReadAsync(credential, CredentialHash.From(hash)) is not { } token || token.ExpiresAt <= now)
            return null;
        if (token is { GrantId: { } id, Exchanged: false })
            return await FindGrantAsync(grant => grant.Id == id, cancellationToken);
        // An application's own token names no person.
        var owner = Guid.TryParse(token.Subject, out var subject)
            ? await database.Users.Where(user => user.Id == subject).Select(user => (Guid?)user.OrganizationId).SingleOrDefaultAsync(cancellationToken)
            : null;
        var actor = owner is { } organization ? new AuditActor(subject, organization, token.ApiKeyId ?? token.GrantId) : null;
        return new Revocable(CredentialKind.Token, actor, token.ClientId, token);
    }

    private Task<Revocable?> FindGrantAsync(Expression<Func<TokenGrant, bool>> which, CancellationToken cancellationToken) =>
        database.TokenGrants.AsNoTracking().Where(which)
            .Select(grant => new Revocable(grant.Kind, new AuditActor(grant.OwnerId, grant.Owner!.OrganizationId, grant.Id), grant.ClientId, null))
            .SingleOrDefaultAsync(cancellationToken);
}
