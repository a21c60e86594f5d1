using System.Data.Common;
using System.Net.Sockets;
using Microsoft.Data.SqlClient;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Activate.Identity.Data;

/// <summary>Reads what a database exception means, the same for every provider.</summary>
public static class DatabaseFaults
{
    // https://sqlite.org/rescode.html: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
    private static readonly HashSet<int> s_sqliteUnavailable = [5, 6, 8, 10, 13, 14, 15];

    // SqlException does not say which of its errors pass.
    private static readonly HashSet<int> s_sqlServerUnavailable =
    [
        // Time-outs; connections that cannot be made or are lost.
        -2, 2, 20, 53, 64, 121, 233, 258, 10053, 10054, 10060, 10061, 11001,
        // Deadlock; locks and memory that are not to be had; a row that changed under a snapshot.
        1204, 1205, 1222, 701, 802, 8645, 8651, 3960,
        // Disk, file or log full; database read-only, offline, in recovery, moving to another replica, or stopping.
        1101, 1105, 9002, 3906, 922, 927, 942, 976, 983, 4060, 6005, 17142,
        // Azure's limits and moves.
        10928, 10929, 40197, 40501, 40613, 40143, 49918, 49919, 49920,
    ];

    /// <summary>The database is locked, full, unreachable or going away: nothing is wrong with the request, and it may be tried again.</summary>
    public static bool IsUnavailable(Exception exception)
    {
        for (var current = exception; current is not null; current = current.InnerException)
        {
            if (current is SqliteException sqlite && s_sqliteUnavailable.Contains(sqlite.SqliteErrorCode)
                || current is NpgsqlException { IsTransient: true }
                // 53: insufficient resources (disk full), 57P: operator intervention (shutting down).
                || current is PostgresException postgres && (postgres.SqlState.StartsWith("53", StringComparison.Ordinal) || postgres.SqlState.StartsWith("57P", StringComparison.Ordinal))
                || current is SqlException sql && s_sqlServerUnavailable.Contains(sql.Number)
                || current is DbException && current.InnerException is SocketException or TimeoutException
                || current is RetryLimitExceededException)
                return true;
        }

        return false;
    }

    /// <summary>A unique index refused the row: somebody else was first.</summary>
    public static bool IsDuplicate(DbUpdateException exception) => exception.InnerException is DbException inner && IsDuplicate(inner);

    /// <inheritdoc cref="IsDuplicate(DbUpdateException)"/>
    public static bool IsDuplicate(DbException exception) => exception switch
    {
        // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE.
        SqliteException sqlite => sqlite.SqliteExtendedErrorCode is 1555 or 2067,
        PostgresException postgres => postgres.SqlState == PostgresErrorCodes.UniqueViolation,
        SqlException sql => sql.Number is 2601 or 2627,
        _ => false,
    };
}
