using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A server that may open few files and has little memory, before a crowd that only holds connections open.</summary>
public sealed class PressureTests : IDisposable
{
    private const int Idle = 2_000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-pressure-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact, Trait("Case", "F14")]
    public async Task Two_thousand_idle_connections_neither_end_a_server_with_1024_files_and_little_memory_nor_those_it_has_and_it_recovers_when_they_go()
    {
        var limit = Tools.Require("prlimit", "/usr/bin/prlimit");
        // 96 MB for objects; the whole process takes some 250.
        await using var server = new ServerProcess(_folder.FullName, new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "0x6000000" }, under: [limit, "--nofile=1024:1024"]);
        await server.StartAsync();
        var session = await server.LogInAsync();
        using var inside = server.Client();
        inside.Timeout = s_patience;
        Assert.Equal(200, await ServerProcess.StatusAsync(inside, "/api/v1/me", session));

        var idle = await Task.WhenAll(Enumerable.Range(0, Idle).Select(_ => ConnectAsync(server.Port)));
        // Who has a connection is served: reads, writes, pages.
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, (await ServerProcess.SendAsync(inside, HttpMethod.Get, "/api/v1/me", session)).Status);
            var made = await ServerProcess.SendAsync(inside, HttpMethod.Post, "/api/v1/api-keys", session, new { name = $"meanwhile {i}" });
            Assert.True(made.Status == 201, $"{made}\n{server.Output}");
            Assert.Equal(200, await ServerProcess.StatusAsync(inside, "/sign-in"));
        }

        // Who comes is not let in, which a balancer takes for what it is: hung up on, not left to wait.
        using var late = server.Client();
        late.Timeout = s_patience;
        var watch = Stopwatch.StartNew();
        Assert.Equal(0, await ServerProcess.StatusAsync(late, "/health/live"));
        Assert.True(watch.Elapsed < late.Timeout, "It was left to wait.");
        foreach (var connection in idle)
            connection?.Dispose();

        watch.Restart();
        using var next = server.Client();
        next.Timeout = s_patience;
        while (await ServerProcess.StatusAsync(next, "/api/v1/me", session) is var status && status != 200)
            Assert.True(status == 0 && watch.Elapsed < s_patience, $"{status} after {watch.Elapsed}:\n{server.Output}");
        Assert.Equal(201, (await ServerProcess.SendAsync(next, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "afterwards" })).Status);
        Assert.NotEmpty(await server.LogInAsync());
        Assert.DoesNotContain("Unhandled exception", server.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Too many open files", server.Output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "F14")]
    public async Task With_fewer_files_than_it_needs_to_load_it_does_not_start_and_says_so()
    {
        await using var program = RunningProgram.Start("Activate.Identity.Server.dll", [], under: [Tools.Require("prlimit", "/usr/bin/prlimit"), "--nofile=256:256"]);
        Assert.Equal(1, await program.ExitAsync());
        Assert.Contains("The server does not start: The process may open 256 files; it needs 768", program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", program.Output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "F14")]
    public async Task Where_somebody_listens_already_it_does_not_start_and_says_so_in_one_line()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        await using var program = RunningProgram.Start("Activate.Identity.Server.dll",
            ["--environment", "Development", $"--Data:Folder={_folder.FullName}", $"--Urls=http://{other.LocalEndpoint}", "--Server:PublicOrigin=http://localhost"]);
        Assert.Equal(1, await program.ExitAsync());
        Assert.Contains($"The server does not start: Failed to bind to address http://{other.LocalEndpoint}: address already in use.", program.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", program.Output, StringComparison.Ordinal);

        // An address for documentation, which is nobody's.
        await using var elsewhere = RunningProgram.Start("Activate.Identity.Server.dll",
            ["--environment", "Development", $"--Data:Folder={_folder.FullName}", "--Urls=http://192.0.2.1:5080", "--Server:PublicOrigin=http://localhost"]);
        Assert.Equal(1, await elsewhere.ExitAsync());
        Assert.Contains("The server does not start: it cannot listen where Urls says", elsewhere.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", elsewhere.Output, StringComparison.Ordinal);
    }

    /// <summary>Null: it did not get through.</summary>
    private static async Task<TcpClient?> ConnectAsync(int port)
    {
        var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(TimeSpan.FromSeconds(10));
            return client;
        }
        catch (Exception exception) when (exception is SocketException or TimeoutException)
        {
            client.Dispose();
            return null;
        }
    }
}
