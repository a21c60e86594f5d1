using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Activate.Identity.Data.Providers.Sqlite;

/// <summary>
/// Puts the write-ahead log into the database when it is long. SQLite lets the writer do it whose commit made it long enough, and all behind that one wait. Here another connection does it while they
/// write; what they wrote meanwhile is little, and is put there in a turn of its own, so that the next writer begins the log anew (https://sqlite.org/wal.html, "Checkpointing").
/// </summary>
/// <param name="turn">Of the writers of this process.</param>
internal sealed class SqliteCheckpoints(SemaphoreSlim turn)
{
    /// <summary>8 MB, of pages of 4,096 bytes: many commits write the same pages, and each is put into the database once.</summary>
    private const int LongLog = 2048;

    /// <summary>What is put there in a moment, while the writers wait.</summary>
    private const int ShortLog = LongLog / 8;

    /// <summary>Most reads take less than one.</summary>
    private const int ReadersMilliseconds = 8;

    /// <summary>How often the log is looked at again while writers are as quick as this one.</summary>
    private const int MostRounds = 4;

    /// <summary>For a log that grows all the same, because this process was killed in between, say: the writer does it. The driver has no name for either.</summary>
    public const int TooLongLog = 32 * LongLog;

    /// <summary>SQLITE_DBSTATUS_CACHE_WRITE: how many pages this connection wrote since it was asked last.</summary>
    private const int PagesWritten = 9;

    private int _pages;
    private int _running;

    /// <summary>Whoever has the turn tells of what the connection wrote before; of what it is about to write it tells the next time.</summary>
    public void Count(SqliteConnection connection)
    {
        if (raw.sqlite3_db_status(connection.Handle, PagesWritten, out var pages, out _, resetFlg: 1) != raw.SQLITE_OK)
            return;
        if (Interlocked.Add(ref _pages, pages) < LongLog || Interlocked.Exchange(ref _running, 1) == 1)
            return;
        // A database that is gone is not made anew.
        var database = new SqliteConnectionStringBuilder(connection.ConnectionString) { Mode = SqliteOpenMode.ReadWrite }.ToString();
        _ = Task.Run(() => RunAsync(database));
    }

    private async Task RunAsync(string database)
    {
        try
        {
            await using var connection = new SqliteConnection(database);
            connection.Open();
            for (var round = 0; round < MostRounds && Interlocked.Exchange(ref _pages, 0) > ShortLog; round++)
            {
                // A reader of long ago holds the log: what it keeps back would not be little.
                if (Checkpoint(connection, raw.SQLITE_CHECKPOINT_PASSIVE) > ShortLog)
                    return;
            }

            if (!await turn.WaitAsync(DatabaseSetup.WriterPatience))
                return;
            try
            {
                // The log begins anew when nobody reads in it, and somebody nearly always does: whoever reads just now is waited for.
                raw.sqlite3_busy_timeout(connection.Handle, ReadersMilliseconds);
                Checkpoint(connection, raw.SQLITE_CHECKPOINT_RESTART);
            }
            finally
            {
                turn.Release();
            }
        }
        catch (SqliteException)
        {
            // Nothing is lost: the log holds it, and the next one tries again. What keeps this one from it, a full disk say, the writers meet and tell themselves.
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    /// <summary>Puts there what readers allow. How many pages are left of what there was when it began.</summary>
    private static int Checkpoint(SqliteConnection connection, int mode)
    {
        // A connection that never read anything has not opened the log, and finds none.
        raw.sqlite3_exec(connection.Handle, "SELECT 1 FROM sqlite_master LIMIT 1");
        return raw.sqlite3_wal_checkpoint_v2(connection.Handle, "main", mode, out var pages, out var done) == raw.SQLITE_OK && pages >= 0 ? pages - done : int.MaxValue;
    }
}
