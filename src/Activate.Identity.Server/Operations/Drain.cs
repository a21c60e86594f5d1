using Activate.Identity.Server.Web;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Activate.Identity.Server.Operations;

/// <summary>
/// Stopping without losing a request. Told to stop (SIGTERM), the server first says that it is not ready and asks clients to close their connections, and goes on answering for
/// <c>Server:DrainSeconds</c>, in which load balancers turn to other nodes; then it listens no more, finishes what it has begun, and ends.
/// </summary>
internal sealed class Drain(TimeSpan time) : IHostedLifecycleService, IHealthCheck
{
    /// <summary>What was begun may take this long after the server stopped listening; then it is cut.</summary>
    private static readonly TimeSpan s_finishing = TimeSpan.FromSeconds(10);

    private volatile bool _draining;

    public static void Add(WebApplicationBuilder builder)
    {
        var drain = new Drain(TimeSpan.FromSeconds(builder.Configuration.Limit("Server:DrainSeconds", largest: 60, smallest: 0) ?? 0));
        builder.Services.AddSingleton(drain);
        builder.Services.AddHostedService(services => services.GetRequiredService<Drain>());
        builder.Services.AddHealthChecks().AddCheck("draining", drain, tags: ["ready"]);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = drain.Time + s_finishing);
    }

    private TimeSpan Time { get; } = time;

    /// <summary>Whoever is answered now is to come back on a new connection, which another node may take.</summary>
    public void Prepare(HttpContext context)
    {
        if (_draining && context.Request.Protocol is "HTTP/1.1")
            context.Response.Headers.Connection = "close";
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_draining ? HealthCheckResult.Unhealthy("The server is stopping.") : HealthCheckResult.Healthy());

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _draining = true;
        await Task.Delay(Time, cancellationToken);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
