using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>Ends now what was last used, or where it never was, made before these moments; null: nothing of the kind.</summary>
/// <param name="ApiKeys">As the policy says.</param>
/// <param name="SshKeys">The same, but only where each cluster that asks for keys told of all logins since then: of the others nobody knows which keys are in use.</param>
internal readonly record struct UnusedBefore(DateTime? ApiKeys, DateTime? SshKeys)
{
    public static async Task<UnusedBefore> OfAsync(ActivateDbContext database, Guid organizationId, UnusedLimits limits, DateTime now, CancellationToken cancellationToken)
    {
        if (limits.Before(now) is not { } before)
            return default;
        // A cluster that asks lets people in. One that did not tell of a single login since may have lost the hook.
        var isSilent = await database.Clusters.AnyAsync(cluster => cluster.OrganizationId == organizationId
            && database.ApiKeys.Any(key => key.OwnerId == cluster.ServiceAccountId && key.LastUsedAt >= before)
            && !(cluster.ReportsSince <= before && cluster.LastReportAt >= before), cancellationToken);
        return new UnusedBefore(before, isSilent ? null : before);
    }
}

/// <summary>
/// Ends API keys and SSH keys that nobody uses, where the policy says so: each with its event, in small batches. A key ends by a statement that looks at its last use once more, so
/// that one which was used meanwhile lives on, and of two nodes that come at once one ends it. They stay listed as ended, with <c>unused</c> as the reason.
/// </summary>
public sealed class UnusedKeys(IServiceScopeFactory scopes, PolicyReader policies, LastUses uses, CredentialCache cache, TimeProvider clock, ILogger<UnusedKeys> logger)
    : BackgroundRounds(TimeSpan.FromHours(1), "Keys that nobody uses were not all ended; the next round goes on", logger)
{
    private const int BatchSize = 100;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    protected override Task RoundAsync(CancellationToken cancellationToken) => EndAsync(cancellationToken);

    /// <summary>One round over all organizations.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        // What this node knows and has not written counts, too.
        await uses.FlushAsync(cancellationToken);
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        foreach (var organization in await database.Organizations.AsNoTracking().Select(o => new { o.Id, o.Policy }).ToListAsync(cancellationToken))
        {
            var limits = policies.Effective(PolicyReader.Document(organization.Policy)).Unused;
            var before = await UnusedBefore.OfAsync(database, organization.Id, limits, clock.Now(), cancellationToken);
            if (before.ApiKeys is not null)
                await EndAsync(scope.ServiceProvider, organization.Id, before, $"not used for {Texts.Count(limits.EndAfterDays!.Value, "day")}", cancellationToken);
        }
    }

    /// <summary>The living keys of an organization that nobody used, or made, since.</summary>
    internal static IEnumerable<(DateTime Before, IQueryable<GovernedRow> Rows)> Open(ActivateDbContext database, Guid organizationId, UnusedBefore before, DateTime now) =>
        (((DateTime? Before, IQueryable<GovernedRow> Rows)[])[(before.ApiKeys, GovernedRow.ApiKeys(database, organizationId)), (before.SshKeys, GovernedRow.SshKeys(database, organizationId))])
        .Where(kind => kind.Before is not null)
        .Select(kind => (kind.Before!.Value,
            kind.Rows.Where(row => row.EndsUnused && (row.ExpiresAt == null || row.ExpiresAt > now) && (row.LastUsedAt ?? row.CreatedAt) < kind.Before.Value)));

    private async Task EndAsync(IServiceProvider services, Guid organizationId, UnusedBefore unused, string why, CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<ActivateDbContext>();
        var audit = services.GetRequiredService<AuditTrail>();
        foreach (var (before, rows) in Open(database, organizationId, unused, clock.Now()))
        {
            Guid? last = null;
            while (true)
            {
                var after = last;
                var batch = await rows.Where(row => after == null || row.Id.CompareTo(after.Value) > 0).OrderBy(row => row.Id).Take(BatchSize).ToListAsync(cancellationToken);
                if (batch.Count == 0)
                    break;
                await using (var transaction = await database.Database.BeginTransactionAsync(cancellationToken))
                {
                    await database.TakeTurnOfOrganizationAsync(organizationId, cancellationToken);
                    foreach (var row in batch)
                    {
                        if (await EndAsync(database, row, before, cancellationToken))
                            audit.Add(row.Kind == CredentialKind.ApiKey ? AuditTypes.ApiKeyUnused : AuditTypes.SshKeyUnused, null, row.Id, detail: why, name: row.Name, owner: row.OwnerId, organization: organizationId);
                    }

                    await database.SaveChangesAsync(cancellationToken);
                    await transaction.CommitAsync(cancellationToken);
                }

                database.ChangeTracker.Clear();
                cache.Forget();
                last = batch[^1].Id;
                await Task.Delay(s_pause, cancellationToken);
            }
        }
    }

    private async Task<bool> EndAsync(ActivateDbContext database, GovernedRow row, DateTime before, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        return 1 == (row.Kind == CredentialKind.ApiKey
            ? await database.ApiKeys.Where(k => k.Id == row.Id && (k.ExpiresAt == null || k.ExpiresAt > now) && (k.LastUsedAt ?? k.CreatedAt) < before)
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, now).SetProperty(k => k.ExpiresBecause, ExpiresBecause.Unused), cancellationToken)
            : await database.SshKeys.Where(k => k.Id == row.Id && (k.ExpiresAt == null || k.ExpiresAt > now) && (k.LastUsedAt ?? k.CreatedAt) < before)
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, now).SetProperty(k => k.ExpiresBecause, ExpiresBecause.Unused), cancellationToken));
    }
}
