using System.Net.Sockets;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Connections that are slow, silent or greedy: others are served meanwhile, and whoever dribbles is told to go within seconds.</summary>
[Trait("Case", "B8")]
public sealed class SlowRequestTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const int Many = 200;

    [Theory]
    [InlineData("half a head", "GET /api/v1/me HTTP/1.1\r\nHost: ")]
    [InlineData("a head that does not end", "POST /connect/token HTTP/1.1\r\nHost: {0}\r\nContent-Length: 100\r\nX-Slow: ")]
    [InlineData("a body that does not come", "POST /connect/token HTTP/1.1\r\nHost: {0}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=")]
    [InlineData("a form at a page", "POST /sign-in HTTP/1.1\r\nHost: {0}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nUsername=")]
    public async Task Hundreds_that_dribble_delay_nobody_and_are_closed_within_seconds(string what, string beginning)
    {
        var clients = new List<TcpClient>();
        try
        {
            for (var i = 0; i < Many; i++)
                clients.Add(await RawHttp.OpenAsync(shared.Server, string.Format(System.Globalization.CultureInfo.InvariantCulture, beginning, shared.Server.Origin.Authority)));
            using var dribble = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            var slow = DribbleAsync(clients, dribble.Token);

            var session = await shared.Server.GrantAsync((await shared.Server.AddUserAsync()).Id);
            for (var i = 0; i < 20; i++)
                Assert.Equal(200, (await shared.Server.GetAsync("/api/v1/me", session)).Status);

            // The head has 10 seconds, a body 5 to get going; the rest is a machine that does much else.
            var answers = await Task.WhenAll(clients.Select(client => RawHttp.ReadToEndAsync(client).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken)));
            await dribble.CancelAsync();
            await slow;
            Assert.All(answers, answer => Assert.True(RawHttp.StatesOf(answer).FirstOrDefault("") is "" or "400" or "408", $"{what}: {answer}"));
            Assert.Contains(answers, answer => RawHttp.StatesOf(answer).FirstOrDefault("") is "400" or "408");
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task A_thousand_requests_in_one_go_get_a_thousand_answers_in_order()
    {
        using var client = await RawHttp.OpenAsync(shared.Server, string.Concat(Enumerable.Range(0, 1000).Select(i =>
            $"GET {(i % 2 == 0 ? "/health/live" : "/api/v1/me")} HTTP/1.1\r\nHost: {shared.Server.Origin.Authority}\r\n{(i == 999 ? "Connection: close\r\n" : "")}\r\n")));
        var answers = RawHttp.StatesOf(await RawHttp.ReadToEndAsync(client)).ToList();
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => i % 2 == 0 ? "200" : "401"), answers);
    }

    /// <summary>Without TLS there is no HTTP/2 here: what its streams are abused for (CVE-2023-44487) has no door. A proxy in front speaks it with its own limits.</summary>
    [Fact]
    public async Task The_preface_of_HTTP_2_is_refused_without_TLS()
    {
        using var client = await RawHttp.OpenAsync(shared.Server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        var answer = await RawHttp.ReadToEndAsync(client);
        Assert.True(RawHttp.StatesOf(answer).FirstOrDefault("") is "" or "400" or "505", answer);
    }

    /// <summary>A byte a second, on each.</summary>
    private static async Task DribbleAsync(List<TcpClient> clients, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
                return;
            foreach (var client in clients)
            {
                try
                {
                    await client.GetStream().WriteAsync("x"u8.ToArray(), CancellationToken.None);
                }
                catch (Exception exception) when (exception is IOException or InvalidOperationException)
                {
                    // Closed by the server, which is what this is about.
                }
            }
        }
    }
}
