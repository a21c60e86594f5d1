using System.Globalization;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Data;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A server that is killed at any moment: what it acknowledged is there, what it ended stays ended, and it comes back.</summary>
public sealed class CrashTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-crash-");
    private readonly Random _random = new(1);

    private string File => Path.Combine(_folder.FullName, "activate-identity.db");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory, Trait("Case", "F1"), Trait("Case", "L4")]
    [EachDatabase]
    public async Task Killed_again_and_again_under_load_nothing_acknowledged_is_lost_and_nothing_ended_comes_back(DatabaseProvider provider)
    {
        var connectionString = await TestDatabases.CreateAsync(provider);
        await using var server = new ServerProcess(_folder.FullName, ServerProcess.On(provider, connectionString));
        await server.StartAsync();
        using var client = server.Client();
        var ledger = new Ledger(client, await server.LogInAsync());
        var (kills, starts) = (Tools.FullSize ? 200 : 2, new List<TimeSpan>());
        for (var kill = 0; kill < kills; kill++)
        {
            using var stop = new CancellationTokenSource();
            var before = ledger.Acknowledged;
            var work = ledger.WorkAsync(stop.Token);
            // Killed while it works: on a busy machine the first answer of a process takes seconds.
            while (ledger.Acknowledged == before && !work.IsCompleted)
                await Task.Delay(20);
            await Task.WhenAny(work, Task.Delay(_random.Next(200, Tools.FullSize ? 4_000 : 2_000)));
            await server.KillAsync();
            await stop.CancelAsync();
            await work;
            starts.Add(await server.StartAsync());
            await ledger.AssertKeptAsync();
        }

        if (provider == DatabaseProvider.Sqlite)
            AssertWhole(File);
        starts.Sort();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{provider}: {kills} kills, {ledger.Acknowledged} acknowledged, {ledger.Living} keys and tokens live, {ledger.Things} other things were made; from start to ready: median {starts[starts.Count / 2].TotalSeconds:F1} s, longest {starts[^1].TotalSeconds:F1} s"));
        Assert.True(ledger.Acknowledged >= kills, "The server did hardly anything between its deaths.");
        await server.KillAsync();
        if (connectionString is not null)
            await TestDatabases.DropAsync(provider, connectionString);
    }

    [Fact, Trait("Case", "F6")]
    public async Task The_files_of_SQLite_as_they_are_at_any_moment_are_a_whole_database_with_all_that_was_acknowledged()
    {
        // Each round has a file of its own: one that grew all the while would take longer and longer to copy and to check.
        var (rounds, copies, acknowledged) = (Tools.FullSize ? 20 : 1, Tools.FullSize ? 50 : 20, 0);
        for (var round = 0; round < rounds; round++)
            acknowledged += await CopyAsync(Path.Combine(_folder.FullName, $"{round}"), copies);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rounds * copies} copies, {acknowledged} acknowledged"));
        Assert.True(acknowledged > rounds * copies, "The server did hardly anything between the copies.");
    }

    /// <summary>How much a server acknowledged while its files were copied.</summary>
    private async Task<int> CopyAsync(string folder, int copies)
    {
        Directory.CreateDirectory(folder);
        await using var server = new ServerProcess(folder);
        await server.StartAsync();
        using var client = server.Client();
        var ledger = new Ledger(client, await server.LogInAsync());
        using var stop = new CancellationTokenSource();
        var work = ledger.WorkAsync(stop.Token);
        var copy = Path.Combine(folder, "copy");
        for (var i = 0; i < copies; i++)
        {
            await Task.WhenAny(work, Task.Delay(_random.Next(5, 150)));
            Directory.CreateDirectory(copy);
            // The process stands still, wherever it is: its files are what a crash at this moment would leave.
            await server.FreezeAsync();
            var (living, ended) = ledger.Snapshot();
            foreach (var file in Directory.GetFiles(folder, "activate-identity.db*").Where(file => !file.EndsWith("-shm", StringComparison.Ordinal)))
                System.IO.File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            await server.ThawAsync();
            AssertWhole(Path.Combine(copy, "activate-identity.db"), living, ended);
            Directory.Delete(copy, recursive: true);
        }

        await stop.CancelAsync();
        await work;
        await server.KillAsync();
        Directory.Delete(folder, recursive: true);
        return ledger.Acknowledged;
    }

    [Theory, Trait("Case", "F10")]
    [EachDatabase]
    public async Task A_migration_that_is_killed_half_way_is_completed_by_the_next_start(DatabaseProvider provider)
    {
        var whole = await SchemaAsync(provider, killed: false);
        for (var i = 0; i < (Tools.FullSize ? 40 : 1); i++)
            Assert.Equal(whole, await SchemaAsync(provider, killed: true));
    }

    /// <summary>Migrates an empty database, which may be killed at some moment several times before it is let through, and answers the schema.</summary>
    private async Task<string> SchemaAsync(DatabaseProvider provider, bool killed)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, Guid.NewGuid().ToString()));
        var connectionString = await TestDatabases.CreateAsync(provider);
        await using var server = new ServerProcess(folder.FullName, ServerProcess.On(provider, connectionString));
        var file = Path.Combine(folder.FullName, "activate-identity.db");
        for (var i = 0; killed && i < (Tools.FullSize ? 3 : 1); i++)
        {
            await using var migration = server.Run("migrate");
            // From the first sign of work on.
            while (!migration.HasEnded && !await HasBegunAsync(provider, connectionString, file))
                await Task.Delay(5);
            await Task.Delay(_random.Next(0, 400));
            await migration.KillAsync();
        }

        await using (var migration = server.Run("migrate"))
            Assert.True(await migration.ExitAsync() == 0, migration.Output);
        await server.StartAsync();
        await server.KillAsync();
        await using var databases = await SchemaConnectionAsync(provider, connectionString, file);
        await using var command = databases.CreateCommand();
        command.CommandText = provider switch
        {
            DatabaseProvider.Sqlite => "SELECT name || ': ' || sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1",
            DatabaseProvider.PostgreSql => "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1",
            DatabaseProvider.SqlServer => "SELECT TABLE_NAME + '.' + COLUMN_NAME + ' ' + DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS ORDER BY 1",
        };
        var lines = new List<string>();
        await using (var rows = await command.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
                lines.Add(rows.GetString(0));
        }

        await databases.CloseAsync();
        if (connectionString is not null)
            await TestDatabases.DropAsync(provider, connectionString);
        Assert.True(lines.Count > 50, string.Join('\n', lines));
        return string.Join('\n', lines);
    }

    private static async Task<bool> HasBegunAsync(DatabaseProvider provider, string? connectionString, string file)
    {
        if (provider == DatabaseProvider.Sqlite)
            return System.IO.File.Exists(file) && new FileInfo(file).Length > 0;
        await using var connection = await SchemaConnectionAsync(provider, connectionString, file);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '__EFMigrationsHistory'";
        return Convert.ToInt32(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture) > 0;
    }

    private static async Task<System.Data.Common.DbConnection> SchemaConnectionAsync(DatabaseProvider provider, string? connectionString, string file)
    {
        System.Data.Common.DbConnection connection = provider switch
        {
            DatabaseProvider.Sqlite => new SqliteConnection($"Data Source={file};Pooling=False"),
            DatabaseProvider.PostgreSql => new Npgsql.NpgsqlConnection($"{connectionString};Pooling=False"),
            DatabaseProvider.SqlServer => new Microsoft.Data.SqlClient.SqlConnection($"{connectionString};Pooling=False"),
        };
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Sound pages, sound references, nobody half made, and every acknowledged key as it should be.</summary>
    private static void AssertWhole(string file, IEnumerable<string>? living = null, IEnumerable<string>? ended = null)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        Assert.Equal("ok", Scalar(connection, "PRAGMA integrity_check"));
        Assert.Null(Scalar(connection, "PRAGMA foreign_key_check"));
        // A person is made with an invitation, or with a password, and with an entry in the log; a key with its hash and its event.
        Assert.Equal(0L, Scalar(connection, "SELECT COUNT(*) FROM Users u WHERE u.Kind = 1 AND u.PasswordHash IS NULL AND NOT EXISTS (SELECT 1 FROM Invitations i WHERE i.UserId = u.Id)"));
        Assert.Equal(0L, Scalar(connection, "SELECT COUNT(*) FROM Users u WHERE u.Kind = 1 AND NOT EXISTS (SELECT 1 FROM AuditPersons p WHERE p.UserId = u.Id)"));
        Assert.Equal(0L, Scalar(connection, "SELECT COUNT(*) FROM ApiKeys k WHERE NOT EXISTS (SELECT 1 FROM ApiKeyHashes h WHERE h.ApiKeyId = k.Id)"));
        Assert.Equal(0L, Scalar(connection, "SELECT COUNT(*) FROM ApiKeys k JOIN Users u ON u.Id = k.OwnerId WHERE u.Kind = 1 AND NOT EXISTS (SELECT 1 FROM AuditEvents e WHERE e.Type = 'api_key.created' AND e.SubjectId = k.Id)"));
        var hashes = new HashSet<string>();
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT hex(Hash) FROM ApiKeyHashes WHERE EndsAt IS NULL";
            using var rows = command.ExecuteReader();
            while (rows.Read())
                hashes.Add(rows.GetString(0));
        }

        Assert.All(living ?? [], key => Assert.True(hashes.Contains(HashOf(key)), "An acknowledged key is not there."));
        Assert.All(ended ?? [], key => Assert.False(hashes.Contains(HashOf(key)), "A key that was ended is there."));

        static string HashOf(string key)
        {
            var hash = new byte[ApiKeySecret.HashLength];
            ApiKeySecret.Hash(key, hash);
            return Convert.ToHexString(hash);
        }
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }
}
