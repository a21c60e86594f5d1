using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.Data.Providers.Sqlite;

/// <summary>A file that holds a whole database.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Digest">SHA-256 of all of them, in hexadecimal.</param>
public sealed record SqliteCopy(string Path, long Length, string Digest);

/// <summary>Something stands in the way of a backup or restore. The message is for the operator, and says what to do.</summary>
public sealed class SqliteCopyException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>
/// Whole copies of an SQLite database: one made while servers use it, and one put in its place when none does. A copy appears under its name only when it is complete,
/// and only its owner may read it: it holds all that the database holds.
/// </summary>
public static class SqliteCopies
{
    private const int Busy = 5, Locked = 6, Corrupt = 11, NotADatabase = 26;

    /// <summary>SQLite keeps what was written last, and what readers share about it, in files beside the database.</summary>
    private static readonly string[] s_companions = ["-wal", "-shm", "-journal"];

    /// <summary>The database file that a connection string names.</summary>
    public static string FileOf(string connectionString) => Path.GetFullPath(new SqliteConnectionStringBuilder(connectionString).DataSource);

    /// <summary>
    /// Copies the database as it is at one moment, while others read and write it. VACUUM INTO reads in one transaction, which in WAL mode keeps nobody from writing, where the
    /// online backup begins anew after each write of another process.
    /// </summary>
    /// <exception cref="SqliteCopyException">There is no database, the file exists already, or it cannot be written.</exception>
    public static SqliteCopy Backup(string connectionString, string file)
    {
        var source = FileOf(connectionString);
        if (!File.Exists(source))
            throw new SqliteCopyException($"There is no database at {source}. Run the command with the server's settings, in its working directory.");
        var target = Path.GetFullPath(file);
        if (Path.Exists(target))
            throw Exists(target);
        var partial = Beside(target);
        try
        {
            CreateEmpty(partial);
            using (var connection = Open(source, SqliteOpenMode.ReadWrite))
            {
                using var command = connection.CreateCommand();
                // A large database takes minutes.
                command.CommandTimeout = 0;
                command.CommandText = "VACUUM INTO $file";
                command.Parameters.AddWithValue("$file", partial);
                command.ExecuteNonQuery();
            }

            Check(partial);
            var (length, digest) = Flush(partial);
            // Made meanwhile by somebody else, it stays theirs.
            File.Move(partial, target, overwrite: false);
            return new SqliteCopy(target, length, digest);
        }
        catch (IOException) when (Path.Exists(target))
        {
            throw Exists(target);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new SqliteCopyException($"{target} cannot be written: {exception.Message} Nothing was left behind.", exception);
        }
        finally
        {
            if (File.Exists(partial))
                File.Delete(partial);
        }
    }

