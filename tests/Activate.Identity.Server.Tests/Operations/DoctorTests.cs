using Activate.Identity.Data;
using Activate.Identity.Data.Mail;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Operations;

/// <summary>The command <c>doctor</c>: what it finds, and that it changes nothing.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-doctor-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task A_server_that_runs_well_has_no_problem_and_is_left_as_it_was(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider });
        var connection = await server.QueryAsync(database => Task.FromResult(database.Database.GetConnectionString()!));
        var before = await RowsAsync(server);
        var answer = await RunAsync($"--Data:Folder={server.DataFolder}", $"--Database:Provider={provider}", $"--Database:ConnectionString={connection}");
        Assert.True(answer.Code == 0, answer.ToString());
        Assert.DoesNotContain("problem", answer.Out, StringComparison.Ordinal);
        foreach (var what in (string[])["configuration", "public origin", "libraries", "database ", "schema", "database settings", "clock", "writing", "key ring", "signing keys", "mail queue", "ring certificate", "mail "])
            Assert.Contains($" {what}", answer.Out, StringComparison.Ordinal);
        Assert.Equal(before, await RowsAsync(server));
    }

    [Fact]
    public async Task Each_thing_that_is_wrong_is_named_with_its_remedy()
    {
        await using var server = await TestServer.StartAsync(new() { Database = DatabaseProvider.Sqlite });
        var late = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-3);
        await server.QueryAsync(async database =>
        {
            database.MailMessages.Add(new MailMessage { Id = Guid.CreateVersion7(late), Content = [1], CreatedAt = late, DueAt = late.AddDays(3), GiveUpAt = late.AddDays(4), Attempts = 3 });
            await database.SaveChangesAsync();
            await database.ServerKeys.ExecuteUpdateAsync(set => set.SetProperty(key => key.Protected, "not base64!"));
            return await database.Database.ExecuteSqlAsync($"UPDATE \"AuditEvents\" SET \"At\" = '2999-01-01 00:00:00'");
        });
        var answer = await RunAsync($"--Data:Folder={server.DataFolder}", "--Mail:Host=127.0.0.1", "--Mail:Port=1", "--Mail:From=id@example.test", "--Mail:Security=None");
        Assert.Equal(1, answer.Code);
        foreach (var line in (string[])["warning  mail queue", "problem  key ring", "Restore it", "problem  clock", "problem  mail ", "ConnectionRefused", "→ "])
            Assert.Contains(line, answer.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_missing_older_locked_or_without_its_ring_is_told_apart_and_none_is_made()
    {
        var answer = await RunAsync($"--Data:Folder={_folder}");
        Assert.Equal(1, answer.Code);
        Assert.Contains("There is none at", answer.Out, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));

        await using var server = await TestServer.StartAsync(new() { Database = DatabaseProvider.Sqlite });
        var last = await server.QueryAsync(database => Task.FromResult(database.Database.GetMigrations().Last()));
        SqliteFiles.Scalar(server.SqliteFile, $"""DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" = '{last}'""");
        answer = await RunAsync($"--Data:Folder={server.DataFolder}");
        Assert.Equal(1, answer.Code);
        Assert.Contains("1 migration(s) are pending", answer.Out, StringComparison.Ordinal);
        Assert.Contains("migrate", answer.Out, StringComparison.Ordinal);
        SqliteFiles.Scalar(server.SqliteFile, $"""INSERT INTO "__EFMigrationsHistory" VALUES ('{last}', '10.0.14')""");

        using (var other = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = server.SqliteFile, Pooling = false }.ToString()))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            answer = await RunAsync($"--Data:Folder={server.DataFolder}");
            Assert.Equal(1, answer.Code);
            Assert.Contains("problem  writing", answer.Out, StringComparison.Ordinal);
            Assert.Contains("locked", answer.Out, StringComparison.Ordinal);
        }

        await server.QueryAsync(database => database.DataProtectionKeys.ExecuteDeleteAsync());
        answer = await RunAsync($"--Data:Folder={server.DataFolder}");
        Assert.Equal(1, answer.Code);
        Assert.Contains("problem  key ring", answer.Out, StringComparison.Ordinal);
        // It did not help itself to a new key.
        Assert.Equal(0, await server.QueryAsync(database => database.DataProtectionKeys.CountAsync()));
    }

    [Fact]
    public async Task No_secret_of_the_settings_is_printed_whether_they_are_right_or_wrong()
    {
        var certificate = RingCertificates.New(_folder, "canary-ring", TimeSpan.FromDays(3));
        string[] settings = [$"--Data:Folder={_folder}", "--Server:PublicOrigin=https://id.example.org", $"--KeyRing:CertificatePath={certificate}", "--Mail:Host=127.0.0.1", "--Mail:Port=1", "--Mail:From=id@example.test", "--Mail:Username=mailer",
            "--Mail:Password=canary-mail", "--Setup:Password=canary-setup"];
        foreach (var more in (string[][])[["--KeyRing:CertificatePassword=canary-ring"], ["--KeyRing:CertificatePassword=canary-wrong"],
            ["--KeyRing:CertificatePassword=canary-ring", "--Database:Provider=PostgreSql", "--Database:ConnectionString=Host=127.0.0.1;Port=1;Username=x;Password=canary-database;Timeout=2"],
            ["--KeyRing:CertificatePassword=canary-ring", "--Database:Provider=PostgreSql", "--Database:ConnectionString=Host=127.0.0.1;Password=a;canary-b"]])
        {
            var answer = await CommandAnswer.RunAsync(["doctor", "--environment", "Production", .. settings, .. more]);
            Assert.Equal(1, answer.Code);
            Assert.DoesNotContain("canary", answer.ToString(), StringComparison.Ordinal);
        }

        var ending = await CommandAnswer.RunAsync(["doctor", "--environment", "Production", .. settings, "--KeyRing:CertificatePassword=canary-ring"]);
        Assert.Contains("warning  ring certificate", ending.Out, StringComparison.Ordinal);
        Assert.Contains("trusts no proxy", ending.Out, StringComparison.Ordinal);
    }

    private static Task<CommandAnswer> RunAsync(params string[] settings) => CommandAnswer.RunAsync(["doctor", "--environment", "Development", .. settings]);

    private static Task<(int, int, int, int, int)> RowsAsync(TestServer server) => server.QueryAsync(async database => (await database.ServerFacts.CountAsync(), await database.ServerKeys.CountAsync(),
        await database.DataProtectionKeys.CountAsync(), await database.AuditEvents.CountAsync(), await database.MailMessages.CountAsync()));
}
