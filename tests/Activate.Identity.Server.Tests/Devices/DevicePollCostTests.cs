using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>What waiting costs: thousands of devices poll, and each poll may cost the database little.</summary>
public sealed class DevicePollCostTests
{
    [Fact]
    public async Task A_waiting_poll_is_one_prepared_update_and_no_command_of_EF_Core()
    {
        // From the start: EF looks only once a second whether anybody listens.
        var commands = new Commands();
        using var subscription = DiagnosticListener.AllListeners.Subscribe(commands);
        await using var server = await TestServer.StartAsync();
        var login = await server.StartDeviceAsync();
        var source = await server.QueryAsync(database => Task.FromResult(Commands.SourceOf(database.Database.GetDbConnection())));
        await server.PollAsync(await server.StartDeviceAsync());
        commands.Listen(source);
        Assert.Equal("authorization_pending", (await server.PollAsync(login)).Error);
        // The update itself is prepared, and EF Core knows nothing of it; the client was read less than a second ago, or is read once more on a slow machine.
        Assert.DoesNotContain(commands.Texts, text => text.Contains("DeviceRequests", StringComparison.Ordinal));
        // Once a second a database on a server is asked for a sign of life, whoever comes.
        Assert.InRange(commands.Texts.Count(text => !text.StartsWith("PRAGMA", StringComparison.Ordinal) && !text.Contains("ServerKeys", StringComparison.Ordinal)), 0, 1);
    }

    /// <summary>The commands of one database; other tests run at the same time.</summary>
    private sealed class Commands : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        private volatile string? _source;

        public ConcurrentQueue<string> Texts { get; } = new();

        public static string SourceOf(DbConnection connection) => $"{connection.DataSource}/{connection.Database}";

        public void Listen(string source) => _source = source;

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == DbLoggerCategory.Name)
                value.Subscribe(this);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Value is CommandExecutedEventData executed && executed.Command.Connection is { } connection && SourceOf(connection) == _source)
                Texts.Enqueue(executed.Command.CommandText);
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