    /// <summary>Copies a backup beside the database and reads all of the copy, before anything of the database is touched. Dispose of it when it is not put in place.</summary>
    /// <exception cref="SqliteCopyException">The file cannot be read, or is not a whole database.</exception>
    public static Candidate Prepare(string connectionString, string file)
    {
        var target = FileOf(connectionString);
        var from = Path.GetFullPath(file);
        if (!File.Exists(from))
            throw new SqliteCopyException($"There is no file {from}.");
        if (from == target)
            throw new SqliteCopyException($"{from} is the server's database itself. Name a backup of it.");
        if (s_companions.FirstOrDefault(companion => File.Exists(from + companion)) is { } companion)
            throw new SqliteCopyException($"Beside {from} lies {Path.GetFileName(from)}{companion}: it was copied while it was in use, and may lack what was written last. Restore a file that the command backup made.");
        var partial = Beside(target);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            CreateEmpty(partial);
            using (var source = File.OpenRead(from))
            using (var copy = new FileStream(partial, FileMode.Open, FileAccess.Write))
                source.CopyTo(copy);
            var (length, digest) = Flush(partial);
            Check(partial);
            return new Candidate(target, partial, Migrations(partial), new SqliteCopy(from, length, digest));
        }
        catch (Exception exception)
        {
            File.Delete(partial);
            if (exception is not (IOException or UnauthorizedAccessException or SqliteException))
                throw;
            throw new SqliteCopyException($"{from} cannot be restored: {exception.Message} Nothing was changed.", exception);
        }
    }

    /// <summary>A checked copy beside the database that it is to replace.</summary>
    public sealed class Candidate : IDisposable
    {
        private readonly string _target;
        private readonly string _partial;

        internal Candidate(string target, string partial, IReadOnlyList<string> migrations, SqliteCopy source) => (_target, _partial, Migrations, Source) = (target, partial, migrations, source);

        /// <summary>What was restored from.</summary>
        public SqliteCopy Source { get; }

        /// <summary>The migrations that its schema has; none: it is not a database of ours.</summary>
        public IReadOnlyList<string> Migrations { get; }

        /// <summary>Whether a database is there already.</summary>
        public bool TargetExists => File.Exists(_target) && new FileInfo(_target).Length > 0;

        /// <summary>
        /// Puts the copy in the database's place, by one rename. What was there before is kept beside it; it is locked meanwhile, so that no server that starts just now takes it.
        /// </summary>
        /// <param name="at">For the name under which the database before is kept.</param>
        /// <returns>Where the database before is kept; null: there was none.</returns>
        /// <exception cref="SqliteCopyException">A server uses the database. Nothing was changed.</exception>
        public string? PutInPlace(DateTime at)
        {
            if (!TargetExists)
            {
                RemoveCompanions(_target);
                File.Move(_partial, _target, overwrite: true);
                return null;
            }

            var kept = $"{_target}.before-{at.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}";
            if (Path.Exists(kept))
                throw new SqliteCopyException($"{kept} exists already, where the database as it is now would be kept. Move it, or wait a second.");
            using var before = LockAlone();
            if (before is null)
                // It is damaged, and what lies beside it belongs to it: all of it is kept.
                MoveCompanions(_target, kept);
            else
                RemoveCompanions(_target);
            // The old file gets its other name first, then the new one takes its place: at no moment is there none, or half of one.
            File.Replace(_partial, _target, kept);
            return kept;
        }

        public void Dispose() => File.Delete(_partial);

        /// <summary>The only connection there is, with all that was written moved into the file; null: the file is too damaged for SQLite to open.</summary>
        private SqliteConnection? LockAlone()
        {
            // SQLite would throw away what lies beside a file that is none of its own.
            if (!HasHeader(_target))
                return null;
            SqliteConnection? connection = null;
            var alone = false;
            try
            {
                connection = Open(_target, SqliteOpenMode.ReadWrite);
                // Leaving WAL mode needs every other connection to be closed: whoever has the database open, even idle, is noticed.
                if (Scalar(connection, "PRAGMA journal_mode=DELETE") != "delete")
                    throw new SqliteCopyException(InUse());
                Scalar(connection, "BEGIN EXCLUSIVE");
                alone = true;
                return connection;
            }
            catch (SqliteException exception)
            {
                return exception.SqliteErrorCode switch
                {
                    Busy or Locked => throw new SqliteCopyException(InUse(), exception),
                    Corrupt or NotADatabase => null,
                    _ => throw new SqliteCopyException($"{_target} cannot be locked: {exception.Message} Nothing was changed.", exception),
                };
            }
            finally
            {
                if (!alone)
                    connection?.Dispose();
            }
        }

        private string InUse() => $"A server uses {_target}. Stop every node of it, then restore again. Nothing was changed.";
    }

    private static SqliteCopyException Exists(string target) => new($"{target} exists already, and a backup overwrites nothing. Name another file.");

    /// <summary>A name in the same folder, so that a rename is enough.</summary>
    private static string Beside(string target) => $"{target}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}.partial";

    private static void CreateEmpty(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var _ = new FileStream(file, options);
    }

    private static (long Length, string Digest) Flush(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Flush(flushToDisk: true);
        return (stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>https://sqlite.org/fileformat.html: the first 16 bytes.</summary>
    private static bool HasHeader(string file)
    {
        Span<byte> header = stackalloc byte[16];
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length && header.SequenceEqual("SQLite format 3\0"u8);
    }

    /// <summary>Reads every page, index and reference.</summary>
    private static void Check(string file)
    {
        try
        {
            using var connection = Open(file, SqliteOpenMode.ReadOnly);
            if (Scalar(connection, "PRAGMA integrity_check(1)") is not "ok" and var damage)
                throw new SqliteCopyException($"The copy is damaged: {damage}");
            if (Scalar(connection, "PRAGMA foreign_key_check") is { } table)
                throw new SqliteCopyException($"The copy is damaged: a row of {table} refers to one that is not there.");
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is Corrupt or NotADatabase)
        {
            throw new SqliteCopyException("The file is damaged, or no SQLite database.", exception);
        }
    }

    private static List<string> Migrations(string file)
    {
        using var connection = Open(file, SqliteOpenMode.ReadOnly);
        if (Scalar(connection, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '__EFMigrationsHistory'") is null)
            return [];
        using var command = connection.CreateCommand();
        command.CommandText = """SELECT "MigrationId" FROM "__EFMigrationsHistory" ORDER BY "MigrationId" """;
        using var rows = command.ExecuteReader();
        var migrations = new List<string>();
        while (rows.Read())
            migrations.Add(rows.GetString(0));
        return migrations;
    }

    private static SqliteConnection Open(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false, DefaultTimeout = 5 }.ToString());
        connection.Open();
        return connection;
    }

    private static string? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar()?.ToString();
    }

    private static void RemoveCompanions(string database)
    {
        foreach (var companion in s_companions)
            File.Delete(database + companion);
    }

    private static void MoveCompanions(string database, string kept)
    {
        foreach (var companion in s_companions.Where(companion => File.Exists(database + companion)))
            File.Move(database + companion, kept + companion);
    }
}
