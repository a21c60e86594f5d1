using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace Activate.Identity.Testing;

/// <summary>A real PostgreSQL on loopback, started once for the test process from the machine's own binaries, with a database for each caller.</summary>
public sealed class PostgreSqlServer
{
    private static readonly Lazy<Task<PostgreSqlServer>> s_instance = new(StartAsync);
    private static readonly ConcurrentBag<FileStream> s_ports = [];
    private readonly string _administration;
    private int _databases;

    private PostgreSqlServer(string administration) => _administration = administration;

    /// <summary>The running server; skips the test when PostgreSQL is not installed.</summary>
    public static Task<PostgreSqlServer> GetAsync()
    {
        ProgramOf("initdb");
        return s_instance.Value;
    }

    /// <summary>A program that comes with it, such as pg_dump.</summary>
    public static string ProgramOf(string name) => Tools.Require("PostgreSQL", [.. Binaries().Select(folder => Path.Combine(folder, name))]);

    /// <summary>The connection string of a new database.</summary>
    /// <param name="template">The connection string of a database that nobody has open, to be copied; null: empty.</param>
    public async Task<string> CreateDatabaseAsync(string? template = null)
    {
        var name = $"test_{Environment.ProcessId}_{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(_administration);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The name is made here.
        command.CommandText = template is null ? $"CREATE DATABASE {name}" : $"CREATE DATABASE {name} TEMPLATE {new NpgsqlConnectionStringBuilder(template).Database}";
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(_administration) { Database = name, MaxPoolSize = 40 }.ToString();
    }

    /// <summary>Drops such a database, whoever still has it open.</summary>
    public async Task DropDatabaseAsync(string connectionString)
    {
        await using (var pooled = new NpgsqlConnection(connectionString))
            NpgsqlConnection.ClearPool(pooled);
        await using var connection = new NpgsqlConnection(_administration);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The name was made here.
        command.CommandText = $"DROP DATABASE {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)";
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static IEnumerable<string> Binaries() =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(folder => folder, StringComparer.Ordinal).Select(folder => Path.Combine(folder, "bin"))
            : ["/usr/bin"];

    private static async Task<PostgreSqlServer> StartAsync()
    {
        var binaries = Binaries().First(folder => File.Exists(Path.Combine(folder, "initdb")));
        var folder = Directory.CreateTempSubdirectory("activate-pg-").FullName;
        var port = FreePort();
        var root = Environment.UserName == "root";
        if (root)
            await RunAsync("chown", "postgres", folder);
        await RunAsync(As(root, Path.Combine(binaries, "initdb"), "-D", $"{folder}/data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"));
        await RunAsync(As(root, Path.Combine(binaries, "pg_ctl"), "-D", $"{folder}/data", "-w", "-l", $"{folder}/log", "-o",
            $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=500", "start"));
        // Its end is left to a shell that outlives us: hundreds of databases take a busy machine longer to delete than the runner waits for this process.
        var postmaster = (await File.ReadAllLinesAsync($"{folder}/data/postmaster.pid"))[0];
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
            Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", """exec >/dev/null 2>&1 </dev/null; kill -QUIT "$0"; while kill -0 "$0"; do sleep 0.1; done; rm -rf "$1" """, postmaster, folder]))?.Dispose();
        return new PostgreSqlServer($"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres");
    }

    private static string[] As(bool root, params string[] command) => root ? ["runuser", "-u", "postgres", "--", .. command] : command;

    private static async Task RunAsync(params string[] command)
    {
        var start = new ProcessStartInfo(command[0]) { WorkingDirectory = "/tmp", RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in command.Skip(1))
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"Cannot start {command[0]}.");
        // pg_ctl leaves the server with our pipes: wait for the process, not for the end of its output.
        var errors = new List<string>();
        process.ErrorDataReceived += (_, line) => errors.Add(line.Data ?? "");
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        while (!process.HasExited)
            await Task.Delay(20);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {string.Join('\n', errors)}");
    }

    /// <summary>
    /// A port that nobody listens on, below those that the system gives to outgoing connections: none of these takes it before the server does. Nor does another process of the tests:
    /// each holds a lock for each port that it was given.
    /// </summary>
    public static int FreePort()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), "activate-test-ports")).FullName;
        while (true)
        {
            var port = RandomNumberGenerator.GetInt32(10_000, 32_000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                s_ports.Add(new FileStream(Path.Combine(folder, port.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose));
                listener.Start();
                return port;
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                // Somebody listens there, or will: another.
            }
        }
    }
}
