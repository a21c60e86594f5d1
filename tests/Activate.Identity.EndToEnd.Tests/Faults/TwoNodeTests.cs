using Activate.Identity.EndToEnd.Tests.Clients;
using System.Globalization;
using Activate.Identity.EndToEnd.Tests.Operations;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>Two nodes on one database behind nginx, which sends each request to whichever it likes, and tries the other when one is gone.</summary>
public sealed class TwoNodeTests(ITestOutputHelper output) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-nodes-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact, Trait("Case", "F8")]
    public async Task While_one_node_after_the_other_is_killed_no_operation_of_a_client_fails()
    {
        var provider = TestDatabases.OnAServer;
        var connectionString = await TestDatabases.CreateAsync(provider);
        var origin = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        await using var first = new ServerProcess(_folder.FullName, ServerProcess.On(provider, connectionString), origin);
        await using var second = new ServerProcess(_folder.FullName, ServerProcess.On(provider, connectionString), origin);
        await first.StartAsync();
        await second.StartAsync();
        await using var balancer = await BalancedNodes.StartAsync(origin.Port, first.Port, second.Port);
        using var client = TestServer.ClientOf(origin, origin.Port);
        var session = await first.LogInAsync();
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "nightly" });
        var (id, key) = (made.Text("id"), made.Text("key"));

        // The first operation that fails ends it all.
        using var stop = new CancellationTokenSource();
        var work = Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(() => WorkAsync(client, balancer, session, id, key, worker, stop))));
        var kills = Tools.FullSize ? 40 : 2;
        for (var kill = 0; kill < kills && !work.IsCompleted; kill++)
        {
            var node = kill % 2 == 0 ? first : second;
            // Nginx counts in whole seconds: two may pass until it asks again who was dead, and until then the other is all there is.
            await Task.WhenAny(work, Task.Delay(3_500));
            await node.KillAsync();
            await Task.WhenAny(work, Task.Delay(500));
            await node.StartAsync();
        }

        await stop.CancelAsync();
        var done = (await work).Sum();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} kills of one of two nodes: {done} operations, none failed"));
        Assert.True(done > 10 * kills, $"Only {done} operations.");
        await first.KillAsync();
        await second.KillAsync();
        if (connectionString is not null)
            await TestDatabases.DropAsync(provider, connectionString);
    }

    /// <summary>Operations that a client, and so a proxy, may repeat: reads, a change to a named state, a question for a new code.</summary>
    private static async Task<int> WorkAsync(HttpClient client, NginxProcess balancer, string session, string id, string key, int worker, CancellationTokenSource stop)
    {
        var done = 0;
        for (; !stop.IsCancellationRequested; done++)
        {
            var answer = ((done + worker) % 4) switch
            {
                0 => await ServerProcess.SendAsync(client, HttpMethod.Get, "/api/v1/me", key),
                1 => await ServerProcess.SendAsync(client, HttpMethod.Get, "/api/v1/api-keys", session),
                2 => await ServerProcess.SendAsync(client, HttpMethod.Patch, $"/api/v1/api-keys/{id}", session, new { name = "nightly" }),
                _ => await Answer.FromAsync(await client.PostAsync("/connect/device", new FormUrlEncodedContent([KeyValuePair.Create("client_id", TestServer.Cli)]), CancellationToken.None)),
            };
            if (answer.Status != 200)
                await stop.CancelAsync();
            Assert.True(answer.Status == 200, $"After {done} operations: {answer}\n{balancer.Errors}");
        }

        return done;
    }
}
