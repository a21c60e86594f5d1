using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Counts attempts within a window, exactly, over all nodes: an attempt is taken by one conditional UPDATE before it is judged. Works on a context of its
/// own, so that an attempt stays counted when the caller's work is rolled back; call it outside a transaction (SQLite has one writer).
/// </summary>
public sealed class Throttles(IServiceScopeFactory scopes, TimeProvider clock)
{
    /// <summary>True: the attempt is counted and may go ahead. False: there were <paramref name="limit"/> in this window already.</summary>
    public async Task<bool> TryTakeAsync(string key, int limit, TimeSpan window, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var rows = database.Throttles.Where(throttle => throttle.Key == key);
        while (true)
        {
            var now = clock.GetUtcNow().UtcDateTime;
            if (await rows.Where(throttle => throttle.WindowEndsAt > now && throttle.Count < limit)
                    .ExecuteUpdateAsync(set => set.SetProperty(throttle => throttle.Count, throttle => throttle.Count + 1), cancellation) == 1)
                return true;

            var ends = now + window;
            if (await rows.Where(throttle => throttle.WindowEndsAt <= now)
                    .ExecuteUpdateAsync(set => set.SetProperty(throttle => throttle.Count, 1).SetProperty(throttle => throttle.WindowEndsAt, ends), cancellation) == 1)
                return true;

            if (await rows.AnyAsync(cancellation))
            {
                // Full, unless another opened the window between our two updates: only then is there anything left to take.
                if (await rows.AnyAsync(throttle => throttle.WindowEndsAt > now && throttle.Count >= limit, cancellation))
                    return false;
                continue;
            }

            var first = new Throttle { Key = key, Count = 1, WindowEndsAt = ends };
            database.Throttles.Add(first);
            try
            {
                await database.SaveChangesAsync(cancellation);
                return true;
            }
            catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
            {
                // Somebody else's first attempt came first: count ours onto theirs.
                database.Entry(first).State = EntityState.Detached;
            }
        }
    }

    /// <summary>Takes an attempt back that turned out well, for counts of wrong attempts only.</summary>
    public async Task GiveBackAsync(string key, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Throttles.Where(throttle => throttle.Key == key && throttle.Count > 0)
            .ExecuteUpdateAsync(set => set.SetProperty(throttle => throttle.Count, throttle => throttle.Count - 1), cancellation);
    }

    /// <summary>Begins afresh: whoever made the attempts has shown that they need none.</summary>
    public async Task ForgetAsync(string key, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Throttles.Where(throttle => throttle.Key == key)
            .ExecuteUpdateAsync(set => set.SetProperty(throttle => throttle.Count, 0), cancellation);
    }

    /// <summary>How many attempts were taken in the window that is open now.</summary>
    public async Task<int> CountAsync(string key, CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        var now = clock.GetUtcNow().UtcDateTime;
        return await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().Throttles.AsNoTracking()
            .Where(throttle => throttle.Key == key && throttle.WindowEndsAt > now).Select(throttle => throttle.Count).FirstOrDefaultAsync(cancellation);
    }
}
