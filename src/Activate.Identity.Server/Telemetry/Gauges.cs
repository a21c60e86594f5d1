using Activate.Identity.Data;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Telemetry;

/// <summary>Makes the gauges when the server starts, and reads the one that is in the database, while somebody listens to it.</summary>
internal sealed class Gauges(ServerMeter meter, SigningKeys keys, WriteQueue writes, PasswordGate passwords, IServiceScopeFactory scopes, TimeProvider clock, ILogger<Gauges> logger)
    : BackgroundRounds(TimeSpan.FromSeconds(15), "The mails that wait were not counted; the next round does", logger)
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        meter.Observe(keys, writes, passwords, clock);
        return base.StartAsync(cancellationToken);
    }

    protected override async Task RoundAsync(CancellationToken cancellationToken)
    {
        if (!meter.MailWaiting.Enabled)
            return;
        await using var scope = scopes.CreateAsyncScope();
        meter.MailWaiting.Record(await scope.ServiceProvider.GetRequiredService<ActivateDbContext>().MailMessages.LongCountAsync(cancellationToken));
    }
}
