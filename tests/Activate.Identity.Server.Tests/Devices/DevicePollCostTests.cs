using System.Collections.Concurrent;
using System.Diagnostics;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>What waiting costs: thousands of devices poll, and each poll may cost the database little.</summary>
public sealed class DevicePollCostTests
{
    [Fact]
    public async Task A_waiting_poll_is_one_update_beside_the_lookup_of_its_client()
    {
        await using var server = await TestServer.StartAsync();
        var login = await server.StartDeviceAsync();
        var source = await server.QueryAsync(database => Task.FromResult(database.Database.GetDbConnection().DataSource));
        var commands = new Commands(source);
        using (DiagnosticListener.AllListeners.Subscribe(commands))
            Assert.Equal("authorization_pending", (await server.PollAsync(login)).Error);
        Assert.Single(commands.Texts, text => text.StartsWith("UPDATE \"DeviceRequests\"", StringComparison.Ordinal));
        Assert.Single(commands.Texts, text => text.Contains("FROM \"OpenIddictApplications\"", StringComparison.Ordinal));
        Assert.Equal(2, commands.Texts.Count(text => !text.StartsWith("PRAGMA", StringComparison.Ordinal)));
    }

    /// <summary>The commands of one database; other tests run at the same time.</summary>
    private sealed class Commands(string source) : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        public ConcurrentQueue<string> Texts { get; } = new();

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == DbLoggerCategory.Name)
                value.Subscribe(this);
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Value is CommandExecutedEventData executed && executed.Command.Connection?.DataSource == source)
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
