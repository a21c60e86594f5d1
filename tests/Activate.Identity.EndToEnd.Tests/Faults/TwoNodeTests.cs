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
        var kills = Tools.FullSize ? 40 : 2;
        var (done, cut) = await WorkDuringAsync(ServerProcess.ThisVersion, async (first, second, work) =>
        {
            for (var kill = 0; kill < kills && !work.IsCompleted; kill++)
            {
                var node = kill % 2 == 0 ? first : second;
                await Task.WhenAny(work, UntilNginxAsksAgainAsync());
                await node.KillAsync();
                await Task.WhenAny(work, Task.Delay(500));
                await node.StartAsync();
            }
        });
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} kills of one of two nodes: {done} operations, none failed; {cut} answers were cut off on their way, and asked for again"));
        Assert.True(cut <= Math.Max(1, kills / 4), $"{cut} answers were cut off.");
        Assert.True(done > 10 * kills, $"Only {done} operations.");
    }

    /// <summary>
    /// With LONG=1 the version before is the one that did not have the last migration yet, or the commit that ACTIVATE_TEST_BEFORE names, built from the repository: the first node that is upgraded changes the
    /// schema under the one that still runs. Otherwise both versions are this one.
    /// </summary>
    [Fact, Trait("Case", "F9"), Trait("Case", "F16")]
    public async Task Nodes_are_upgraded_one_after_the_other_and_set_back_again_and_no_operation_of_a_client_fails()
    {
        var (before, commit) = Tools.FullSize ? await BuildBeforeAsync() : (ServerProcess.ThisVersion, "this one");
        var (done, cut) = await WorkDuringAsync(before, async (first, second, work) =>
        {
            (ServerProcess Node, string Version)[] forth = [(first, ServerProcess.ThisVersion), (second, ServerProcess.ThisVersion)];
            (ServerProcess Node, string Version)[] back = [(second, before), (first, before), (first, ServerProcess.ThisVersion)];
            foreach (var (node, version) in Tools.FullSize ? forth.Concat(back) : forth)
            {
                await Task.WhenAny(work, UntilNginxAsksAgainAsync());
                if (work.IsCompleted)
                    return;
                await node.StopAsync();
                node.Version = version;
                await node.StartAsync();
                // Both versions together.
                await Task.WhenAny(work, Task.Delay(Tools.FullSize ? 10_000 : 500));
            }
        });
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"From {commit} to this version, back, and half forth again: {done} operations, none failed"));
        Assert.Equal(0, cut);
        Assert.True(done > 50, $"Only {done} operations.");
    }

    private async Task<(string Program, string Commit)> BuildBeforeAsync()
    {
        var git = Tools.Require("git", "/usr/bin/git");
        var commit = Environment.GetEnvironmentVariable("ACTIVATE_TEST_BEFORE");
        if (string.IsNullOrEmpty(commit))
        {
            var (code, last) = await Commands.TryRunAsync(git, "-C", Tools.Root, "log", "-1", "--format=%H", "--", "src/Activate.Identity.Data/Providers/PostgreSql/Migrations");
            var id = last.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault("");
            Assert.True(code == 0 && id.Length == 40, $"The repository has no history: {last}");
            commit = $"{id[..12]}~1";
        }

        var (archive, source, program) = (Path.Combine(_folder.FullName, "before.tar"), Path.Combine(_folder.FullName, "before"), Path.Combine(_folder.FullName, "program"));
        Directory.CreateDirectory(source);
        var (archived, trouble) = await Commands.TryRunAsync(git, "-C", Tools.Root, "archive", "--output", archive, commit);
        Assert.True(archived == 0, $"The version before cannot be had, maybe because the repository was cloned without its history: {trouble}");
        await Commands.RunAsync("tar", "-xf", archive, "-C", source);
        await Commands.RunAsync("dotnet", "publish", "-c", "Release", "-v", "q", "-nologo", "-o", program, Path.Combine(source, "src", "Activate.Identity.Server"));
        return (Path.Combine(program, ServerProcess.ThisVersion), commit);
    }

    /// <summary>Nginx counts in whole seconds: two may pass until it asks again who was gone, and until then the other node is all there is.</summary>
    private static Task UntilNginxAsksAgainAsync() => Task.Delay(3_500);

    /// <summary>Six clients go on and on while something is done to the two nodes. How many operations they did, and how many answers were cut off.</summary>
    private async Task<(int Done, int Cut)> WorkDuringAsync(string version, Func<ServerProcess, ServerProcess, Task, Task> doAsync)
    {
        var provider = TestDatabases.OnAServer;
        var connectionString = await TestDatabases.CreateAsync(provider);
        var origin = new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}");
        await using var first = new ServerProcess(_folder.FullName, ServerProcess.On(provider, connectionString), origin) { Version = version };
        await using var second = new ServerProcess(_folder.FullName, ServerProcess.On(provider, connectionString), origin) { Version = version };
        await first.StartAsync();
        await second.StartAsync();
        await using var balancer = await BalancedNodes.StartAsync(origin.Port, first.Port, second.Port);
        using var client = TestServer.ClientOf(origin, origin.Port);
        var session = await first.LogInAsync();
        var made = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "nightly" });
        var (id, key) = (made.Text("id"), made.Text("key"));

        var things = await Everyday.PrepareAsync(first, session);
        var workers = new List<Worker>();
        for (var number = 0; number < 6; number++)
            workers.Add(await Worker.ConnectAsync(client, session, id, key, things, number));

        // The first operation that fails ends it all.
        using var stop = new CancellationTokenSource();
        var work = Task.WhenAll(workers.Select(worker => Task.Run(() => WorkAsync(worker, balancer, stop))));
        await doAsync(first, second, work);
        await stop.CancelAsync();
        var done = (await work).Sum();
        await first.KillAsync();
        await second.KillAsync();
        if (connectionString is not null)
            await TestDatabases.DropAsync(provider, connectionString);
        return (done, workers.Sum(worker => worker.CutOff));
    }

    private static async Task<int> WorkAsync(Worker worker, NginxProcess balancer, CancellationTokenSource stop)
    {
        var done = 0;
        for (; !stop.IsCancellationRequested; done++)
        {
            var trouble = await worker.DoAsync(done);
            if (trouble is not null)
                await stop.CancelAsync();
            Assert.True(trouble is null, $"After {done} operations: {trouble}\n{balancer.Errors}");
        }

        return done;
    }

    /// <summary>What people, command lines, applications and resource servers do, each step once: whatever it takes to bring it to its end is the proxy's work.</summary>
    private sealed class Worker
    {
        private readonly HttpClient _client;
        private readonly string _session;
        private readonly (string Id, string Key) _key;
        private readonly Everyday.Things _things;
        private readonly int _number;
        private Answer _tokens;

        private Worker(HttpClient client, string session, (string Id, string Key) key, Everyday.Things things, int number, Answer tokens) =>
            (_client, _session, _key, _things, _number, _tokens) = (client, session, key, things, number, tokens);

        /// <param name="client">Of the proxy.</param>
        /// <param name="session">A login of the owner.</param>
        /// <param name="id">Of a key.</param>
        /// <param name="key">It.</param>
        /// <param name="things">With the application that the worker is signed in to.</param>
        /// <param name="number">Its own.</param>
        public static async Task<Worker> ConnectAsync(HttpClient client, string session, string id, string key, Everyday.Things things, int number)
        {
            using var browser = await SignInAsync(client);
            var pkce = Pkce.New();
            var code = TestServer.Parameter(await TestServer.AllowAsync(browser, TestServer.AuthorizePath(things.ClientId, pkce, ("scope", "openid profile offline_access platform"), ("resource", Everyday.Resource))), "code");
            var tokens = await FormAsync(client, "/connect/token", things,
                ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", TestServer.Callback), ("code_verifier", pkce.Verifier));
            Assert.True(tokens.Status == 200, tokens.ToString());
            return new Worker(client, session, (id, key), things, number, tokens);
        }

        /// <summary>
        /// Answers whose beginning the proxy had passed on when their node was killed: it cannot take that back. Whoever asked asks again, as a person whose page stops half-way does.
        /// </summary>
        public int CutOff { get; private set; }

        /// <summary>Null: it worked.</summary>
        public async Task<string?> DoAsync(int turn)
        {
            while (true)
            {
                try
                {
                    return await OnceAsync(turn);
                }
                catch (HttpRequestException exception) when (exception.InnerException is HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded })
                {
                    CutOff++;
                }
            }
        }

        private async Task<string?> OnceAsync(int turn) => ((turn + _number) % 10) switch
        {
            0 => Expect(await ServerProcess.SendAsync(_client, HttpMethod.Get, "/api/v1/me", _key.Key)),
            1 => Expect(await ServerProcess.SendAsync(_client, HttpMethod.Get, "/api/v1/api-keys", _session)),
            2 => Expect(await ServerProcess.SendAsync(_client, HttpMethod.Patch, $"/api/v1/api-keys/{_key.Id}", _session, new { name = "nightly" })),
            3 => Expect(await ServerProcess.SendAsync(_client, HttpMethod.Get, "/connect/userinfo", _tokens.Text("access_token"))),
            4 => await IntrospectAsync(),
            5 => await RefreshAsync(),
            6 => Expect(await FormAsync(_client, "/connect/token", _things, ("grant_type", "client_credentials"), ("scope", "platform"))),
            7 => await MakeKeyAsync(turn),
            8 => Expect(await ServerProcess.SendAsync(_client, HttpMethod.Get, $"/api/v1/authorized-keys/{TestServer.OwnerName}", _things.ClusterKey)),
            _ => await LogInAsync(),
        };

        private async Task<string?> IntrospectAsync()
        {
            var told = await FormAsync(_client, "/connect/introspect", _things, ("token", _tokens.Text("access_token")));
            return Expect(told) ?? (told.Json.GetProperty("active").GetBoolean() ? null : $"A living token is not active: {told}");
        }

        private async Task<string?> RefreshAsync()
        {
            var tokens = await FormAsync(_client, "/connect/token", _things, ("grant_type", "refresh_token"), ("refresh_token", _tokens.Text("refresh_token")));
            if (Expect(tokens) is { } trouble)
                return trouble;
            _tokens = tokens;
            return null;
        }

        /// <summary>A creation that was done, and whose answer was lost with its node, is refused when the proxy repeats it: the name says that it is there.</summary>
        private async Task<string?> MakeKeyAsync(int turn)
        {
            var name = $"worker {_number} turn {turn}";
            var made = await ServerProcess.SendAsync(_client, HttpMethod.Post, "/api/v1/api-keys", _session, new { name });
            if (made.Error == "name_taken")
                return null;
            if (Expect(made, 201) is { } trouble)
                return trouble;
            var ended = await ServerProcess.SendAsync(_client, HttpMethod.Delete, $"/api/v1/api-keys/{made.Text("id")}", _session);
            return ended.Status == 404 ? null : Expect(ended, 204);
        }

        /// <summary>Somebody signs in with a password, allows a device, and the device gets its token. A form that was sent twice says so: what counts is whether the device gets in.</summary>
        private async Task<string?> LogInAsync()
        {
            var login = await FormAsync(_client, "/connect/device", null, ("client_id", TestServer.Cli));
            if (Expect(login) is { } trouble)
                return trouble;
            using var browser = await SignInAsync(_client);
            await TestServer.ApproveAsync(browser, new DeviceLogin(login.Text("device_code"), login.Text("user_code"), login));
            return Expect(await FormAsync(_client, "/connect/token", null, ("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", login.Text("device_code"))));
        }

        private static async Task<Browser> SignInAsync(HttpClient client)
        {
            var browser = await new Browser(client.BaseAddress!, [TestServer.ClientOf(client.BaseAddress!, client.BaseAddress!.Port)]).SignInAsync();
            Assert.True((int)browser.Response.StatusCode == 200 && browser.Address.AbsolutePath == "/", $"{browser.Address}: {browser.PageText}");
            return browser;
        }

        private static async Task<Answer> FormAsync(HttpClient client, string path, Everyday.Things? things, params (string Name, string Value)[] fields)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
            request.Headers.Authorization = things is null ? null : TestServer.Basic(things.ClientId, things.Secret);
            return await Answer.FromAsync(await client.SendAsync(request));
        }

        private static string? Expect(Answer answer, int status = 200) => answer.Status == status ? null : answer.ToString();
    }
}
