using System.Diagnostics;

namespace Activate.Identity.Testing;

/// <summary>A PostgreSQL of a test's own, to be stopped and started again under a running server.</summary>
public sealed class StoppablePostgreSql : IAsyncDisposable
{
    private readonly string _binaries;
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-pg-").FullName;
    private readonly int _port = PostgreSqlServer.FreePort();

    private StoppablePostgreSql(string binaries) => _binaries = binaries;

    public string ConnectionString => $"Host=127.0.0.1;Port={_port};Username=postgres;Database=postgres";

    public static async Task<StoppablePostgreSql> StartNewAsync()
    {
        var initdb = Tools.Require("PostgreSQL", Directory.Exists("/usr/lib/postgresql")
            ? [.. Directory.GetDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(folder => Path.Combine(folder, "bin", "initdb"))]
            : ["/usr/bin/initdb"]);
        var server = new StoppablePostgreSql(Path.GetDirectoryName(initdb)!);
        if (Environment.UserName == "root")
            await RunAsync("chown", "postgres", server._folder);
        await RunAsync(As(initdb, "-D", $"{server._folder}/data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"));
        await server.StartAsync();
        return server;
    }

    public Task StartAsync() => RunAsync(As(Path.Combine(_binaries, "pg_ctl"), "-D", $"{_folder}/data", "-w", "-l", $"{_folder}/log", "-o",
        $"-p {_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder} -c fsync=off", "start"));

    public Task StopAsync() => RunAsync(As(Path.Combine(_binaries, "pg_ctl"), "-D", $"{_folder}/data", "-m", "immediate", "-w", "stop"));

    /// <summary>Every process of the server stands still: connections stay open, and nobody answers on them.</summary>
    public Task FreezeAsync() => SignalAsync("STOP");

    public Task ThawAsync() => SignalAsync("CONT");

    private async Task SignalAsync(string signal)
    {
        var postmaster = File.ReadLines($"{_folder}/data/postmaster.pid").First();
        // The fourth field of /proc/N/stat, after a name in brackets that may hold anything, is the parent.
        var children = Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => name!.All(char.IsAsciiDigit)).Where(name =>
        {
            try
            {
                return File.ReadAllText($"/proc/{name}/stat") is var stat && stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == postmaster;
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        });
        foreach (var process in (string[])[postmaster, .. children!])
        {
            try
            {
                await RunAsync("kill", $"-{signal}", process);
            }
            catch (InvalidOperationException) when (!Directory.Exists($"/proc/{process}"))
            {
                // It ended meanwhile, as those do that served somebody who left.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists($"{_folder}/data/postmaster.pid"))
        {
            await ThawAsync();
            await StopAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static string[] As(params string[] command) => Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--", .. command] : command;

    // Its output is thrown away: pg_ctl would leave the server holding our pipes.
    private static async Task RunAsync(params string[] command)
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/tmp" };
        foreach (var argument in (string[])["-c", "exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", .. command])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"Cannot start {command[0]}.");
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}.");
    }
}
