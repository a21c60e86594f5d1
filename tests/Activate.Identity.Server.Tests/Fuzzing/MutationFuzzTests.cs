using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Fuzzing;

/// <summary>A day's traffic, changed at random and sent again: whatever comes, the server answers it, and says nothing of its insides.</summary>
public sealed partial class MutationFuzzTests(ITestOutputHelper output)
{
    /// <summary>Of all rounds; each round has a seed of its own, which a failure tells.</summary>
    private const int Seed = 20261130;

    /// <summary>When tests run beside each other, long enough to be no hang.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(Tools.FullSize ? 1 : 10);

    [Fact]
    [Trait("Case", "B1")]
    public async Task Whatever_is_changed_in_a_request_it_is_answered_soon_without_a_fault_and_without_a_trace_of_one()
    {
        var traffic = new Traffic();
        // Reports of leaks and device logins are limited for each address, and here everybody has the same. Guessing is limited all the same.
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Customize = traffic.AddTo,
            Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false", ["Serilog:MinimumLevel:Default"] = "Warning" },
        });
        var (rounds, each) = Tools.FullSize ? (200, 1_000) : (4, 500);
        var (found, states, slowest) = (new ConcurrentQueue<string>(), new SortedDictionary<int, int>(), TimeSpan.Zero);
        for (var round = 0; round < rounds && found.Count < 5; round++)
        {
            // Fresh every time: much of what is sent ends sessions, takes rights away or deletes what other requests are about.
            var recorded = await traffic.RecordAsync(server);
            Assert.True(recorded.Count > 200, $"Only {recorded.Count} requests were recorded.");
            var mutator = new Mutator(new Random(Seed + round), recorded);
            for (var i = 0; i < each; i++)
            {
                var request = mutator.Next();
                var watch = Stopwatch.StartNew();
                var answer = await SendAsync(server, request, new IPAddress([127, 0, (byte)round, 1]));
                var took = watch.Elapsed;
                slowest = took > slowest ? took : slowest;
                var state = State().Match(answer) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
                states[state] = states.GetValueOrDefault(state) + 1;
                if (Trouble(state, answer, took) is { } trouble)
                    found.Enqueue($"{trouble}, round {round}, request {i}:\n{request}\n\n{answer[..Math.Min(answer.Length, 2_000)]}\n");
            }
        }

        output.WriteLine($"{states.Values.Sum()} requests, slowest {slowest.TotalMilliseconds:0} ms: {string.Join(", ", states.Select(state => $"{state.Key}: {state.Value}"))}");
        Assert.True(found.IsEmpty, string.Join('\n', found.Take(5)));
        Assert.DoesNotContain(server.Logs.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Fatal", StringComparison.Ordinal));
        // They came far enough to find something.
        Assert.True(states.GetValueOrDefault(200) > rounds * each / 20, "Hardly anything was let in.");
        Assert.Equal(200, (await server.ApiAsync(System.Net.Http.HttpMethod.Get, "/health/ready", null)).Status);
        await server.LoginWithDeviceAsync();
    }

    private static string? Trouble(int state, string answer, TimeSpan took) =>
        state is 0 ? "not answered"
        : state >= 500 ? $"answered {state}"
        : took > s_patience ? $"answered after {took.TotalMilliseconds:0} ms"
        : Insides().IsMatch(answer) ? "tells of its insides"
        : answer.Contains("\nX-Injected", StringComparison.Ordinal) ? "has a header that somebody else wrote"
        : null;

    /// <summary>Each round from another network: one that got a hundred passwords wrong waits two seconds for every answer to the next.</summary>
    private static async Task<string> SendAsync(TestServer server, RecordedRequest request, IPAddress from)
    {
        using var client = new TcpClient { NoDelay = true };
        client.Client.Bind(new IPEndPoint(from, 0));
        await client.ConnectAsync(IPAddress.Loopback, server.Origin.Port, TestContext.Current.CancellationToken);
        var stream = client.GetStream();
        using var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request.ToString()), TestContext.Current.CancellationToken);
            await stream.CopyToAsync(answer, TestContext.Current.CancellationToken).WaitAsync(s_patience, TestContext.Current.CancellationToken);
        }
        catch (Exception exception) when (exception is IOException or TimeoutException)
        {
            // Refused before it was read to its end; what was answered is there. Or nothing is, which is what is looked for.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }

    [GeneratedRegex(@"\AHTTP/1\.1 (\d{3}) ")]
    private static partial Regex State();

    /// <summary>A line of a stack, the name of an exception, an SQL error.</summary>
    [GeneratedRegex(@"\n\s+at [A-Za-z_.]+\.[A-Za-z_`<>]+\(|\b(System|Microsoft|Activate\.Identity|OpenIddict)\.[A-Za-z.]+Exception\b|SQLite Error|SqlState|constraint failed")]
    private static partial Regex Insides();
}
