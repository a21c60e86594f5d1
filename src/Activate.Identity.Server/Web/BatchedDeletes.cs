using System.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>Deletes very many rows in transactions so short that nobody waits for them: one for all would keep every writer of SQLite out, and lock more than rows elsewhere.</summary>
internal static class BatchedDeletes
{
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <param name="rows">In an order that an index has.</param>
    /// <param name="cancellationToken">Ends the work between two batches.</param>
    public static async Task DeleteInBatchesAsync<TRow>(this IOrderedQueryable<TRow> rows, CancellationToken cancellationToken)
    {
        for (var size = new BatchSize(); ; await Task.Delay(Pause, cancellationToken))
        {
            var (most, begun) = (size.Rows, Stopwatch.GetTimestamp());
            if (await rows.Take(most).ExecuteDeleteAsync(cancellationToken) < most)
                return;
            size.Took(Stopwatch.GetElapsedTime(begun));
        }
    }
}
