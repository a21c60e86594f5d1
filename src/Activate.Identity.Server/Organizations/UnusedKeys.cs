using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>
/// Ends API keys and SSH keys that nobody uses, where the policy says so: each with its event, in small batches. A key ends by a statement that looks at its last use once more, so
/// that one which was used meanwhile lives on, and of two nodes that come at once one ends it. They stay listed as ended, with <c>unused</c> as the reason.
/// </summary>
public sealed class UnusedKeys(IServiceScopeFactory scopes, PolicyReader policies, LastUses uses, CredentialCache cache, TimeProvider clock, ILogger<UnusedKeys> logger)
    : PolicyRounds(TimeSpan.FromHours(1), "Keys that nobody uses were not all ended; the next round goes on", logger)
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
            if (limits.Before(clock.Now()) is { } before)
                await EndAsync(scope.ServiceProvider, organization.Id, before, $"not used for {Texts.Count(limits.EndAfterDays!.Value, "day")}", cancellationToken);
        }
    }

    /// <summary>The living keys of an organization that nobody used, or made, since.</summary>
    internal static IEnumerable<IQueryable<GovernedRow>> Open(ActivateDbContext database, Guid organizationId, DateTime before, DateTime now) =>
        ((IQueryable<GovernedRow>[])[GovernedRow.ApiKeys(database, organizationId), GovernedRow.SshKeys(database, organizationId)])
        .Select(rows => rows.Where(row => row.EndsUnused && (row.ExpiresAt == null || row.ExpiresAt > now) && (row.LastUsedAt ?? row.CreatedAt) < before));

    private async Task EndAsync(IServiceProvider services, Guid organizationId, DateTime before, string why, CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<ActivateDbContext>();
        var audit = services.GetRequiredService<AuditTrail>();
        foreach (var rows in Open(database, organizationId, before, clock.Now()))
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
