using System.Collections.Concurrent;
using System.Data.Common;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Credentials;

/// <summary>
/// One query, written in LINQ, translated and prepared once per connection and then run with nothing but a new parameter: an indexed read without EF
/// Core's per-query work (about 60 µs each, where SQLite answers in 10). A few connections are kept; one that fails is thrown away and tried once more
/// on a new one, because the database may have been restarted in between.
/// </summary>
/// <param name="scopes">Where a connection comes from.</param>
/// <param name="query">The query of a key.</param>
/// <param name="example">Any key.</param>
/// <param name="materialize">Folds the rows into one answer: the row, and what came of those before it (null for the first).</param>
/// <param name="value">The value of a parameter, by the name that the query gives it; null: the key is the only one.</param>
internal sealed class PreparedRead<TKey, TRow>(
    IServiceScopeFactory scopes, Func<ActivateDbContext, TKey, IQueryable> query, TKey example, Func<DbDataReader, TRow?, TRow> materialize, Func<TKey, string, object>? value = null)
    : IAsyncDisposable
    where TKey : notnull
    where TRow : class
{
    // Last in, first out: the connection whose pages are warm is used again.
    private readonly ConcurrentStack<Lane> _idle = new();
    private readonly SemaphoreSlim _lanes = new(Math.Max(8, Environment.ProcessorCount * 2));

    /// <summary>What the rows come to, or null when there is none.</summary>
    public async ValueTask<TRow?> ReadAsync(TKey key, CancellationToken cancellationToken)
    {
        await _lanes.WaitAsync(cancellationToken);
        try
        {
            if (_idle.TryPop(out var lane))
            {
                try
                {
                    return await RunAsync(lane, key, cancellationToken);
                }
                catch (DbException)
                {
                    // Perhaps only this connection is broken: RunAsync disposed it. A new one decides.
                }
            }

            return await RunAsync(await OpenAsync(cancellationToken), key, cancellationToken);
        }
        finally
        {
            _lanes.Release();
        }
    }

    private async ValueTask<TRow?> RunAsync(Lane lane, TKey key, CancellationToken cancellationToken)
    {
        var healthy = false;
        try
        {
            foreach (DbParameter parameter in lane.Command.Parameters)
                parameter.Value = value is null ? key : value(key, parameter.ParameterName);
            await using var reader = await lane.Command.ExecuteReaderAsync(cancellationToken);
            TRow? row = null;
            while (await reader.ReadAsync(cancellationToken))
                row = materialize(reader, row);
            healthy = true;
            return row;
        }
        finally
        {
            if (healthy)
                _idle.Push(lane);
            else
                await lane.DisposeAsync();
        }
    }

    private async Task<Lane> OpenAsync(CancellationToken cancellationToken)
    {
        var scope = scopes.CreateAsyncScope();
        try
        {
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            await database.Database.OpenConnectionAsync(cancellationToken);
            var command = query(database, example).CreateDbCommand();
            await command.PrepareAsync(cancellationToken);
            return new Lane(scope, command);
        }
        catch
        {
            await scope.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_idle.TryPop(out var lane))
            await lane.DisposeAsync();
        _lanes.Dispose();
    }

    private sealed class Lane(AsyncServiceScope scope, DbCommand command) : IAsyncDisposable
    {
        public DbCommand Command => command;

        public async ValueTask DisposeAsync()
        {
            await command.DisposeAsync();
            await scope.DisposeAsync();
        }
    }
}
