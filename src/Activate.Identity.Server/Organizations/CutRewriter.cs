using System.Diagnostics;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Credentials;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>
/// Writes the ends that a cut gave into the rows, in small batches, so that checks need not apply it for ever. Nothing depends on when: every check applies a cut until
/// its rows are done. One node at a time works on a cut; a node that dies, or stalls, is replaced when its claim runs out, and has no say in it after that.
/// </summary>
public sealed class CutRewriter(IServiceScopeFactory scopes, TimeProvider clock, ILogger<CutRewriter> logger)
    : BackgroundRounds(TimeSpan.FromSeconds(30), "The rows of a policy's cut were not all rewritten; checks apply it all the same, and the next round goes on", logger)
{
    /// <summary>Read at a time; written in transactions of fewer.</summary>
    private const int Page = 500;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_claim = TimeSpan.FromMinutes(1);

    /// <summary>A credential decided under the policy before may still be on its way into the database: a cut is done only after a round that began this long after it.</summary>
    private static readonly TimeSpan s_settled = TimeSpan.FromMinutes(2);

    /// <summary>How long a cut that is done is kept, for whoever wants to know; each is a row that every check of the organization steps over.</summary>
    private static readonly TimeSpan s_history = TimeSpan.FromDays(1);

    protected override Task RoundAsync(CancellationToken cancellationToken) => RewriteAsync(cancellationToken);

    /// <summary>One round over all cuts that are not done; those done long ago are deleted.</summary>
    public async Task RewriteAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        foreach (var cut in await database.PolicyCuts.AsNoTracking().Where(cut => cut.DoneAt == null).OrderBy(cut => cut.At).ToListAsync(cancellationToken))
        {
            var now = clock.GetUtcNow().UtcDateTime;
            if (!await ClaimAsync(Free(database, cut, now), cut, now, cancellationToken))
                continue;
            foreach (var table in Tables(database, cut))
            {
                if (!await RewriteAsync(database, cut, table, cancellationToken))
                    break;
            }

            DateTime? done = now - cut.At >= s_settled ? now : null;
            await Claimed(database, cut).ExecuteUpdateAsync(set => set.SetProperty(c => c.DoneAt, done).SetProperty(c => c.ClaimedUntil, (DateTime?)null), cancellationToken);
        }

        var old = clock.GetUtcNow().UtcDateTime - s_history;
        // Asked first: usually there is none, and a DELETE is a write.
        if (await database.PolicyCuts.AnyAsync(cut => cut.DoneAt <= old, cancellationToken))
            await database.PolicyCuts.Where(cut => cut.DoneAt <= old).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>
    /// The credentials of an organization that a cut may shorten: those that end after the grace. (No cut ends a credential before.) The query is a superset; the
    /// cut's own rule decides.
    /// </summary>
    internal static IEnumerable<(string Table, IQueryable<GovernedRow> Rows)> Tables(ActivateDbContext database, PolicyCut cut)
    {
        if (cut.ApiKeyMaximumDays is not null)
            yield return ("ApiKeys", Open(GovernedRow.ApiKeys(database, cut.OrganizationId)));
        if (cut.TokenMaximumHours is not null || cut.RefreshMaximumDays is not null)
            yield return ("TokenGrants", Open(GovernedRow.TokenGrants(database, cut.OrganizationId)));
        if (cut.SshKeyMaximumDays is not null)
            yield return ("SshKeys", Open(GovernedRow.SshKeys(database, cut.OrganizationId)));

        IQueryable<GovernedRow> Open(IQueryable<GovernedRow> rows) =>
            rows.Where(row => row.PolicyVersion < cut.Version && (row.ExpiresAt == null || row.ExpiresAt > cut.GraceEndsAt));
    }

    /// <summary>False: the claim ran out on the way, and somebody else has the cut.</summary>
    private async Task<bool> RewriteAsync(ActivateDbContext database, PolicyCut cut, (string Table, IQueryable<GovernedRow> Rows) table, CancellationToken cancellationToken)
    {
        var size = new BatchSize(database.HasOneWriter);
        Guid? last = null;
        while (true)
        {
            var after = last;
            var page = await table.Rows.Where(row => after == null || row.Id.CompareTo(after.Value) > 0).OrderBy(row => row.Id).Take(Page).ToListAsync(cancellationToken);
            var shortened = page.Where(cut.ApplyTo).ToList();
            for (var written = 0; written < shortened.Count;)
            {
                var (rows, begun) = (shortened.Skip(written).Take(size.Rows).ToList(), Stopwatch.GetTimestamp());
                await using (var transaction = await database.Database.BeginTransactionAsync(cancellationToken))
                {
                    await using (var write = await PreparedWrite.PrepareAsync(database, Shorten(table.Table), table.Table,
                        [("@id", nameof(GovernedRow.Id)), ("@end", nameof(GovernedRow.ExpiresAt))], cancellationToken))
                    {
                        foreach (var row in rows)
                            await write.RunAsync(cancellationToken, row.Id, row.ExpiresAt);
                    }

                    await transaction.CommitAsync(cancellationToken);
                }

                size.Took(Stopwatch.GetElapsedTime(begun));
                written += rows.Count;
                await Task.Delay(s_pause, cancellationToken);
            }

            if (page.Count < Page)
                return true;
            last = page[^1].Id;
            // The claim is kept as long as the work goes on.
            if (!await ClaimAsync(Claimed(database, cut), cut, clock.GetUtcNow().UtcDateTime, cancellationToken))
                return false;
        }
    }

    internal static string Shorten(string table) =>
        $"""UPDATE "{table}" SET "ExpiresAt" = @end, "ExpiresBecause" = {(int)ExpiresBecause.Policy} WHERE "Id" = @id AND ("ExpiresAt" IS NULL OR "ExpiresAt" > @end)""";

    private static async Task<bool> ClaimAsync(IQueryable<PolicyCut> row, PolicyCut cut, DateTime now, CancellationToken cancellationToken)
    {
        var until = now + s_claim;
        if (await row.ExecuteUpdateAsync(set => set.SetProperty(c => c.ClaimedUntil, until), cancellationToken) != 1)
            return false;
        cut.ClaimedUntil = until;
        return true;
    }

    private static IQueryable<PolicyCut> Free(ActivateDbContext database, PolicyCut cut, DateTime now) =>
        Row(database, cut).Where(c => c.DoneAt == null && (c.ClaimedUntil == null || c.ClaimedUntil <= now));

    /// <summary>The row as long as it is claimed by this round: the time that a claim runs out tells it from the claims after it.</summary>
    private static IQueryable<PolicyCut> Claimed(ActivateDbContext database, PolicyCut cut) => Row(database, cut).Where(c => c.ClaimedUntil == cut.ClaimedUntil);

    private static IQueryable<PolicyCut> Row(ActivateDbContext database, PolicyCut cut) =>
        database.PolicyCuts.Where(c => c.OrganizationId == cut.OrganizationId && c.Version == cut.Version);
}
