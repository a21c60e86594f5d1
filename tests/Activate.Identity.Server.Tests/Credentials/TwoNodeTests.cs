using System.Diagnostics;
using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Credentials;

public class TwoNodeTests
{
    [Theory]
    [Trait("Case", "K11")]
    [Trait("Case", "V3")]
    [EachDatabase]
    public async Task What_ends_on_one_node_is_refused_there_at_once_and_on_the_other_within_a_second(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = database });
        var (_, session) = await server.AddPersonAsync();
        // On an empty PostgreSQL, EF Core reports at start that there is no table of migrations yet.
        var before = server.Logs.Lines.Count;
        var key = await server.CreateApiKeyAsync(session, "deleted");
        var rotated = await server.CreateApiKeyAsync(session, "rotated");
        var token = await server.PostAsync("/api/v1/tokens", session, new { });
        await EndsAsync(server, key.Key, () => server.DeleteAsync($"{KeysPath}/{key.Id}", session), 204);
        await EndsAsync(server, rotated.Key, () => server.PostAsync($"{KeysPath}/{rotated.Id}/rotate", session, new { overlapHours = 0 }), 200);
        await EndsAsync(server, token.Text("token"), () => server.DeleteAsync($"/api/v1/tokens/{token.Text("id")}", session), 204);
        var id = (await server.GetAsync("/api/v1/me", session)).Json.GetProperty("credential").GetProperty("id").GetString();
        await EndsAsync(server, session, () => server.DeleteAsync($"/api/v1/sessions/{id}", session), 204);
        // Not one request of all these was answered with a fault.
        Assert.DoesNotContain(server.Logs.Lines.Skip(before), line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Case", "F8")]
    public async Task What_one_node_makes_the_other_knows_at_once()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2 });
        var (_, session) = await server.AddPersonAsync();
        for (var i = 0; i < 10; i++)
        {
            var key = await server.CreateApiKeyAsync(session, $"key {i}", node: i % 2);
            Assert.Equal(200, (await server.GetAsync("/api/v1/me", key.Key, 1 - i % 2)).Status);
            var token = await server.PostAsync("/api/v1/tokens", session, new { }, i % 2);
            Assert.Equal(200, (await server.GetAsync("/api/v1/me", token.Text("token"), 1 - i % 2)).Status);
        }
    }

    /// <summary>Uses the credential without a pause on both nodes, ends it on node 0, and measures when the last request that was let in had begun.</summary>
    private static async Task EndsAsync(TestServer server, string credential, Func<Task<Answer>> end, int expected)
    {
        using var stop = new CancellationTokenSource();
        var last = new long[2];
        var successes = new int[2];
        var users = Enumerable.Range(0, 2).Select(node => Task.Run(async () =>
        {
            using var client = server.Client(node);
            while (!stop.IsCancellationRequested)
            {
                var begun = Stopwatch.GetTimestamp();
                using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/me");
                request.Headers.Authorization = new("Bearer", credential);
                using var answer = await client.SendAsync(request);
                if ((int)answer.StatusCode == 200)
                {
                    last[node] = begun;
                    successes[node]++;
                }
                else
                {
                    Assert.Equal(401, (int)answer.StatusCode);
                }

                await Task.Delay(2);
            }
        })).ToArray();
        while (successes[0] < 20 || successes[1] < 20)
            await Task.Delay(10);
        Assert.Equal(expected, (await end()).Status);
        var ended = Stopwatch.GetTimestamp();
        await Task.Delay(1500);
        await stop.CancelAsync();
        await Task.WhenAll(users);
        Assert.True(last[0] <= ended, $"The same node let a request in {Stopwatch.GetElapsedTime(ended, last[0]).TotalMilliseconds:0} ms after the end.");
        var late = Stopwatch.GetElapsedTime(ended, last[1]);
        Assert.True(late <= TimeSpan.FromSeconds(1), $"The other node let a request in {late.TotalMilliseconds:0} ms after the end.");
    }
}
