using System.Data;
using System.Data.Common;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using SQLitePCL;

namespace Activate.Identity.Data.Providers.Sqlite;

/// <summary>
/// SQLite lets one connection write at a time. The writers of this process wait for their turn here: first come, first served, without a thread, and no longer than
/// <see cref="DatabaseSetup.WriterPatience"/>. SQLite's own wait is a sleep that holds a thread, asks ever more seldom, and so passes over whoever has waited longest. It
/// remains for the writers of other processes, of which only the one whose turn it is here takes note. Readers wait for nobody.
/// <para>A turn is a transaction, of EF Core's making or begun with it; one statement without one gets its own. Whoever has the turn must not wait for another context that writes:
/// that one would wait for the turn, as it would for the lock.</para>
/// </summary>
#pragma warning disable CA1001 // Lives as long as EF Core's options, which are never disposed of; a semaphore that is only waited for holds nothing.
internal sealed class SqliteTurns : IDbTransactionInterceptor, IDbCommandInterceptor
#pragma warning restore CA1001
{
    private const int Busy = 5;

    /// <summary>SQLite asks again after 1, 2, 5 ms, later only every 100: among the writers of a process that never rests it would hardly ever find the file free. So its wait begins anew.</summary>
    private const int KnockMilliseconds = 8;

    private static readonly ConditionalWeakTable<DbTransaction, Turn> s_turns = [];

    private readonly SemaphoreSlim _free;
    private readonly SqliteCheckpoints _checkpoints;

    public SqliteTurns()
    {
        _free = new(1);
        _checkpoints = new(_free);
    }

    public InterceptionResult<DbTransaction> TransactionStarting(DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result)
    {
        var since = Stopwatch.GetTimestamp();
        return _free.Wait(DatabaseSetup.WriterPatience) ? InterceptionResult<DbTransaction>.SuppressWithResult(Begin(connection, eventData.IsolationLevel, since)) : throw Late();
    }

    public async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default) =>
        InterceptionResult<DbTransaction>.SuppressWithResult(await BeginAsync(connection, eventData.IsolationLevel, cancellationToken));

    /// <summary>A statement of its own, as ExecuteUpdate is. Migrations have some that no transaction allows, and nobody beside them.</summary>
    public async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (command.Transaction is not null || eventData.CommandSource == CommandSource.Migrations)
            return result;
        var transaction = await BeginAsync(command.Connection!, IsolationLevel.Unspecified, cancellationToken);
        using var turn = Of(transaction);
        await using (transaction)
        {
            command.Transaction = transaction;
            var changed = await command.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return InterceptionResult<int>.SuppressWithResult(changed);
        }
    }

    /// <summary>The turn that a transaction has; null: it was not begun here.</summary>
    internal static IDisposable? Of(DbTransaction transaction) => s_turns.TryGetValue(transaction, out var turn) ? turn : null;

    private async ValueTask<DbTransaction> BeginAsync(DbConnection connection, IsolationLevel isolation, CancellationToken cancellationToken)
    {
        var since = Stopwatch.GetTimestamp();
        return await _free.WaitAsync(DatabaseSetup.WriterPatience, cancellationToken) ? Begin(connection, isolation, since) : throw Late();
    }

    /// <summary>Takes the lock of the file at once: a transaction that first reads may not be allowed to write later.</summary>
    private SqliteTransaction Begin(DbConnection connection, IsolationLevel isolation, long since)
    {
        var turn = new Turn(_free);
        try
        {
            var transaction = Lock((SqliteConnection)connection, isolation, since);
            s_turns.Add(transaction, turn);
            _checkpoints.Count((SqliteConnection)connection);
            return transaction;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    private static SqliteTransaction Lock(SqliteConnection connection, IsolationLevel isolation, long since)
    {
        raw.sqlite3_busy_timeout(connection.Handle, KnockMilliseconds);
        try
        {
            while (true)
            {
                try
                {
                    return connection.BeginTransaction(isolation);
                }
                catch (SqliteException exception) when (exception.SqliteErrorCode == Busy && Stopwatch.GetElapsedTime(since) < DatabaseSetup.WriterPatience)
                {
                    // Another process writes.
                }
            }
        }
        finally
        {
            raw.sqlite3_busy_timeout(connection.Handle, (int)DatabaseSetup.WriterPatience.TotalMilliseconds);
        }
    }

    private static SqliteException Late() => new("The writers before this one took too long.", Busy);

    private sealed class Turn(SemaphoreSlim free) : IDisposable
    {
        private SemaphoreSlim? _free = free;

        public void Dispose() => Interlocked.Exchange(ref _free, null)?.Release();
    }
}

/// <summary>Gives the turn back when the transaction is committed, rolled back or disposed of: EF Core tells interceptors of the first two only.</summary>
internal sealed class SqliteTurnTransactions(RelationalTransactionFactoryDependencies dependencies) : RelationalTransactionFactory(dependencies)
{
    public override RelationalTransaction Create(
        IRelationalConnection connection, DbTransaction transaction, Guid transactionId, IDiagnosticsLogger<DbLoggerCategory.Database.Transaction> logger, bool transactionOwned) =>
        SqliteTurns.Of(transaction) is { } turn
            ? new TurnTransaction(connection, transaction, transactionId, logger, transactionOwned, Dependencies.SqlGenerationHelper, turn)
            : base.Create(connection, transaction, transactionId, logger, transactionOwned);

    private sealed class TurnTransaction(
        IRelationalConnection connection, DbTransaction transaction, Guid id, IDiagnosticsLogger<DbLoggerCategory.Database.Transaction> logger, bool owned,
        ISqlGenerationHelper sql, IDisposable turn)
        : RelationalTransaction(connection, transaction, id, logger, owned, sql)
    {
        public override void Dispose()
        {
            using (turn)
                base.Dispose();
        }

        public override async ValueTask DisposeAsync()
        {
            using (turn)
                await base.DisposeAsync();
        }

        protected override void ClearTransaction()
        {
            using (turn)
                base.ClearTransaction();
        }

        protected override async Task ClearTransactionAsync(CancellationToken cancellationToken = default)
        {
            using (turn)
                await base.ClearTransactionAsync(cancellationToken);
        }
    }
}
