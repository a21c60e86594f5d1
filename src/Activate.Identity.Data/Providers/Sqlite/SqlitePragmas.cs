using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Activate.Identity.Data.Providers.Sqlite;

/// <summary>
/// Makes SQLite keep its promises: readers beside one writer (WAL), an acknowledged commit survives a power loss (synchronous=FULL, where WAL alone may
/// lose the last commits), waiting for the writer happens inside SQLite instead of in 150 ms sleeps,
/// and 32 MB of pages are kept where 2 MB would make a look-up among 100,000 keys read the file.
/// </summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    private const string Pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA cache_size=-32768;";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
    }

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData);
        return Task.CompletedTask;
    }
}
