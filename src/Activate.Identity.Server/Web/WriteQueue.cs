using System.Data.Common;
using System.Diagnostics;
using System.Threading.Channels;
using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Where writers of a database with one writer take turns (SQLite): those that wait share the next transaction, and so one flush to disk, which takes longer than all
/// else that they do. A write is answered once its transaction is committed, never before; one that a constraint refuses does not hurt its neighbours; when the
/// transaction fails, so do all that shared it. Other databases do this themselves, among connections.
/// </summary>
internal sealed partial class WriteQueue(IServiceScopeFactory scopes, ILogger<WriteQueue> log) : IAsyncDisposable
{
    /// <summary>As many as share one transaction: others of this node and of others come in between.</summary>
    private const int Most = 64;

    private static readonly TimeSpan s_late = DatabaseSetup.WriterPatience / 10;

    private readonly Channel<Write> _waiting = Channel.CreateBounded<Write>(new BoundedChannelOptions(10_000) { SingleReader = true });
    private readonly Lock _start = new();
    private Task? _writing;

    /// <summary>How many wait for a turn.</summary>
    public int Waiting => _waiting.Reader.Count;

    /// <summary>Runs a write in the next transaction and answers how many rows it changed.</summary>
    /// <param name="statement">What is written; prepared once.</param>
    /// <param name="bind">Sets the values, on another thread.</param>
    /// <param name="cancellationToken">Ends the wait for a turn; a write whose turn has come is done.</param>
    public async ValueTask<int> RunAsync(QueuedWrite statement, Action<DbCommand> bind, CancellationToken cancellationToken)
    {
        if (_writing is null)
        {
            lock (_start)
                _writing ??= Task.Run(WriteAsync, CancellationToken.None);
        }

        var write = new Write(statement, bind, cancellationToken);
        await _waiting.Writer.WriteAsync(write, cancellationToken);
        return await write.Done.Task;
    }

    /// <summary>What waits is still written.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        if (_writing is { } writing)
            await writing;
    }

    private async Task WriteAsync()
    {
        Lane? lane = null;
        Exception? fault = null;
        var turn = new List<Write>(Most);
        while (await _waiting.Reader.WaitToReadAsync())
        {
            while (turn.Count < Most && _waiting.Reader.TryRead(out var write))
            {
                if (write.Cancellation.IsCancellationRequested)
                    write.Done.TrySetCanceled(write.Cancellation);
                // Whoever waited behind a turn that failed, almost as long as a writer may, is not made to wait for another.
                else if (fault is not null && Stopwatch.GetElapsedTime(write.At) > s_late)
                    write.Done.TrySetException(fault);
                else
                    turn.Add(write);
            }

            try
            {
                lane ??= await Lane.OpenAsync(scopes);
                await lane.RunAsync(turn);
                fault = null;
            }
            catch (Exception exception)
            {
                // Whatever it was, the transaction is gone with its connection, and everybody who shared it is told.
                fault = DatabaseFaults.IsUnavailable(exception) ? exception : null;
                if (fault is null)
                    LogFailure(exception);
                foreach (var write in turn)
                    write.Done.TrySetException(exception);
                if (lane is not null)
                    await lane.DisposeAsync();
                lane = null;
            }

            turn.Clear();
        }

        if (lane is not null)
            await lane.DisposeAsync();
    }

    [LoggerMessage(LogLevel.Error, "A shared transaction failed.")]
    private partial void LogFailure(Exception exception);

    private sealed record Write(QueuedWrite Statement, Action<DbCommand> Bind, CancellationToken Cancellation)
    {
        public long At { get; } = Stopwatch.GetTimestamp();

        public TaskCompletionSource<int> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The connection that writes, with the commands that were prepared on it.</summary>
    private sealed class Lane(AsyncServiceScope scope, ActivateDbContext database) : IAsyncDisposable
    {
        private readonly Dictionary<QueuedWrite, DbCommand> _commands = [];
        private readonly int[] _changed = new int[Most];

        public static async Task<Lane> OpenAsync(IServiceScopeFactory scopes)
        {
            var scope = scopes.CreateAsyncScope();
            try
            {
                var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
                await database.Database.OpenConnectionAsync();
                return new Lane(scope, database);
            }
            catch
            {
                await scope.DisposeAsync();
                throw;
            }
        }

        /// <summary>Runs the writes in one transaction and tells their callers.</summary>
        public async Task RunAsync(List<Write> turn)
        {
            if (turn.Count == 0)
                return;
            if (turn.Exists(write => write.Statement.WaitsForDisk))
            {
                await CommitAsync(turn);
            }
            else
            {
                database.WaitForDisk(false);
                try
                {
                    await CommitAsync(turn);
                }
                finally
                {
                    database.WaitForDisk(true);
                }
            }

            for (var i = 0; i < turn.Count; i++)
                turn[i].Done.TrySetResult(_changed[i]);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var command in _commands.Values)
                await command.DisposeAsync();
            await scope.DisposeAsync();
        }

        private async Task CommitAsync(List<Write> turn)
        {
            // Among all that write: many here wait as long as one that saves by itself.
            await using var transaction = await database.Database.BeginTransactionAsync();
            for (var i = 0; i < turn.Count; i++)
            {
                var command = Prepared(turn[i].Statement, transaction.GetDbTransaction());
                try
                {
                    turn[i].Bind(command);
                    _changed[i] = command.ExecuteNonQuery();
                }
                catch (DbException exception) when (DatabaseFaults.IsDuplicate(exception))
                {
                    turn[i].Done.TrySetException(exception);
                }
            }

            await transaction.CommitAsync();
        }

        private DbCommand Prepared(QueuedWrite statement, DbTransaction transaction)
        {
            if (_commands.TryGetValue(statement, out var command))
            {
                command.Transaction = transaction;
                return command;
            }

            _commands[statement] = command = statement.Make(database);
            command.Transaction = transaction;
            command.Prepare();
            return command;
        }
    }
}
