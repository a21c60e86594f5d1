using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Activate.Identity.Cli.SshCertificates;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.SshCertificates;

namespace Activate.Identity.Cli.Tests.SshCertificates;

/// <summary>What sshd runs. Whatever is in doubt, nothing may come out; only an outage is none of the certificate's fault.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class AuthorizedPrincipalsCommandTests : IAsyncLifetime
{
    private const string Cluster = "01993a54-2d3f-7d4c-9e26-5e7fa4c3da92";
    private const string Principal = $"ada@{Cluster}";
    private const string Route = "GET /api/v1/authorized-principals/ada";
    private static readonly string[] s_ask = ["authorized-principals", "--serial", "7", "--", "ada"];
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;
    private string _trusted = "";

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        using var authority = SshAuthority.Read(SshAuthority.Generate());
        _trusted = new TrustedAuthorities(new Guid(Cluster), [SshAuthority.PublicKey(authority).Text]).Write();
        Write("cluster-key", _server.ApiKey + "\n");
        Write("trusted-ca", _trusted);
        _server.On(Route, _ => new Reply(200, Body("ada", Principal)));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task The_principal_comes_out_when_the_server_says_so()
    {
        Assert.Equal((0, Principal + "\n", ""), await RunAsync());
        Assert.Equal((1, "?serial=7", $"Bearer {_server.ApiKey}"), (_server.Seen.Count, _server.Seen[0].Query, _server.Seen[0].Authorization));
        _server.On(Route, _ => new Reply(200, Body("ada")));
        Assert.Equal((0, "", ""), await RunAsync());
    }

    [Fact]
    [Trait("Case", "S13")]
    public async Task An_answer_that_is_not_as_it_should_be_opens_nothing()
    {
        foreach (var wrong in (string[])["", "{", "[]", "null", "{}", "<html>It works!</html>", """{"account":"ada"}""", Body("bob", Principal), Body("ada", "ada"), Body("ada", Principal, "root@" + Cluster),
            Body("ada", $"bob@{Cluster}"), Body("ada", $"ada@{Guid.Empty}"), Body("ada", Principal.ToUpperInvariant()), Body("ada", Principal + "\\nroot"), Body("ada", new string('x', 5000))])
        {
            _server.On(Route, _ => new Reply(200, wrong));
            Assert.Equal((1, ""), await ResultAsync());
        }

        _server.On(Route, _ => new Reply(200, Body("ada", Principal), "text/html"));
        Assert.Equal((1, ""), await ResultAsync());
        _server.On(Route, _ => Reply.Redirect(_server.Url));
        Assert.Equal((1, ""), await ResultAsync());
    }

    [Theory]
    [Trait("Case", "S13")]
    [InlineData(401, 3)]
    [InlineData(403, 4)]
    [InlineData(404, 1)]
    [InlineData(429, 1)]
    [InlineData(400, 1)]
    public async Task A_refusal_opens_nothing(int status, int exit)
    {
        _server.On(Route, _ => Reply.Problem(status, "refused"));
        Assert.Equal((exit, ""), await ResultAsync());
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    public async Task A_server_that_is_out_of_order_leaves_it_to_the_certificate(int status)
    {
        _server.On(Route, _ => new Reply(status, "<html>Bad Gateway</html>", "text/html"));
        Assert.Equal((0, Principal + "\n"), await ResultAsync());
        _server.On(Route, _ => new Reply(0) { Abort = true });
        Assert.Equal((0, Principal + "\n"), await ResultAsync());
    }

    [Fact]
    public async Task A_server_that_is_gone_or_silent_leaves_it_to_the_certificate_within_three_seconds()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        Write("cluster-key", Core.ApiKeys.ApiKeySecret.From(new Uri($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}"), new string('k', 43)).Reveal() + "\n");
        var watch = Stopwatch.StartNew();
        Assert.Equal((0, Principal + "\n"), await ResultAsync());
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(30));
        silent.Stop();
        var outcome = await RunAsync();
        Assert.Equal((0, Principal + "\n"), (outcome.Code, outcome.Out));
        Assert.Contains("counts by itself", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Case", "S11")]
    [InlineData("root", "7", 0)]
    [InlineData("ubuntu", "7", 0)]
    [InlineData("a b", "7", 2)]
    [InlineData("../ada", "7", 2)]
    [InlineData("ada\n", "7", 2)]
    [InlineData("", "7", 2)]
    [InlineData("ada", "0", 2)]
    [InlineData("ada", "-7", 2)]
    [InlineData("ada", "7&x=y", 2)]
    [InlineData("ada", "", 2)]
    [InlineData("ada", "18446744073709551615", 2)]
    public async Task What_cannot_be_ours_is_not_asked_for(string account, string serial, int exit)
    {
        var outcome = await _terminal.RunAsync("authorized-principals", $"--serial={serial}", "--", account);
        Assert.Equal((exit, ""), (outcome.Code, outcome.Out));
        Assert.Empty(_server.Seen);
    }

    [Fact]
    [Trait("Case", "S20")]
    public async Task A_file_of_authorities_that_others_may_change_or_that_is_damaged_opens_nothing()
    {
        var file = Path.Combine(_terminal.Folder, "trusted-ca");
        foreach (var open in (UnixFileMode[])[UnixFileMode.GroupWrite, UnixFileMode.OtherWrite])
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | open);
            Assert.Equal((2, ""), await ResultAsync());
        }

        foreach (var wrong in (string[])["", _trusted[..^1], _trusted + "x\n"])
        {
            Write("trusted-ca", wrong);
            Assert.Equal((1, ""), await ResultAsync());
        }

        File.Delete(file);
        Assert.Equal((2, ""), await ResultAsync());
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task Pull_writes_what_the_server_says_and_nothing_else()
    {
        const string Trusted = "GET /api/v1/ssh-certificate-authorities";
        var file = Path.Combine(_terminal.Folder, "trusted-ca");
        File.Delete(file);
        _server.On(Trusted, _ => new Reply(200, _trusted, "text/plain"));
        var outcome = await _terminal.RunAsync("ssh-ca", "pull");
        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Contains("has 1 now", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(_trusted, await File.ReadAllTextAsync(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(file));
        outcome = await _terminal.RunAsync("ssh-ca", "pull");
        Assert.Equal((0, ""), (outcome.Code, outcome.Error));

        foreach (var wrong in (Reply[])[new(200, "", "text/plain"), new(200, _trusted, "text/html"), new(200, "<html></html>\n", "text/plain"), new(200, _trusted + "ssh-ed25519 AAAA\n", "text/plain"), new(500), Reply.Problem(401, "invalid_credential")])
        {
            _server.On(Trusted, _ => wrong);
            Assert.NotEqual(0, (await _terminal.RunAsync("ssh-ca", "pull")).Code);
            Assert.Equal(_trusted, await File.ReadAllTextAsync(file));
        }
    }

    [Fact]
    public async Task List_and_rotate_tell_which_one_signs_when()
    {
        const string Upcoming = """{"generation":2,"publicKey":"k","fingerprint":"SHA256:new","createdAt":"2026-11-24T02:00:00Z","signsFrom":"2026-11-24T03:00:00Z","retiresAt":null,"state":"upcoming"}""";
        _terminal.SignIn(_server);
        _server.On("GET /api/v1/organization/ssh-certificate-authorities", _ => new Reply(200, $$"""{"items":[{{Upcoming}}],"next":null}"""));
        _server.On("POST /api/v1/organization/ssh-certificate-authorities/rotate", _ => new Reply(200, Upcoming));
        Assert.Matches(@"2\s+SHA256:new\s.*2026-11-24T03:00:00Z\s+never\s+upcoming", (await _terminal.RunAsync("ssh-ca", "list")).Out);
        var outcome = await _terminal.RunAsync("ssh-ca", "rotate");
        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Matches("The new authority SHA256:new signs .*2026-11-24T03:00:00Z", outcome.Error);
    }

    [Fact]
    public void Sshd_is_told_three_lines() => Assert.Equal(
        ["TrustedUserCAKeys /etc/actid/trusted-ca", "AuthorizedPrincipalsCommand /usr/local/bin/actid authorized-principals --uid %U --serial %s -- %u", "AuthorizedPrincipalsCommandUser actid"],
        CertificateDropIn.Lines("/usr/local/bin/actid", "actid", "/etc/actid/trusted-ca"));

    private static string Body(string account, params string[] principals) => $$"""{"account":"{{account}}","principals":[{{string.Join(',', principals.Select(name => $"\"{name}\""))}}]}""";

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(_terminal.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = Path.Combine(_terminal.Folder, name);
        File.WriteAllText(file, text);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private async Task<(int Code, string Out, string Error)> RunAsync() => await _terminal.RunAsync(s_ask) is var outcome ? (outcome.Code, outcome.Out, outcome.Error) : default;

    private async Task<(int, string)> ResultAsync() => await RunAsync() is var outcome ? (outcome.Code, outcome.Out) : default;
}
