using System.Collections.Concurrent;
using System.Globalization;
using Serilog.Core;
using Serilog.Events;

namespace Activate.Identity.Testing;

/// <summary>Keeps every log line as text, with properties and exception, to look for what must not be there.</summary>
public sealed class LogCapture : ILogEventSink
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> Lines => _lines;

    public void Emit(LogEvent logEvent) => _lines.Enqueue(
        $"{logEvent.Level} {logEvent.RenderMessage(CultureInfo.InvariantCulture)} {string.Join(' ', logEvent.Properties.Select(p => $"{p.Key}={p.Value}"))} {logEvent.Exception}");

    /// <summary>All of it. Without this, "the log does not hold the secret" would look at the name of this class.</summary>
    public override string ToString() => string.Join('\n', _lines);
}
