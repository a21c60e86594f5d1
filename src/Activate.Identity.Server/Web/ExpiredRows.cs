using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.SshKeys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Deletes, once an hour, what has ended anyway and is no longer listed, so that no table grows with time alone. Nothing depends on it; every check looks
/// at the time itself. Several nodes may do it at once. In small batches: whoever writes meanwhile gets a turn.
/// </summary>
public sealed class ExpiredRows(IServiceScopeFactory scopes, TimeProvider clock, IOptions<AuditOptions> audit, ILogger<ExpiredRows> logger) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await DeleteAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                logger.LogWarning(exception, "Expired rows were not deleted; the next round will");
            }
        }
    }

    /// <summary>One round.</summary>
    public async Task DeleteAsync(CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var now = clock.GetUtcNow().UtcDateTime;
        await database.BrowserSessions.Where(session => session.ExpiresAt <= now).OrderBy(session => session.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.PendingSignIns.Where(pending => pending.ExpiresAt <= now).OrderBy(pending => pending.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        // An hour more: another node's clock may be behind, and its window still open.
        var old = now - s_interval;
        await database.MailMessages.Where(mail => mail.GiveUpAt <= old).OrderBy(mail => mail.GiveUpAt).DeleteInBatchesAsync(database, cancellation);
        await database.ExpiryNotices.Where(notice => notice.EndsAt <= old).OrderBy(notice => notice.EndsAt).DeleteInBatchesAsync(database, cancellation);
        await database.MailedCodes.Where(code => code.ExpiresAt <= now).OrderBy(code => code.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.OneTimeCodes.Where(code => code.ExpiresAt <= now).OrderBy(code => code.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.SpentForms.Where(form => form.ExpiresAt <= now).OrderBy(form => form.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.Throttles.Where(throttle => throttle.WindowEndsAt <= old).OrderBy(throttle => throttle.WindowEndsAt).DeleteInBatchesAsync(database, cancellation);
        await database.DeviceRequests.Where(request => request.ExpiresAt <= old).OrderBy(request => request.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        var unlisted = now - CredentialNames.ListedAfterExpiry;
        await database.ApiKeys.Where(key => key.ExpiresAt <= unlisted).OrderBy(key => key.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        // No index says when a replaced secret ends: they are looked for without a lock, and deleted by their key.
        var replaced = await database.ApiKeyHashes.Where(hash => hash.EndsAt <= old).Select(hash => hash.Hash).ToListAsync(cancellation);
        await replaced.DeleteInBatchesAsync(hashes => database.ApiKeyHashes.Where(hash => hashes.Contains(hash.Hash)), database, cancellation);
        await database.SshCertificates.Where(certificate => certificate.ExpiresAt <= old).OrderBy(certificate => certificate.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.TokenGrants.Where(grant => grant.ExpiresAt <= unlisted).OrderBy(grant => grant.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await SshKeyRegistry.ForgetUnlistedAsync(database, key => true, now, cancellation);
        await database.AuthorizationCodes.Where(code => code.ExpiresAt <= now.AddDays(-1)).OrderBy(code => code.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.PushedRequests.Where(request => request.ExpiresAt <= old).OrderBy(request => request.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await database.EndedTokens.Where(token => token.ExpiresAt <= old).OrderBy(token => token.ExpiresAt).DeleteInBatchesAsync(database, cancellation);
        await AuditRetention.DeleteAsync(database, now.AddDays(-audit.Value.RetentionDays), cancellation);
    }
}
