using Activate.Identity.Cli.Hosts;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Cli.Tests.SshKeys;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Tests.Hosts;

/// <summary>What PAM and sshd run, and what is written for them.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class HostTests : IAsyncLifetime
{
    private const string Line = SshKeyCommandsTests.Line;
    private static readonly string s_fingerprint = SshPublicKey.Parse(Line).TryGet(out var key, out _) ? key.Fingerprint : "";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _server.On("POST /api/v1/authorized-keys/ada/logins", _ => new Reply(204));
        Directory.CreateDirectory(_terminal.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = Path.Combine(_terminal.Folder, "cluster-key");
        await File.WriteAllTextAsync(file, _server.ApiKey);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (_terminal.Variables["PAM_TYPE"], _terminal.Variables["PAM_USER"], _terminal.Variables["PAM_RHOST"]) = ("open_session", "ada", "192.0.2.7");
        _terminal.Variables["SSH_AUTH_INFO_0"] = $"keyboard-interactive\npublickey {string.Join(' ', Line.Split(' ')[..2])}\n";
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_login_is_told_by_a_second_process_with_the_fingerprint_and_the_address()
    {
        var outcome = await _terminal.RunAsync("cluster", "report-login");
        Assert.Equal((0, "", ""), (outcome.Code, outcome.Out, outcome.Error));
        Assert.Empty(_server.Seen);
        Assert.Equal(["cluster", "report-login", "--now"], Assert.Single(_terminal.Detached));

        Assert.Equal(0, (await _terminal.RunAsync("cluster", "report-login", "--now")).Code);
        Assert.Equal($$"""{"fingerprint":"{{s_fingerprint.Replace("+", "\\u002B", StringComparison.Ordinal)}}","address":"192.0.2.7"}""", _server.Seen[0].Body);
        Assert.Equal($"Bearer {_server.ApiKey}", _server.Seen[0].Authorization);
        // With UseDNS it is a name, which whoever logs in may have chosen.
        _terminal.Variables["PAM_RHOST"] = "gateway.example.org";
        Assert.Equal(0, (await _terminal.RunAsync("cluster", "report-login", "--now")).Code);
        Assert.DoesNotContain("address", _server.Seen[1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PAM_TYPE", "close_session", 0)]
    [InlineData("PAM_TYPE", null, 2)]
    [InlineData("PAM_USER", null, 2)]
    [InlineData("PAM_USER", "root", 0)]
    [InlineData("PAM_USER", "DOMAIN\\ada", 0)]
    [InlineData("SSH_AUTH_INFO_0", null, 0)]
    [InlineData("SSH_AUTH_INFO_0", "password\n", 0)]
    [InlineData("SSH_AUTH_INFO_0", "publickey ssh-ed25519-cert-v01@openssh.com AAAA\n", 0)]
    public async Task What_is_no_login_with_a_key_of_a_user_is_not_told(string variable, string? value, int code)
    {
        _terminal.Variables[variable] = value;
        Assert.Equal(code, (await _terminal.RunAsync("cluster", "report-login")).Code);
        Assert.Empty(_terminal.Detached);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task An_account_of_the_system_is_not_looked_up_whatever_its_name()
    {
        Assert.Equal(0, (await _terminal.RunAsync("authorized-keys", "--uid", "999", "--", "ada")).Code);
        Assert.Empty(_server.Seen);
        _server.On("GET /api/v1/authorized-keys/ada", _ => new Reply(200,
            $$"""{"username":"ada","keys":[{"publicKey":"{{Line}}","fingerprint":"{{s_fingerprint}}","expiresAt":"2026-11-25T12:00:00Z"}]}"""));
        Assert.Equal($"{Line}\n", (await _terminal.RunAsync("authorized-keys", "--uid", "1000", "--", "ada")).Out);
        Assert.Equal($"expiry-time=\"20261125120000Z\" {Line}\n", (await _terminal.RunAsync("authorized-keys", "--uid", "1000", "--expiry-time", "--", "ada")).Out);

        var file = Path.Combine(_terminal.Folder, "login.defs");
        await File.WriteAllTextAsync(file, "# UID_MIN 1\nUID_MIN\t\t 500 # small\nUID_MAX 60000\nSYS_UID_MIN 100\n");
        Assert.Equal((500u, 1000u), (LoginDefinitions.UidMinimum(file), LoginDefinitions.UidMinimum(file + "x")));
    }

    [Fact]
    public void The_lines_for_sshd_are_about_the_group_or_everybody_but_the_named_and_can_be_taken_out_again()
    {
        var text = DropIn.Text(new AskedFor("hpc", []), "/usr/local/bin/actid", "actid", new Version(9, 1));
        Assert.Contains("\nMatch Group hpc\n    TrustedUserCAKeys /etc/actid/trusted-ca\n    AuthorizedPrincipalsCommand /usr/local/bin/actid authorized-principals --uid %U --serial %s -- %u\n    AuthorizedPrincipalsCommandUser actid\n    AuthorizedKeysCommand /usr/local/bin/actid authorized-keys --uid %U --expiry-time --fingerprint %f -- %u\n", text, StringComparison.Ordinal);
        Assert.Contains("\n    AuthorizedKeysFile none\nMatch all\n", text, StringComparison.Ordinal);
        Assert.Contains("\nMatch User *,!root,!rescue\n", DropIn.Text(new AskedFor(null, ["rescue", "root"]), "/usr/local/bin/actid", "actid", null), StringComparison.Ordinal);
        foreach (var old in (Version?[])[new(8, 0), new(9, 0), null])
            Assert.DoesNotContain("expiry-time", DropIn.Text(new AskedFor(null, []), "/x", "actid", old), StringComparison.Ordinal);
        Assert.Equal("Port 22\n\n", DropIn.Without($"Port 22\n\n{text}"));
        Assert.Equal("Port 22\nUseDNS no\n", DropIn.Without($"Port 22\n{text}UseDNS no\n"));
        Assert.Equal("Port 22\n", DropIn.Without("Port 22\n"));
    }
}
