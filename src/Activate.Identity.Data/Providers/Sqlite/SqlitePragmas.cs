using System.Data.Common;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore.Diagnostics;
using SQLitePCL;

namespace Activate.Identity.Data.Providers.Sqlite;

/// <summary>
/// Makes SQLite keep its promises: readers beside one writer (WAL), an acknowledged commit survives a power loss (synchronous=FULL, where WAL alone may
/// lose the last commits), waiting for the writer happens inside SQLite instead of in 150 ms sleeps,
/// and 64 MB of pages are kept where 2 MB would make a look-up among 100,000 keys read the file.
/// </summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    private static readonly string s_pragmas = string.Create(CultureInfo.InvariantCulture, $"PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint={SqliteCheckpoints.TooLongLog};");

    /// <summary>The native connections that have them: the driver keeps these in a pool, and gives one out each time EF Core opens.</summary>
    private static readonly ConditionalWeakTable<object, object> s_prepared = [];

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        var sqlite = (SqliteConnection)connection;
        // Below nothing: the driver does not begin a wait of its own after SQLite's.
        sqlite.DefaultTimeout = -1;
        if (sqlite.Handle is not { } handle || s_prepared.TryGetValue(handle, out _))
            return;
        // Before anything else: while a connection recovers what a killed process left, or the last one leaves, the file is closed to those that come.
        raw.sqlite3_busy_timeout(handle, (int)DatabaseSetup.WriterPatience.TotalMilliseconds);
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Our own text.
        // The mode is the file's, and a connection that only looks whether there is a file may not write it.
        command.CommandText = new SqliteConnectionStringBuilder(connection.ConnectionString).Mode == SqliteOpenMode.ReadOnly ? s_pragmas : $"PRAGMA journal_mode=WAL; {s_pragmas}";
#pragma warning restore CA2100
        command.ExecuteNonQuery();
        s_prepared.AddOrUpdate(handle, handle);
    }

    /// <summary>Between two transactions. A connection that cannot be set back is given to nobody again.</summary>
    public static void WaitForDisk(SqliteConnection connection, bool wait)
    {
        if (raw.sqlite3_exec(connection.Handle!, wait ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL") == raw.SQLITE_OK)
            return;
        SqliteConnection.ClearPool(connection);
        throw new InvalidOperationException("SQLite does not take PRAGMA synchronous.");
    }

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData);
        return Task.CompletedTask;
    }
}
