using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Operations;

/// <summary>Server processes that are told to stop (SIGTERM) while they work.</summary>
public sealed class StoppingTests : IAsyncLifetime
{
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_drain = TimeSpan.FromSeconds(2);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-stopping-");
    private readonly ConcurrentQueue<string> _failures = new();
    private int _answered;

    [Fact]
    [Trait("Case", "F16")]
    public async Task Two_nodes_are_restarted_in_turn_under_load_and_no_request_is_lost_behind_nginx_or_a_balancer_that_asks_for_readiness()
    {
        var database = await (await PostgreSqlServer.GetAsync()).CreateDatabaseAsync();
        var (proxy, nodeA, nodeB) = (RunningProgram.FreePort(), RunningProgram.FreePort(), RunningProgram.FreePort());
        var origin = new Uri($"http://127.0.0.1:{proxy}");
        await using var first = await StartAsync(nodeA, origin, s_drain, database);
        await using var second = await StartAsync(nodeB, origin, s_drain, database);
        await using var nginx = await BalancedNodes.StartAsync(proxy, nodeA, nodeB);
        var session = await SignInAsync(origin, nodeA);

        using var stop = new CancellationTokenSource();
        using var balancer = new Balancer(origin, session, nodeA, nodeB);
        var load = (Task[])[balancer.WatchAsync(stop.Token), .. Enumerable.Range(0, 4).Select(client => WriteAsync(balancer, client, stop.Token)), .. Enumerable.Range(0, 4).Select(_ => ReadAsync(origin, session, stop.Token))];
        await WorkedAsync(50);
        await StopAsync(first, s_drain);
        await WorkedAsync(50);
        await using var firstAgain = await StartAsync(nodeA, origin, s_drain, database);
        await balancer.UntilReadyAsync(nodeA);
        // nginx left it alone for a second.
        await Task.Delay(TimeSpan.FromSeconds(2));
        await StopAsync(second, s_drain);
        await WorkedAsync(50);

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.True(_failures.IsEmpty, $"{_failures.Count} of {_answered} failed: {string.Join('\n', _failures.Take(5))}\n{nginx.Errors}\n{firstAgain.Output}");
    }

