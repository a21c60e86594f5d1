using System.Net.Sockets;
using Serilog.Core;
using Serilog.Events;

namespace Activate.Identity.Server.Web;

/// <summary>
/// What keeps the server from its start, an address in use, say, is told once, in one line (<see cref="Operations.ServerCommands"/>). The host would write its stack to the log before, and as many more as there
/// are background services, whose work it cancels on its way out.
/// </summary>
internal sealed class FailedStart : IHostedLifecycleService, ILogEventFilter
{
    private const string Host = "Microsoft.Extensions.Hosting.Internal.Host";

    private bool _started;

    public bool IsEnabled(LogEvent logEvent) =>
        _started || (logEvent.Exception is not OperationCanceledException && !IsOfTheMachine(logEvent.Exception))
        || !logEvent.Properties.TryGetValue(Constants.SourceContextPropertyName, out var source) || source is not ScalarValue { Value: Host };

    /// <summary>What the operator mends, and no programmer.</summary>
    public static bool IsOfTheMachine(Exception? exception) => exception is IOException or SocketException or UnauthorizedAccessException;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _started = true;
        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
