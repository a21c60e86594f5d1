using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Leaks;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Leaks;

/// <summary>A credential of somebody's that was reported, and ended.</summary>
/// <param name="What">"API key", "token" or "device login".</param>
/// <param name="Name">What its owner called it.</param>
/// <param name="At">When.</param>
public sealed record LeakNotice(string What, string Name, DateTime At);

/// <summary>
/// Ends what leaked, also where its owner is disabled or suspended just now, and tells the owner. A client secret is not ended, because everybody would be signed out of
/// the application: the event tells the administrators to rotate it.
/// </summary>
internal sealed class LeakedCredentials(ActivateDbContext database, AuditTrail audit, CredentialCache cache, ServerKeys keys, MailOutbox outbox, Letters letters, TimeProvider clock)
{
    private static readonly string[] s_ended = [AuditTypes.ApiKeyLeaked, AuditTypes.TokenLeaked, AuditTypes.SessionLeaked];
    private static readonly TimeSpan s_shownFor = TimeSpan.FromDays(30);

    public Task EndAsync(LeakReport report, CancellationToken cancellationToken) => report.Kind switch
    {
        SecretKind.ApiKey => EndApiKeyAsync(report, cancellationToken),
        SecretKind.ClientSecret => NoteClientSecretAsync(report, cancellationToken),
        SecretKind.RefreshToken => RefreshToken.TryParse(report.RefreshToken, keys.HashCode, out var token)
            ? EndGrantAsync(database.TokenGrants.Where(g => g.Id == token.GrantId), report, cancellationToken)
            : Task.CompletedTask,
        null => EndGrantAsync(database.TokenGrants.Where(g => g.TokenHash == report.Hash), report, cancellationToken),
    };

    /// <summary>What was reported and ended of a person in the last weeks, for their page.</summary>
    public static async Task<IReadOnlyList<LeakNotice>> NoticesAsync(ActivateDbContext database, Guid userId, DateTime now, CancellationToken cancellationToken)
    {
        var since = now - s_shownFor;
        var events = await database.AuditEvents.AsNoTracking().Include(e => e.Words).Where(e => e.OwnerId == userId && e.At > since && s_ended.Contains(e.Type))
            .OrderByDescending(e => e.At).Take(20).ToListAsync(cancellationToken);
        return [.. events.Select(e => new LeakNotice(What(e.Type), e.Words?.Text ?? "", e.At))];
    }

    private async Task EndApiKeyAsync(LeakReport report, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var known = await database.ApiKeyHashes.AsNoTracking().Where(h => h.Hash == report.Hash)
            .Select(h => new { h.ApiKeyId, h.EndsAt, h.ApiKey!.ExpiresAt, h.ApiKey.Name, h.ApiKey.OwnerId, h.ApiKey.Owner!.OrganizationId }).SingleOrDefaultAsync(cancellationToken);
        if (known is null || known.ExpiresAt <= now || known.EndsAt <= now)
            return;
        // Of a key that has a newer secret already only the old one ends: whoever rotated it because of the leak keeps working.
        var old = known.EndsAt is not null;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var ended = old
            ? await database.ApiKeyHashes.Where(h => h.Hash == report.Hash && h.EndsAt != null).ExecuteDeleteAsync(cancellationToken)
            : await database.ApiKeys.Where(k => k.Id == known.ApiKeyId).ExecuteDeleteAsync(cancellationToken);
        if (ended == 0)
            return;
        if (old)
            await database.ApiKeys.Where(k => k.Id == known.ApiKeyId).ExecuteUpdateAsync(set => set.SetProperty(k => k.RotationEndsAt, (DateTime?)null), cancellationToken);
        audit.Add(AuditTypes.ApiKeyLeaked, null, known.ApiKeyId, detail: old ? "the secret before the last rotation" : null, name: known.Name, owner: known.OwnerId,
            organization: known.OrganizationId, address: report.Address);
        await outbox.NotifyAsync(known.OwnerId, letters.Leaked(What(AuditTypes.ApiKeyLeaked), known.Name, old), cancellationToken);
        await SaveAsync(transaction, cancellationToken);
    }

    private async Task EndGrantAsync(IQueryable<TokenGrant> which, LeakReport report, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var grant = await which.AsNoTracking().Include(g => g.Owner).FirstOrDefaultAsync(g => g.ExpiresAt > now, cancellationToken);
        if (grant is null)
            return;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.TokenGrants.Where(g => g.Id == grant.Id).ExecuteDeleteAsync(cancellationToken) == 0)
            return;
        var type = grant.Kind == CredentialKind.Token ? AuditTypes.TokenLeaked : AuditTypes.SessionLeaked;
        audit.Add(type, null, grant.Id, grant.ClientId, name: grant.Name, owner: grant.OwnerId, organization: grant.Owner!.OrganizationId, address: report.Address);
        await outbox.NotifyAsync(grant.OwnerId, letters.Leaked(What(type), grant.Name, old: false), cancellationToken);
        await SaveAsync(transaction, cancellationToken);
    }

    private async Task NoteClientSecretAsync(LeakReport report, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var hash = ApplicationSecrets.Stored(report.Hash);
        var application = await database.Applications.AsNoTracking()
            .FirstOrDefaultAsync(a => a.ClientSecret == hash || (a.PreviousSecret == hash && a.PreviousSecretEndsAt > now), cancellationToken);
        // Once a day: a secret that stands somewhere is found again and again.
        var yesterday = now.AddDays(-1);
        if (application is null || await database.AuditEvents.AnyAsync(
            e => e.OrganizationId == application.OrganizationId && e.At > yesterday && e.SubjectId == application.Id && e.Type == AuditTypes.ApplicationSecretLeaked, cancellationToken))
            return;
        audit.Add(AuditTypes.ApplicationSecretLeaked, null, application.Id, application.ClientId, $"“{application.DisplayName}”: not ended, rotate it", organization: application.OrganizationId,
            address: report.Address);
        await outbox.NotifyAdministratorsAsync(application.OrganizationId, letters.SecretLeaked(application.DisplayName ?? application.ClientId!), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
    }

    private static string What(string type) => type switch
    {
        AuditTypes.ApiKeyLeaked => "API key",
        AuditTypes.TokenLeaked => "token",
        _ => "device login",
    };

    /// <summary>Ended on every node within a second. The owner is told by mail, and by their page (<see cref="NoticesAsync"/>).</summary>
    private async Task SaveAsync(Microsoft.EntityFrameworkCore.Storage.IDbContextTransaction transaction, CancellationToken cancellationToken)
    {
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
    }
}
