using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Deletes, once an hour, what has ended anyway: browser sessions, throttle windows, one-time codes. Nothing depends on it; every check looks at the time
/// itself. Several nodes may do it at once.
/// </summary>
internal sealed class ExpiredRows(IServiceScopeFactory scopes, TimeProvider clock, ILogger<ExpiredRows> logger) : BackgroundService
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
            catch (Exception exception) when (DatabaseFaults.IsUnavailable(exception))
            {
                logger.LogWarning(exception, "Expired rows were not deleted; the next round will");
            }
        }
    }

    private async Task DeleteAsync(CancellationToken cancellation)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var now = clock.GetUtcNow().UtcDateTime;
        await database.BrowserSessions.Where(session => session.ExpiresAt <= now).ExecuteDeleteAsync(cancellation);
        await database.OneTimeCodes.Where(code => code.ExpiresAt <= now).ExecuteDeleteAsync(cancellation);
        // An hour more: another node's clock may be behind, and its window still open.
        var old = now - s_interval;
        await database.Throttles.Where(throttle => throttle.WindowEndsAt <= old).ExecuteDeleteAsync(cancellation);
    }
}
