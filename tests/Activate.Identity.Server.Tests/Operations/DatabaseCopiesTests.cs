using System.Diagnostics;
using System.Globalization;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Operations;

/// <summary>The commands <c>backup</c> and <c>restore</c>, and what docs/operations.md says for PostgreSQL, beside a server that works.</summary>
public sealed class DatabaseCopiesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-copies-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [Trait("Case", "F13")]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task A_backup_under_load_holds_one_moment_and_serves_elsewhere(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Database = provider });
        using var stop = new CancellationTokenSource();
        var people = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => server.AddPersonAsync()));
        var (_, session) = people[0];
        var kept = await server.CreateApiKeyAsync(session, "kept");
        var endedBefore = await server.CreateApiKeyAsync(session, "ended before");
        var endedAfter = await server.CreateApiKeyAsync(session, "ended after");
        await server.DeleteAsync($"{KeysPath}/{endedBefore.Id}", session);

        // Writers that never rest: make a key, end every other one.
        var acknowledged = new System.Collections.Concurrent.ConcurrentQueue<ApiKeyAnswer>();
        var load = people.Select((person, writer) => Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var key = await server.CreateApiKeyAsync(person.Session, $"load {writer} {i}");
                if (i % 2 == 0)
                    acknowledged.Enqueue(key);
                else
                    Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{key.Id}", person.Session)).Status);
                if (i > 150)
                    break;
            }
        })).ToArray();
        while (acknowledged.Count < 8)
            await Task.Delay(10);
        var before = acknowledged.ToArray();
        var file = Path.Combine(_folder, "backup.db");
        var digest = provider == DatabaseProvider.Sqlite ? await CopyAsync(server.DataFolder, file) : await DumpAsync(await ConnectionStringAsync(server), file);
        var during = acknowledged.Count;
        while (acknowledged.Count < during + 8)
            await Task.Delay(10);
        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{endedAfter.Id}", session)).Status);
        var after = await server.CreateApiKeyAsync(session, "after");

        var settings = new Dictionary<string, string?> { ["Server:PublicOrigin"] = server.Origin.GetLeftPart(UriPartial.Authority) };
        if (provider == DatabaseProvider.Sqlite)
        {
            settings["Data:Folder"] = Path.Combine(_folder, "elsewhere");
            var restored = await RestoreAsync(settings["Data:Folder"]!, file);
            Assert.True(restored.Code == 0, restored.ToString());
            Assert.Equal(digest, Digest(restored));
        }
        else
        {
            settings["Database:ConnectionString"] = (await TestDatabases.CreateAsync(provider))!;
            await RunAsync("pg_restore", settings["Database:ConnectionString"]!, "--exit-on-error", "--no-owner", "--single-transaction", file);
        }

        await using var other = await TestServer.StartAsync(new TestServerOptions { Database = provider, Settings = settings });
        Assert.Equal(200, (await other.GetAsync("/api/v1/me", kept.Key)).Status);
        Assert.Equal(200, (await other.GetAsync("/api/v1/me", session)).Status);
        Assert.Equal(401, (await other.GetAsync("/api/v1/me", endedBefore.Key)).Status);
        // docs/operations.md says so: what ended after the backup lives again, what was made after it is unknown.
        Assert.Equal(200, (await other.GetAsync("/api/v1/me", endedAfter.Key)).Status);
        Assert.Equal(401, (await other.GetAsync("/api/v1/me", after.Key)).Status);
        foreach (var key in before)
            Assert.Equal(200, (await other.GetAsync("/api/v1/me", key.Key)).Status);

        // One moment: of each transaction all or nothing is there.
        var (keys, hashes, made, gone) = await other.QueryAsync(async database => (await database.ApiKeys.CountAsync(), await database.ApiKeyHashes.CountAsync(),
            await database.AuditEvents.CountAsync(e => e.Type == AuditTypes.ApiKeyCreated), await database.AuditEvents.CountAsync(e => e.Type == AuditTypes.ApiKeyDeleted)));
        Assert.Equal(keys, hashes);
        Assert.Equal(keys, made - gone);
        Assert.True(made >= before.Length + 3, $"{made} keys were made.");
    }

    [Fact]
    [Trait("Case", "F13")]
    public async Task A_backup_overwrites_nothing_and_leaves_nothing_half()
    {
        await using var server = await TestServer.StartAsync(new() { Database = DatabaseProvider.Sqlite });
        var file = Path.Combine(_folder, "there.db");
        await File.WriteAllTextAsync(file, "mine");
        var answer = await BackupAsync(server.DataFolder, file);
        Assert.Equal(1, answer.Code);
        Assert.Contains("overwrites nothing", answer.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(file));

        answer = await BackupAsync(server.DataFolder, Path.Combine(_folder, "no", "such", "folder.db"));
        Assert.Equal(1, answer.Code);
        Assert.Contains("cannot be written", answer.Error, StringComparison.Ordinal);

        var empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        answer = await BackupAsync(empty, Path.Combine(_folder, "x.db"));
        Assert.Equal(1, answer.Code);
        Assert.Contains("There is no database at", answer.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(empty));
        Assert.Equal([file], Directory.GetFiles(_folder));
    }

    [Fact]
    [Trait("Case", "F13")]
    public async Task A_restore_refuses_while_a_server_runs_or_a_database_is_there_and_keeps_what_it_replaces()
    {
        var file = Path.Combine(_folder, "backup.db");
        await using (var server = await TestServer.StartAsync(new() { Database = DatabaseProvider.Sqlite }))
        {
            var (_, session) = await server.AddPersonAsync();
            Assert.Equal(0, (await BackupAsync(server.DataFolder, file)).Code);
            await server.CreateApiKeyAsync(session, "later");

            var refused = await RestoreAsync(server.DataFolder, file);
            Assert.Equal(1, refused.Code);
            Assert.Contains("--force", refused.Error, StringComparison.Ordinal);
            refused = await RestoreAsync(server.DataFolder, file, "--force");
            Assert.Equal(1, refused.Code);
            Assert.Contains("A server uses", refused.Error, StringComparison.Ordinal);
            // And it goes on serving, and writing.
            await server.CreateApiKeyAsync(session, "later still");

            await server.RestartAsync(async () =>
            {
                SqliteConnection.ClearAllPools();
                var restored = await RestoreAsync(server.DataFolder, file, "--force");
                Assert.True(restored.Code == 0, restored.ToString());
                var replaced = Assert.Single(Directory.GetFiles(server.DataFolder, "*.before-*"));
                Assert.Contains(replaced, restored.Out, StringComparison.Ordinal);
                Assert.Equal("2", SqliteFiles.Scalar(replaced, """SELECT count(*) FROM "ApiKeys" """));
                Assert.Equal("0", SqliteFiles.Scalar(server.SqliteFile, """SELECT count(*) FROM "ApiKeys" """));
                Assert.Empty(Directory.GetFiles(server.DataFolder, "*.partial"));
            });
            await server.CreateApiKeyAsync(session, "later");
        }
    }

    [Theory]
    [Trait("Case", "F13")]
    [InlineData("text", "no SQLite database")]
    [InlineData("damaged", "damaged")]
    [InlineData("foreign", "not one of Activate.Identity")]
    [InlineData("newer", "newer version")]
    [InlineData("in use", "was copied while it was in use")]
    [InlineData("missing", "There is no file")]
    public async Task A_file_that_is_no_whole_backup_of_this_version_changes_nothing(string kind, string says)
    {
        await using var server = await TestServer.StartAsync(new() { Database = DatabaseProvider.Sqlite });
        var file = Path.Combine(_folder, "backup.db");
        Assert.Equal(0, (await BackupAsync(server.DataFolder, file)).Code);
        switch (kind)
        {
            case "text":
                await File.WriteAllTextAsync(file, "This is no database at all, but it is long enough to be read as one.");
                break;
            case "damaged":
                var bytes = await File.ReadAllBytesAsync(file);
                bytes.AsSpan(bytes.Length / 2, 8192).Fill(0x5A);
                await File.WriteAllBytesAsync(file, bytes);
                break;
            case "foreign":
                File.Delete(file);
                SqliteFiles.Scalar(file, "CREATE TABLE t (x)");
                break;
            case "newer":
                SqliteFiles.Scalar(file, """INSERT INTO "__EFMigrationsHistory" VALUES ('29991231000000_Newer', '99.0.0')""");
                break;
            case "in use":
                await File.WriteAllTextAsync(file + "-wal", "");
                break;
            default:
                File.Delete(file);
                break;
        }

        var elsewhere = Path.Combine(_folder, "elsewhere");
        var answer = await RestoreAsync(elsewhere, file, "--force");
        Assert.Equal(1, answer.Code);
        Assert.Contains(says, answer.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(elsewhere));
    }

    [Fact]
    public void A_damaged_database_is_replaced_and_kept_with_all_that_lies_beside_it()
    {
        var (target, backup) = (Path.Combine(_folder, "activate-identity.db"), Path.Combine(_folder, "backup.db"));
        SqliteFiles.Scalar(backup, "CREATE TABLE t (x)");
        File.WriteAllText(target, new string('x', 8192));
        File.WriteAllText(target + "-wal", "what was written last");
        var at = new DateTime(2026, 11, 29, 12, 0, 0, DateTimeKind.Utc);
        using (var candidate = SqliteCopies.Prepare(DatabaseSetup.SqliteFile(target), backup))
        {
            Assert.True(candidate.TargetExists);
            var kept = candidate.PutInPlace(at);
            Assert.Equal(new string('x', 8192), File.ReadAllText(kept!));
            Assert.Equal("what was written last", File.ReadAllText(kept + "-wal"));
        }

        Assert.Equal("0", SqliteFiles.Scalar(target, "SELECT count(*) FROM t"));
        Assert.False(File.Exists(target + "-wal"));
        // A second one in the same second would have to overwrite what was kept.
        using var second = SqliteCopies.Prepare(DatabaseSetup.SqliteFile(target), backup);
        Assert.Contains("exists already", Assert.Throws<SqliteCopyException>(() => second.PutInPlace(at)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SqlServer", "backup", "BACKUP DATABASE [name] TO DISK = N'file.bak' WITH CHECKSUM, COPY_ONLY")]
    [InlineData("SqlServer", "restore", "RESTORE DATABASE [name] FROM DISK = N'file.bak' WITH CHECKSUM, REPLACE")]
    [InlineData("PostgreSql", "backup", "pg_dump --format=custom --file=FILE DATABASE")]
    [InlineData("PostgreSql", "restore", "createdb --owner=ROLE NEW && pg_restore --exit-on-error --single-transaction --no-owner --role=ROLE --dbname=NEW FILE")]
    public async Task Other_databases_have_tools_of_their_own_which_are_named(string provider, string command, string tool)
    {
        var answer = await CommandAnswer.RunAsync(command, "file", "--environment", "Development", $"--Database:Provider={provider}", "--Database:ConnectionString=Host=nowhere;Password=canary-password");
        Assert.Equal(2, answer.Code);
        Assert.Contains(tool, answer.Out, StringComparison.Ordinal);
        // The manual says the same.
        Assert.Contains(tool, File.ReadAllText(Path.Combine(Tools.Root, "docs", "operations.md")), StringComparison.Ordinal);
        Assert.DoesNotContain("canary", answer.ToString(), StringComparison.Ordinal);
    }

    /// <summary>The SHA-256 that <c>backup</c> tells.</summary>
    private static async Task<string> CopyAsync(string data, string file)
    {
        var backup = await BackupAsync(data, file);
        Assert.True(backup.Code == 0, backup.ToString());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file))), Digest(backup));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        return Digest(backup);
    }

    private static async Task<string> DumpAsync(string connectionString, string file)
    {
        await RunAsync("pg_dump", connectionString, "--format=custom", $"--file={file}");
        return "";
    }

    private static Task<string> ConnectionStringAsync(TestServer server) => server.QueryAsync(database => Task.FromResult(database.Database.GetConnectionString()!));

    /// <summary>A program of PostgreSQL's about a database.</summary>
    private static async Task RunAsync(string program, string connectionString, params string[] arguments)
    {
        var at = new NpgsqlConnectionStringBuilder(connectionString);
        using var process = Process.Start(new ProcessStartInfo(PostgreSqlServer.ProgramOf(program),
            [$"--host={at.Host}", string.Create(CultureInfo.InvariantCulture, $"--port={at.Port}"), $"--username={at.Username}", $"--dbname={at.Database}", .. arguments]) { RedirectStandardError = true })!;
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program}: {errors}");
    }

    private static Task<CommandAnswer> BackupAsync(string data, string file) => CommandAnswer.RunAsync("backup", file, "--environment", "Development", $"--Data:Folder={data}");

    private static Task<CommandAnswer> RestoreAsync(string data, string file, params string[] more) =>
        CommandAnswer.RunAsync(["restore", file, "--environment", "Development", $"--Data:Folder={data}", .. more]);

    private static string Digest(CommandAnswer answer) => Regex.Match(answer.Out, "SHA-256 ([0-9a-f]{64})").Groups[1].Value;
}
