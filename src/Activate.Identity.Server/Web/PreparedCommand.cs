using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>
/// One command, prepared once per connection and then run with nothing but new values: without EF Core's work for each run (60 to 250 µs, where SQLite needs 10). A
/// few connections are kept; one that fails is thrown away.
/// </summary>
/// <param name="scopes">Where a connection comes from.</param>
/// <param name="make">Makes the command on an open connection.</param>
internal sealed class PreparedCommand(IServiceScopeFactory scopes, Func<ActivateDbContext, DbCommand> make) : IAsyncDisposable
{
    // Last in, first out: the connection whose pages are warm is used again.
    private readonly ConcurrentStack<Lane> _idle = new();
    private readonly SemaphoreSlim _lanes = new(Math.Max(8, Environment.ProcessorCount * 2));

    /// <param name="bind">Sets the values.</param>
    /// <param name="run">Runs the command.</param>
    /// <param name="repeatable">Running it a second time is the same as once: then any failure on a kept connection is tried on a new one. Else only a broken connection is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<T> RunAsync<T>(Action<DbCommand> bind, Func<DbCommand, CancellationToken, ValueTask<T>> run, bool repeatable, CancellationToken cancellationToken)
    {
        await _lanes.WaitAsync(cancellationToken);
        try
        {
            if (_idle.TryPop(out var lane))
            {
                try
                {
                    return await RunAsync(lane, bind, run, cancellationToken);
                }
                catch (DbException) when (repeatable || lane.Broken)
                {
                    // Perhaps only this connection is broken, because the database was restarted: it is disposed, and a new one decides.
                }
            }

            return await RunAsync(await OpenAsync(cancellationToken), bind, run, cancellationToken);
        }
        finally
        {
            _lanes.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_idle.TryPop(out var lane))
            await lane.DisposeAsync();
        _lanes.Dispose();
    }

    private async ValueTask<T> RunAsync<T>(Lane lane, Action<DbCommand> bind, Func<DbCommand, CancellationToken, ValueTask<T>> run, CancellationToken cancellationToken)
    {
        var healthy = false;
        try
        {
            bind(lane.Command);
            var result = await run(lane.Command, cancellationToken);
            healthy = true;
            return result;
        }
        finally
        {
            if (healthy)
            {
                _idle.Push(lane);
            }
            else
            {
                lane.Broken = lane.Command.Connection is not { State: ConnectionState.Open };
                await lane.DisposeAsync();
            }
        }
    }

    private async Task<Lane> OpenAsync(CancellationToken cancellationToken)
    {
        var scope = scopes.CreateAsyncScope();
        try
        {
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            await database.Database.OpenConnectionAsync(cancellationToken);
            var command = make(database);
            await command.PrepareSizedAsync(cancellationToken);
            return new Lane(scope, command);
        }
        catch
        {
            await scope.DisposeAsync();
            throw;
        }
    }

    private sealed class Lane(AsyncServiceScope scope, DbCommand command) : IAsyncDisposable
    {
        public DbCommand Command => command;

        public bool Broken { get; set; }

        public async ValueTask DisposeAsync()
        {
            await command.DisposeAsync();
            await scope.DisposeAsync();
        }
    }
}
