using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Tests.SshKeys;

/// <summary>What sshd runs. Whatever goes wrong, nothing may come out.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class AuthorizedKeysCommandTests : IAsyncLifetime
{
    private const string Line = SshKeyCommandsTests.Line;
    private static readonly string s_fingerprint = Core.SshKeys.SshPublicKey.Parse(Line).TryGet(out var key, out _) ? key.Fingerprint : "";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        WriteKey(_server.ApiKey);
        Answer(Item());
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task The_living_keys_come_out_and_those_that_ended_by_this_hosts_clock_do_not()
    {
        Answer(Item(), Item(expiresAt: "\"2026-11-24T02:00:01Z\""), Item(expiresAt: "\"2026-11-24T02:00:00Z\""), Item(expiresAt: "\"2026-11-01T00:00:00Z\""));
        var outcome = await _terminal.RunAsync("authorized-keys", "--", "ada");
        Assert.Equal((0, $"{Line}\n{Line}\n", ""), (outcome.Code, outcome.Out, outcome.Error));
        Assert.Equal($"Bearer {_server.ApiKey}", _server.Seen[0].Authorization);

        // A comment may be in any language; sshd does not read it.
        Answer(Item(line: $"{Line}, Zoë 日本"));
        Assert.Equal((0, $"{Line}, Zoë 日本\n"), await RunAsync("authorized-keys", "--", "ada"));
        Answer();
        Assert.Equal((0, ""), await RunAsync("authorized-keys", "--", "ada"));
    }

    [Fact]
    public async Task A_fingerprint_travels_encoded()
    {
        Answer(Item());
        Assert.Equal((0, $"{Line}\n"), await RunAsync("authorized-keys", "--fingerprint", s_fingerprint, "--", "ada"));
        Assert.Equal($"?fingerprint={Uri.EscapeDataString(s_fingerprint)}", _server.Seen[0].Query);
    }

    [Theory]
    [Trait("Case", "S11")]
    [InlineData("-o")]
    [InlineData("--")]
    [InlineData("--help")]
    [InlineData("../x")]
    [InlineData("ada/../bob")]
    [InlineData("a b")]
    [InlineData("$(id)")]
    [InlineData("`id`")]
    [InlineData("ada\n")]
    [InlineData("ada;id")]
    [InlineData("%2e%2e")]
    [InlineData("a'b\"c")]
    [InlineData("Ada")]
    [InlineData("ada?fingerprint=x")]
    [InlineData("ada#")]
    [InlineData("ädä")]
    [InlineData("")]
    public async Task What_is_no_username_is_not_asked_for(string username)
    {
        Assert.Equal((2, ""), await RunAsync("authorized-keys", "--", username));
        Assert.Empty(_server.Seen);
    }

    [Theory]
    [Trait("Case", "S11")]
    [InlineData("")]
    [InlineData("SHA256:x")]
    [InlineData("MD5:00:11")]
    [InlineData("-rf")]
    [InlineData("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&x=y")]
    public async Task What_is_no_fingerprint_is_not_asked_for(string fingerprint)
    {
        Assert.Equal((2, ""), await RunAsync("authorized-keys", $"--fingerprint={fingerprint}", "--", "ada"));
        Assert.Empty(_server.Seen);
    }

    [Theory]
    [InlineData("root")]
    [InlineData("ubuntu")]
    public async Task A_local_account_that_is_nobody_of_ours_is_answered_without_asking(string username)
    {
        Assert.Equal((0, ""), await RunAsync("authorized-keys", "--", username));
        Assert.Empty(_server.Seen);
    }

    [Fact]
    [Trait("Case", "S1")]
    [Trait("Case", "S2")]
    [Trait("Case", "S13")]
    public async Task An_answer_with_anything_else_than_that_users_keys_is_no_answer()
    {
        string[] wrong =
        [
            "", "{", "[]", "null", "{}", "<html>It works!</html>", """{"username":"ada"}""", """{"keys":[]}""", Body("bob", Item()), Body("ADA", Item()), Body("ada", Item()) + "x",
            Body("ada", Item(line: Line.Replace("ada@laptop", "", StringComparison.Ordinal))), Body("ada", Item(line: $"{Line}\\n{Line}")), Body("ada", Item(line: $"command=\\\"id\\\" {Line}")),
            Body("ada", Item(line: $"cert-authority {Line}")), Body("ada", Item(line: $"expiry-time=\\\"20990101000000Z\\\" {Line}")), Body("ada", Item(line: $" {Line}")), Body("ada", Item(line: "ssh-ed25519 AAAA")),
            Body("ada", Item(fingerprint: s_fingerprint.Replace("SHA256", "sha256", StringComparison.Ordinal))), Body("ada", Item(line: Line + "\\u2028")),
            Body("ada", Item(), Item(line: "half a l")), Body("ada", """{"publicKey":null,"fingerprint":"x","expiresAt":null}"""), Body("ada", $$"""{"publicKey":"{{Line}}","fingerprint":"{{s_fingerprint}}"}"""),
            Body("ada", Item(expiresAt: "\"soon\"")), Body("ada", Item(expiresAt: "0")),
        ];
        foreach (var body in wrong)
        {
            _server.On("GET /api/v1/authorized-keys/ada", _ => new Reply(200, body));
            var outcome = await _terminal.RunAsync("authorized-keys", "--", "ada");
            Assert.True(outcome is { Code: 1, Out: "" }, $"{body} → {outcome}");
        }

        _server.On("GET /api/v1/authorized-keys/ada", _ => new Reply(200, Body("ada", Item()), "text/html"));
        Assert.Equal((1, ""), await RunAsync("authorized-keys", "--", "ada"));
        // Another key than the one that was offered.
        Answer(Item());
        Assert.Equal((1, ""), await RunAsync("authorized-keys", "--fingerprint", "SHA256:" + new string('A', 43), "--", "ada"));
        Answer([.. Enumerable.Repeat(Item(), 3000)]);
        Assert.Equal((1, ""), await RunAsync("authorized-keys", "--", "ada"));
    }

    [Theory]
    [Trait("Case", "S13")]
    [InlineData(401, 3)]
    [InlineData(403, 4)]
    [InlineData(404, 1)]
    [InlineData(429, 1)]
    [InlineData(500, 1)]
    [InlineData(502, 1)]
    [InlineData(503, 1)]
    [InlineData(204, 1)]
    [InlineData(302, 1)]
    public async Task Any_other_status_is_no_answer(int status, int code)
    {
        _server.On("GET /api/v1/authorized-keys/ada", _ => new Reply(status, status == 204 ? "" : Body("ada", Item())) { Headers = { ["Retry-After"] = "1", ["Location"] = $"{_server.Url}/elsewhere" } });
        Assert.Equal((code, ""), await RunAsync("authorized-keys", "--", "ada"));
        Assert.Single(_server.Seen);
    }

    /// <summary>A server that is there, and then: says nothing, breaks off, drips, never ends.</summary>
    [Theory]
    [Trait("Case", "S13")]
    [InlineData("nothing")]
    [InlineData("close")]
    [InlineData("half a head")]
    [InlineData("half a body")]
    [InlineData("drip")]
    [InlineData("flood")]
    [InlineData("not http")]
    public async Task A_server_that_is_ill_costs_at_most_three_seconds_and_gives_nothing(string illness)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = new CancellationTokenSource();
        var serving = ServeAsync(listener, illness, stop.Token);
        WriteKey(ApiKeySecret.From(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"), new string('k', 43)).Reveal());
        var watch = Stopwatch.StartNew();
        Assert.Equal((1, ""), await RunAsync("authorized-keys", "--", "ada"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3.5), $"{illness}: {watch.Elapsed}");
        await stop.CancelAsync();
        await serving;
    }

    [Fact]
    [Trait("Case", "S13")]
    public async Task A_server_that_is_down_gives_nothing_and_the_key_is_nowhere_in_what_is_said()
    {
        var key = _server.ApiKey;
        await _server.DisposeAsync();
        var outcome = await _terminal.RunAsync("authorized-keys", "--", "ada");
        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.NotEmpty(outcome.Error);
        Assert.DoesNotContain(key, outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Case", "S20")]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    [InlineData(UnixFileMode.GroupWrite)]
    public async Task A_key_file_that_others_may_read_or_change_is_not_used(UnixFileMode open)
    {
        var file = Path.Combine(_terminal.Folder, "cluster-key");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | open);
        var outcome = await _terminal.RunAsync("authorized-keys", "--", "ada");
        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Contains("chmod 0640", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
        Assert.True((File.GetUnixFileMode(file) & open) != 0, "The mode was changed.");

        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Equal(0, (await _terminal.RunAsync("authorized-keys", "--", "ada")).Code);
        File.SetUnixFileMode(_terminal.Folder, (UnixFileMode)0b111_111_111);
        Assert.Equal(2, (await _terminal.RunAsync("authorized-keys", "--", "ada")).Code);
    }

    [Fact]
    public async Task Without_a_key_or_with_another_credential_nothing_is_sent()
    {
        foreach (var content in (string[])["", "nonsense", _server.ApiKey[..^1], FakeServer.Jwt(_server.Origin), "pwt_aWQuZXhhbXBsZS5vcmc.x", $"{_server.ApiKey}\n{_server.ApiKey}"])
        {
            WriteKey(content);
            Assert.Equal((2, ""), await RunAsync("authorized-keys", "--", "ada"));
        }

        File.Delete(Path.Combine(_terminal.Folder, "cluster-key"));
        var outcome = await _terminal.RunAsync("authorized-keys", "--", "ada");
        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Contains("cluster-key", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
        // Plain http is for this very machine only.
        WriteKey(ApiKeySecret.From(new Uri("http://id.example.org"), new string('k', 43)).Reveal());
        Assert.Equal((2, ""), await RunAsync("authorized-keys", "--", "ada"));
    }

    private static async Task ServeAsync(TcpListener listener, string illness, CancellationToken stop)
    {
        try
        {
            using var client = await listener.AcceptTcpClientAsync(stop);
            var stream = client.GetStream();
            Assert.NotEqual(0, await stream.ReadAsync(new byte[4096].AsMemory(), stop));
            var head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
            switch (illness)
            {
                case "close":
                    return;
                case "half a head":
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(head[..30]), stop);
                    return;
                case "half a body":
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"{head}Content-Length: 5000\r\n\r\n{Body("ada", Item())[..50]}"), stop);
                    return;
                case "not http":
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"{Line}\n{Line}\n"), stop);
                    return;
                case "drip":
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"{head}Content-Length: 5000\r\n\r\n"), stop);
                    while (true)
                    {
                        await stream.WriteAsync(" "u8.ToArray(), stop);
                        await Task.Delay(100, stop);
                    }

                case "flood":
                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"{head}Connection: close\r\n\r\n"), stop);
                    while (true)
                        await stream.WriteAsync(new byte[65536], stop);
                default:
                    await Task.Delay(Timeout.Infinite, stop);
                    return;
            }
        }
        catch (Exception problem) when (problem is OperationCanceledException or IOException or SocketException)
        {
            // The client has had enough, or the test is over.
            return;
        }
    }

    private void WriteKey(string key)
    {
        Directory.CreateDirectory(_terminal.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = Path.Combine(_terminal.Folder, "cluster-key");
        File.WriteAllText(file, key + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private void Answer(params string[] items) => _server.On("GET /api/v1/authorized-keys/ada", _ => new Reply(200, Body("ada", items)));

    private static string Body(string username, params string[] items) => $$"""{"username":"{{username}}","keys":[{{string.Join(',', items)}}]}""";

    private static string Item(string line = Line, string? fingerprint = null, string expiresAt = "null") =>
        $$"""{"publicKey":"{{line}}","fingerprint":"{{fingerprint ?? s_fingerprint}}","expiresAt":{{expiresAt}}}""";

    private async Task<(int, string)> RunAsync(params string[] args)
    {
        var outcome = await _terminal.RunAsync(args);
        return (outcome.Code, outcome.Out);
    }
}