    [Fact]
    [Trait("Case", "F16")]
    public async Task What_was_begun_when_the_server_is_told_to_stop_is_answered_and_written()
    {
        var port = RunningProgram.FreePort();
        var origin = new Uri($"http://127.0.0.1:{port}");
        await using var server = await StartAsync(port, origin);
        var session = await SignInAsync(origin, port);
        // Each has sent its head and half of its body, and is being read, when the signal comes.
        var begun = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => HalfRequest.BeginAsync(port, session, $"begun {i}")));
        await Task.Delay(200);
        var stopping = StopAsync(server, TimeSpan.Zero);
        await Task.Delay(500);
        var answers = await Task.WhenAll(begun.Select(request => request.FinishAsync()));
        Assert.All(answers, answer => Assert.True(answer.StartsWith("HTTP/1.1 201", StringComparison.Ordinal), $"{answer}\n{server.Output}"));
        await stopping;

        await using var again = await StartAsync(port, origin);
        using var client = ClientOf(origin, session);
        var items = (await client.GetFromJsonAsync<JsonElement>("/api/v1/tokens")).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString());
        Assert.Equal(20, items.Count(name => name!.StartsWith("begun", StringComparison.Ordinal)));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>Makes keys and ends them again. Whatever is not the right answer is a failure.</summary>
    private async Task WriteAsync(Balancer balancer, int number, CancellationToken stop)
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            await CountedAsync(async () =>
            {
                using var made = await balancer.Next.PostAsJsonAsync("/api/v1/api-keys", new { name = $"{number} {i}" }, CancellationToken.None);
                if (made.StatusCode != HttpStatusCode.Created)
                    return $"{made.StatusCode} {await made.Content.ReadAsStringAsync(CancellationToken.None)}";
                var id = (await made.Content.ReadFromJsonAsync<JsonElement>(CancellationToken.None)).GetProperty("id").GetString();
                using var ended = await balancer.Next.DeleteAsync($"/api/v1/api-keys/{id}", CancellationToken.None);
                return ended.StatusCode == HttpStatusCode.NoContent ? null : $"{ended.StatusCode} {await ended.Content.ReadAsStringAsync(CancellationToken.None)}";
            });
        }
    }

    private async Task ReadAsync(Uri origin, string session, CancellationToken stop)
    {
        using var client = ClientOf(origin, session);
        while (!stop.IsCancellationRequested)
        {
            await CountedAsync(async () =>
            {
                using var answer = await client.GetAsync("/api/v1/me", CancellationToken.None);
                return answer.StatusCode == HttpStatusCode.OK ? null : $"{answer.StatusCode} {await answer.Content.ReadAsStringAsync(CancellationToken.None)}";
            });
        }
    }

    private async Task CountedAsync(Func<Task<string?>> request)
    {
        try
        {
            if (await request() is { } failure)
                _failures.Enqueue(failure);
        }
        catch (HttpRequestException exception)
        {
            _failures.Enqueue(exception.ToString());
        }

        Interlocked.Increment(ref _answered);
        await Task.Yield();
    }

    private async Task WorkedAsync(int more)
    {
        var (from, patience) = (Volatile.Read(ref _answered), Stopwatch.StartNew());
        while (Volatile.Read(ref _answered) < from + more)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"Nothing is answered any more: {string.Join('\n', _failures.Take(3))}");
            await Task.Delay(20);
        }
    }

    private static async Task StopAsync(RunningProgram server, TimeSpan drain)
    {
        var watch = Stopwatch.StartNew();
        await server.SignalAsync("TERM");
        Assert.True(await server.ExitAsync() == 0, server.Output);
        Assert.True(watch.Elapsed < drain + s_longest, $"It took {watch.Elapsed} to stop.");
    }

    private async Task<RunningProgram> StartAsync(int port, Uri origin, TimeSpan drain = default, string? postgreSql = null)
    {
        var server = RunningProgram.Start("Activate.Identity.Server.dll",
        [
            "--environment", "Development", $"--Urls=http://127.0.0.1:{port}", $"--Server:PublicOrigin={origin.GetLeftPart(UriPartial.Authority)}", $"--Data:Folder={_folder.FullName}", $"--Server:DrainSeconds={drain.TotalSeconds}",
            .. postgreSql is null ? (string[])[] : ["--Database:Provider=PostgreSql", $"--Database:ConnectionString={postgreSql}"],
            "--Setup:Organization=Lab", $"--Setup:Username={TestServer.OwnerName}", $"--Setup:Email={TestServer.OwnerEmail}", $"--Setup:Password={TestServer.OwnerPassword}",
        ]);
        await server.WaitForAsync("Application started");
        return server;
    }

    /// <summary>A session that may make keys, by the device login.</summary>
    private static async Task<string> SignInAsync(Uri origin, int port)
    {
        using var client = new HttpClient { BaseAddress = origin };
        var begun = await FormAsync(client, "/connect/device", ("client_id", TestServer.Cli), ("scope", TestServer.ManageScopes));
        using var browser = new Browser(origin, [TestServer.ClientOf(origin, port)]);
        await browser.SignInAsync(TestServer.OwnerName, TestServer.OwnerPassword);
        await browser.GoAsync("/device");
        await browser.SubmitAsync("Continue", ("code", begun.GetProperty("user_code").GetString()!));
        await browser.SubmitAsync("Allow");
        var token = await FormAsync(client, "/connect/token", ("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", begun.GetProperty("device_code").GetString()!));
        return token.GetProperty("access_token").GetString()!;
    }

    private static async Task<JsonElement> FormAsync(HttpClient client, string path, params (string Name, string Value)[] fields)
    {
        using var form = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));
        var answer = await client.PostAsync(path, form);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static HttpClient ClientOf(Uri origin, string session)
    {
        var client = new HttpClient { BaseAddress = origin };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
        return client;
    }

    /// <summary>Gives each request to a node that said a moment ago that it is ready.</summary>
    private sealed class Balancer(Uri origin, string session, params int[] ports) : IDisposable
    {
        private readonly (int Port, HttpClient Client)[] _nodes = [.. ports.Select(port => (port, Named(TestServer.ClientOf(origin, port), session)))];
        private volatile int[] _ready = ports;
        private int _turn;

        public HttpClient Next
        {
            get
            {
                var ready = _ready;
                var port = ready[(int)((uint)Interlocked.Increment(ref _turn) % ready.Length)];
                return _nodes.Single(node => node.Port == port).Client;
            }
        }

        public async Task WatchAsync(CancellationToken stop)
        {
            using var asker = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            while (!stop.IsCancellationRequested)
            {
                var answers = await Task.WhenAll(_nodes.Select(async node =>
                {
                    try
                    {
                        using var answer = await asker.GetAsync($"http://127.0.0.1:{node.Port}/health/ready", CancellationToken.None);
                        return answer.IsSuccessStatusCode;
                    }
                    catch (HttpRequestException)
                    {
                        // It is down.
                        return false;
                    }
                }));
                int[] ready = [.. _nodes.Where((_, i) => answers[i]).Select(node => node.Port)];
                // With none ready the old choice fails, and is counted.
                if (ready.Length > 0)
                    _ready = ready;
                await Task.Delay(50, CancellationToken.None);
            }
        }

        public async Task UntilReadyAsync(int port)
        {
            while (!_ready.Contains(port))
                await Task.Delay(20);
        }

        public void Dispose()
        {
            foreach (var (_, client) in _nodes)
                client.Dispose();
        }

        private static HttpClient Named(HttpClient client, string session)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", session);
            return client;
        }
    }

    /// <summary>A request that is under way.</summary>
    private sealed class HalfRequest(System.Net.Sockets.TcpClient connection, string rest)
    {
        public static async Task<HalfRequest> BeginAsync(int port, string session, string name)
        {
            var body = JsonSerializer.Serialize(new { name });
            var connection = new System.Net.Sockets.TcpClient();
            await connection.ConnectAsync(IPAddress.Loopback, port);
            var head = $"POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {session}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
            await connection.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(head + body[..5]));
            return new HalfRequest(connection, body[5..]);
        }

        public async Task<string> FinishAsync()
        {
            using (connection)
            {
                await connection.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(rest));
                using var reader = new StreamReader(connection.GetStream());
                return await reader.ReadToEndAsync();
            }
        }
    }
}
