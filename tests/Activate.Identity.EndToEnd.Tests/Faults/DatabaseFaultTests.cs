using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Activate.Identity.Data;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A database that is stopped, stands still, is locked or full: callers are told within two seconds to come back, and all is well two seconds after it is.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class DatabaseFaultTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-fault-");

    private static TimeSpan Outage => Tools.FullSize ? TimeSpan.FromSeconds(60) : TimeSpan.FromSeconds(3);

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory, Trait("Case", "F3")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_PostgreSQL_is_stopped_or_stands_still_every_caller_is_told_in_time_and_it_recovers(bool frozen)
    {
        await using var postgres = await StoppablePostgreSql.StartNewAsync();
        await using var server = new ServerProcess(_folder.FullName, ServerProcess.On(DatabaseProvider.PostgreSql, postgres.ConnectionString));
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var key = await CreateKeyAsync(client, session, "before");
        // Several connections, so that recovery has to get over more than one broken one.
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => ServerProcess.StatusAsync(client, "/api/v1/api-keys", session))), status => Assert.Equal(200, status));
        await (frozen ? postgres.FreezeAsync() : postgres.StopAsync());
        // For a second what was read before may count.
        await Task.Delay(1_000);
        var (asked, longest, threads) = (0, TimeSpan.Zero, 0);
        for (var outage = Stopwatch.StartNew(); outage.Elapsed < Outage; asked++)
        {
            foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 24).Select(caller => RefusedAsync(client, session, key, caller))))
                longest = answer > longest ? answer : longest;
            Assert.Equal(503, await ServerProcess.StatusAsync(client, "/health/ready"));
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/live"));
            // What clients keep is still there to be fetched.
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/.well-known/jwks"));
            threads = Math.Max(threads, Directory.GetDirectories($"/proc/{server.Id}/task").Length);
        }

        await (frozen ? postgres.ThawAsync() : postgres.StartAsync());
        var recovery = await RecoverAsync(() => ServerProcess.StatusAsync(client, "/api/v1/me", key), 200);
        await RecoverAsync(async () => (await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = $"after {Guid.NewGuid()}" })).Status, 201);
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/ready"));
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", key));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(frozen ? "frozen" : "stopped")} for {Outage.TotalSeconds} s: {asked * 24} requests refused, the slowest after {longest.TotalSeconds:F2} s, at most {threads} threads; back after {recovery.TotalSeconds:F2} s"));
        Assert.True(threads < 100, $"{threads} threads wait.");
        Assert.DoesNotContain("Unhandled exception", server.Output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "F3")]
    public async Task While_SQLite_is_locked_writers_are_told_in_time_readers_go_on_and_it_recovers()
    {
        await using var server = new ServerProcess(_folder.FullName);
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var key = await CreateKeyAsync(client, session, "before");
        await using var other = new SqliteConnection($"Data Source={Path.Combine(_folder.FullName, "activate-identity.db")};Pooling=False");
        await other.OpenAsync();
        await RunAsync(other, "BEGIN EXCLUSIVE");
        var (asked, longest) = (0, TimeSpan.Zero);
        for (var outage = Stopwatch.StartNew(); outage.Elapsed < Outage; asked++)
        {
            foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => RefusedAsync(client, session, key, caller * 3))))
                longest = answer > longest ? answer : longest;
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", key));
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/live"));
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/ready"));
        }

        await RunAsync(other, "ROLLBACK");
        var recovery = await RecoverAsync(async () => (await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "after" })).Status, 201);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"locked for {Outage.TotalSeconds} s: {asked * 8} writes refused, the slowest after {longest.TotalSeconds:F2} s; back after {recovery.TotalSeconds:F2} s"));
        Assert.DoesNotContain("Unhandled exception", server.Output, StringComparison.Ordinal);
    }

    /// <summary>What is remembered or open goes on; who needs to open the file is told, and nobody is answered with a fault.</summary>
    [Fact, Trait("Case", "F3")]
    public async Task While_nobody_may_open_the_file_of_SQLite_whoever_needs_it_is_told_to_come_back_and_a_start_says_why_it_fails()
    {
        // Root may open everything, unless that is taken from it.
        // Each operation opens the file anew: what a pool has open would go on, and tell nothing.
        var settings = ServerProcess.On(DatabaseProvider.Sqlite, $"Data Source={Path.Combine(_folder.FullName, "activate-identity.db")};Pooling=False");
        await using var server = new ServerProcess(_folder.FullName, settings, under: Environment.IsPrivilegedProcess ? [Tools.Require("setpriv", "/usr/bin/setpriv"), "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] : null);
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var key = await CreateKeyAsync(client, session, "before");
        var files = Directory.GetFiles(_folder.FullName, "activate-identity.db*").Where(file => !file.EndsWith("-migrating", StringComparison.Ordinal)).ToDictionary(file => file, File.GetUnixFileMode);
        Close();
        var refused = 0;
        for (var outage = Stopwatch.StartNew(); outage.Elapsed < TimeSpan.FromSeconds(Tools.FullSize ? 60 : 2);)
        {
            await Task.WhenAll(Enumerable.Range(0, 48).Select(async caller =>
            {
                var watch = Stopwatch.StartNew();
                using var request = new HttpRequestMessage(HttpMethod.Get, caller % 2 == 0 ? "/api/v1/me" : "/api/v1/api-keys");
                request.Headers.Authorization = new("Bearer", caller % 2 == 0 ? key : session);
                using var answer = await client.SendAsync(request);
                Assert.True((int)answer.StatusCode is 200 or 503, $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
                Assert.True((int)answer.StatusCode == 200 || answer.Headers.RetryAfter is not null, "It does not say when to come back.");
                Assert.True(watch.Elapsed < TimeSpan.FromSeconds(Tools.FullSize ? 2 : 4), $"Told after {watch.Elapsed}.");
                if ((int)answer.StatusCode == 503)
                    Interlocked.Increment(ref refused);
            }));
            Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/live"));
        }

        Assert.True(refused > 0, "Nobody needed the file.");
        Open();
        var recovery = await RecoverAsync(async () => (await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "after" })).Status, 201);
        foreach (var status in await Task.WhenAll(Enumerable.Range(0, 48).Select(_ => ServerProcess.StatusAsync(client, "/api/v1/me", key))))
            Assert.Equal(200, status);

        Close();
        await server.KillAsync();
        await using (var started = server.Run())
        {
            Assert.NotEqual(0, await started.ExitAsync());
            Assert.Contains("The server does not start: the database cannot be used", started.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", started.Output, StringComparison.Ordinal);
        }

        Open();
        await server.StartAsync();
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", key));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"closed to all: {refused} requests refused; back after {recovery.TotalSeconds:F2} s"));

        void Close()
        {
            foreach (var file in files.Keys.Where(File.Exists))
                File.SetUnixFileMode(file, UnixFileMode.None);
        }

        void Open()
        {
            foreach (var (file, mode) in files.Where(file => File.Exists(file.Key)))
                File.SetUnixFileMode(file, mode);
        }
    }

    [Fact, Trait("Case", "F5")]
    public async Task On_a_full_disk_writes_are_refused_reads_go_on_and_when_there_is_room_again_nothing_is_broken()
    {
        await using var disk = await SmallDisk.MountAsync(_folder.CreateSubdirectory("disk").FullName, megabytes: 24);
        await using var server = new ServerProcess(disk.Folder);
        await server.StartAsync();
        using var client = server.Client();
        var session = await server.LogInAsync();
        var key = await CreateKeyAsync(client, session, "before");
        disk.Fill();
        var refused = 0;
        // There may be room left in what is allocated already.
        for (var i = 0; i < 500 && refused < 10; i++)
        {
            var answer = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = $"during {i}" });
            Assert.True(answer.Status is 201 or 503, answer.ToString());
            if (answer.Status == 201)
                Assert.True((await ServerProcess.SendAsync(client, HttpMethod.Delete, $"/api/v1/api-keys/{answer.Text("id")}", session)).Status is 204 or 503);
            else
                refused++;
        }

        Assert.Equal(10, refused);
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", key));
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/api-keys", session));
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/health/live"));
        disk.Free();
        var recovery = await RecoverAsync(async () => (await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "after" })).Status, 201);
        await server.KillAsync();
        await server.StartAsync();
        Assert.Equal(200, await ServerProcess.StatusAsync(client, "/api/v1/me", key));
        await server.KillAsync();
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(disk.Folder, "activate-identity.db")};Pooling=False");
        await connection.OpenAsync();
        await using var check = connection.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        Assert.Equal("ok", await check.ExecuteScalarAsync());
        await connection.CloseAsync();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"full disk: writes again {recovery.TotalSeconds:F2} s after there is room"));
    }

    /// <summary>A request that needs the database: refused, told when to come back, in time. Answers how long it took.</summary>
    private static async Task<TimeSpan> RefusedAsync(HttpClient client, string session, string key, int caller)
    {
        var watch = Stopwatch.StartNew();
        var answer = (caller % 3) switch
        {
            0 => await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "during" }),
            1 => await ServerProcess.SendAsync(client, HttpMethod.Get, "/api/v1/me", key),
            _ => await Answer.FromAsync(await client.PostAsync("/connect/device", new FormUrlEncodedContent([KeyValuePair.Create("client_id", TestServer.Cli)]))),
        };
        var took = watch.Elapsed;
        Assert.True(answer.Status == 503, answer.ToString());
        Assert.Equal("2", answer.Header("Retry-After"));
        Assert.True(took < TimeSpan.FromSeconds(Tools.FullSize ? 2 : 4), $"Told after {took}.");
        return took;
    }

    private static async Task<TimeSpan> RecoverAsync(Func<Task<int>> ask, int expected)
    {
        var watch = Stopwatch.StartNew();
        int status;
        do
        {
            status = await ask();
            if (status == 503)
                await Task.Delay(50);
        }
        while (status == 503 && watch.Elapsed < TimeSpan.FromSeconds(10));
        Assert.Equal(expected, status);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(Tools.FullSize ? 2 : 4));
        return watch.Elapsed;
    }

    private static async Task<string> CreateKeyAsync(HttpClient client, string session, string name)
    {
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name });
        Assert.True(made.Status == 201, made.ToString());
        return made.Text("key");
    }

    private static async Task RunAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A disk of a few megabytes in memory, which only root may mount.</summary>
    private sealed class SmallDisk : IAsyncDisposable
    {
        private SmallDisk(string folder) => Folder = folder;

        public string Folder { get; }

        private string Filler => Path.Combine(Folder, "filler");

        public static async Task<SmallDisk> MountAsync(string folder, int megabytes)
        {
            // Not even root may do it in most containers: a test may lack this as it may lack Docker. That a full SQLite is told apart is tested without (Data.Tests).
            if (!await RunAsync("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", folder))
                Assert.Skip("A small disk cannot be mounted here.");
            return new SmallDisk(folder);
        }

        public void Fill()
        {
            using var file = new FileStream(Filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            foreach (var size in (int[])[1 << 20, 4096, 1])
            {
                try
                {
                    while (true)
                        file.Write(new byte[size]);
                }
                catch (IOException)
                {
                    // No room for so much: less.
                }
            }
        }

        public void Free() => File.Delete(Filler);

        public async ValueTask DisposeAsync() => Assert.True(await RunAsync("umount", Folder));

        private static async Task<bool> RunAsync(params string[] command)
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardError = true })!;
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
    }
}
