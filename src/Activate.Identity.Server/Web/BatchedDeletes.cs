using System.Diagnostics;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>Deletes very many rows in transactions so short that nobody waits for them: one for all would keep every writer of SQLite out, and lock more than rows elsewhere.</summary>
internal static class BatchedDeletes
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    /// <param name="rows">In an order that an index has.</param>
    /// <param name="database">Theirs.</param>
    /// <param name="cancellationToken">Ends the work between two batches.</param>
    public static async Task DeleteInBatchesAsync<TRow>(this IOrderedQueryable<TRow> rows, ActivateDbContext database, CancellationToken cancellationToken)
    {
        for (var size = new BatchSize(database.HasOneWriter); ; await Task.Delay(s_pause, cancellationToken))
        {
            var (most, begun) = (size.Rows, Stopwatch.GetTimestamp());
            if (await rows.Take(most).ExecuteDeleteAsync(cancellationToken) < most)
                return;
            size.Took(Stopwatch.GetElapsedTime(begun));
        }
    }

    /// <summary>The same for rows that no index finds again.</summary>
    /// <param name="keys">Of all of them.</param>
    /// <param name="rows">Those of some keys.</param>
    /// <param name="database">Theirs.</param>
    /// <param name="cancellationToken">Ends the work between two batches.</param>
    public static async Task DeleteInBatchesAsync<TKey, TRow>(this IReadOnlyList<TKey> keys, Func<TKey[], IQueryable<TRow>> rows, ActivateDbContext database, CancellationToken cancellationToken)
    {
        var size = new BatchSize(database.HasOneWriter);
        for (var deleted = 0; deleted < keys.Count; await Task.Delay(s_pause, cancellationToken))
        {
            var (some, begun) = (keys.Skip(deleted).Take(size.Rows).ToArray(), Stopwatch.GetTimestamp());
            await rows(some).ExecuteDeleteAsync(cancellationToken);
            deleted += some.Length;
            size.Took(Stopwatch.GetElapsedTime(begun));
        }
    }
}
