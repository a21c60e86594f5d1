using System.Security.Cryptography;
using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Cli.Tests.SshKeys;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Tests.SshCertificates;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SshCertificateCommandsTests : IAsyncLifetime
{
    private const string Session = "01993a52-7c1e-7b3a-9f04-3c5de2a1b870";
    private const string Cluster = "01993a54-2d3f-7d4c-9e26-5e7fa4c3da92";
    private const string Host = "login.frontier.example.org";
    private readonly Terminal _terminal = new();
    private readonly ECDsa _authority = SshAuthority.Read(SshAuthority.Generate());
    private FakeServer _server = null!;
    private string _session = "";

    private string Folder => Path.Combine(_terminal.Folder, "ssh", $"127.0.0.1_{_server.Origin.Port}");

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        SignIn(Session);
        _server.On("POST /api/v1/ssh-certificates", seen => Issue(seen));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        _authority.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_certificate_is_fetched_once_and_kept_while_it_and_the_sign_in_live()
    {
        var outcome = await _terminal.RunAsync("ssh-cert", Host);
        Assert.Equal((0, $"{Folder}/{Host}-cert.pub\n"), (outcome.Code, outcome.Out));
        Assert.Matches("Certificate for x4711 on Frontier, until .*2026-11-24T10:00:00Z", outcome.Error);
        Assert.Equal((Host, JsonValueKind.Undefined), (Sent(0).GetProperty("cluster").GetString(), Sent(0).TryGetProperty("expiresInHours", out var hours) ? hours.ValueKind : JsonValueKind.Undefined));
        foreach (var file in (string[])[$"{Folder}/{Host}", $"{Folder}/{Host}-cert.pub"])
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Folder));
        var (key, certificate) = Read();
        Assert.Equal((key, certificate), (Sent(0).GetProperty("publicKey").GetString(), key));

        // Kept, in silence: ssh may ask for it at each connection.
        outcome = await _terminal.RunAsync("ssh-cert", Host.ToUpperInvariant());
        Assert.Equal((0, $"{Folder}/{Host}-cert.pub\n", ""), (outcome.Code, outcome.Out, outcome.Error));
        Assert.Single(_server.Seen);

        // A wish is a new one, of the same key: the one before lives as well.
        Assert.Equal(0, (await _terminal.RunAsync("ssh-cert", Host, "--hours", "2")).Code);
        Assert.Equal((2, key), (Sent(1).GetProperty("expiresInHours").GetInt32(), Sent(1).GetProperty("publicKey").GetString()));
        Assert.Equal((key, key), Read());

        // Another sign-in; and one that ends within a minute: then with a new key.
        SignIn("01993a52-7c1e-7b3a-9f04-000000000000");
        Assert.Equal(0, (await _terminal.RunAsync("ssh-cert", Host)).Code);
        Assert.Equal(3, _server.Seen.Count);
        var second = Read();
        Assert.NotEqual(key, second.Key);
        _terminal.Clock.Advance(TimeSpan.FromHours(8) - TimeSpan.FromMinutes(1));
        Assert.Equal(0, (await _terminal.RunAsync("ssh-cert", Host)).Code);
        Assert.Equal(4, _server.Seen.Count);
        Assert.NotEqual(second, Read());
        Assert.Equal(Read().Key, Read().Certified);
    }

    [Fact]
    public async Task A_certificate_that_does_not_fit_the_key_beside_it_is_not_used()
    {
        await _terminal.RunAsync("ssh-cert", Host);
        using (var other = ECDsa.Create(ECCurve.NamedCurves.nistP256))
            await File.WriteAllTextAsync($"{Folder}/{Host}", other.ExportECPrivateKeyPem());
        await _terminal.RunAsync("ssh-cert", Host);
        Assert.Equal(2, _server.Seen.Count);
        Assert.Equal(Read().Key, Read().Certified);
        await File.WriteAllTextAsync($"{Folder}/{Host}-cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAA");
        await _terminal.RunAsync("ssh-cert", Host);
        Assert.Equal(3, _server.Seen.Count);
    }

    [Theory]
    [InlineData("Frontier")]
    [InlineData("the big one")]
    [InlineData("../../x")]
    [InlineData("2001:db8::1")]
    [InlineData(".hidden")]
    [InlineData("frontier.pub")]
    [InlineData("100%h")]
    public async Task Whatever_a_cluster_is_called_its_files_are_in_the_folder_and_ssh_can_name_them(string cluster)
    {
        var outcome = await _terminal.RunAsync("ssh-cert", "--", cluster);
        Assert.Equal(0, outcome.Code);
        Assert.Equal(Folder, Path.GetDirectoryName(outcome.Out.TrimEnd('\n')));
        Assert.Matches(@"/[0-9a-z.]+-cert\.pub$", outcome.Out.TrimEnd('\n'));
        Assert.Equal(2, Directory.GetFiles(Folder).Length);
    }

    [Fact]
    public async Task A_key_of_ones_own_is_certified_and_never_replaced()
    {
        var path = Path.Combine(_terminal.Folder, "id_sk");
        await File.WriteAllTextAsync($"{path}.pub", SshKeyCommandsTests.Line + "\n");
        await File.WriteAllTextAsync(path, "whatever OpenSSH has there");
        var outcome = await _terminal.RunAsync("ssh-cert", Host, "--file", path);
        Assert.Equal((0, $"{path}-cert.pub\n"), (outcome.Code, outcome.Out));
        Assert.StartsWith(Sent(0).GetProperty("publicKey").GetString()!, SshKeyCommandsTests.Line, StringComparison.Ordinal);
        Assert.Equal("whatever OpenSSH has there", await File.ReadAllTextAsync(path));
        Assert.True(SshCertificate.TryRead(await File.ReadAllTextAsync($"{path}-cert.pub"), out _));

        // Without the public half nobody can tell whose key it is; where there is none, one is made.
        File.Delete($"{path}.pub");
        Assert.Equal(2, (await _terminal.RunAsync("ssh-cert", Host, "--file", path)).Code);
        Assert.Equal("whatever OpenSSH has there", await File.ReadAllTextAsync(path));
        var fresh = Path.Combine(_terminal.Folder, "fresh");
        Assert.Equal(0, (await _terminal.RunAsync("ssh-cert", Host, "--file", fresh)).Code);
        var pem = await File.ReadAllTextAsync(fresh);
        Assert.StartsWith("-----BEGIN EC PRIVATE KEY-----", pem, StringComparison.Ordinal);
        Assert.Equal(0, (await _terminal.RunAsync("ssh-cert", Host, "--file", fresh, "--hours", "1")).Code);
        Assert.Equal(pem, await File.ReadAllTextAsync(fresh));
    }

    [Theory]
    [InlineData(401, "invalid_credential", 3)]
    [InlineData(403, "session_required", 4)]
    [InlineData(403, "cluster_not_allowed", 4)]
    [InlineData(400, "cluster_unknown", 1)]
    public async Task A_refusal_ends_with_the_servers_words_and_no_file(int status, string code, int exit)
    {
        _server.On("POST /api/v1/ssh-certificates", _ => Reply.Problem(status, code));
        foreach (var args in (string[][])[["ssh-cert", Host], ["ssh", Host], ["ssh-config", Host]])
        {
            var outcome = await _terminal.RunAsync(args);
            Assert.Equal((exit, ""), (outcome.Code, outcome.Out));
            Assert.Contains(code, outcome.Error, StringComparison.Ordinal);
        }

        Assert.False(File.Exists($"{Folder}/{Host}-cert.pub"));
        _server.On("POST /api/v1/ssh-certificates", seen => Issue(seen));
        _terminal.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(3, (await _terminal.RunAsync("ssh", Host)).Code);
    }

    [Fact]
    public async Task An_answer_that_certifies_another_key_or_account_is_not_believed()
    {
        foreach (var wrong in (Func<Seen, Reply>[])[seen => Issue(seen, key: Fresh()), seen => Issue(seen, account: "root"), seen => Issue(seen, said: "bob"), _ => new Reply(201, "{}"), _ => new Reply(201, "<html>", "text/html")])
        {
            _server.On("POST /api/v1/ssh-certificates", wrong);
            Assert.Equal((1, ""), (await _terminal.RunAsync("ssh-cert", Host)) is var outcome ? (outcome.Code, outcome.Out) : default);
            Assert.False(File.Exists($"{Folder}/{Host}-cert.pub"));
        }
    }

    [Fact]
    public async Task Ssh_gets_the_files_the_destination_and_what_is_for_it_and_its_exit_code_is_ours()
    {
        var log = UseFakeSsh(exit: 7);
        Assert.Equal(7, (await _terminal.RunAsync("ssh", Host, "--", "-p", "2222", "sbatch", "a b;$(id)")).Code);
        string[] options = ["-o", $"IdentityFile=\"{Folder}/{Host}\"", "-o", $"CertificateFile=\"{Folder}/{Host}-cert.pub\"", "-o", "IdentitiesOnly=yes"];
        Assert.Equal((string[])[.. options, $"x4711@{Host}", "-p", "2222", "sbatch", "a b;$(id)"], await File.ReadAllLinesAsync(log));
        Assert.Equal(7, (await _terminal.RunAsync("ssh", $"x4711@{Host}")).Code);
        Assert.Equal((string[])[.. options, $"x4711@{Host}"], await File.ReadAllLinesAsync(log));
        Assert.Single(_server.Seen);
        // Whose account that is, the cluster decides; but it is said before sshd says no.
        var outcome = await _terminal.RunAsync("ssh", $"ada@{Host}");
        Assert.Contains("your account on login.frontier.example.org is x4711", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("EC PRIVATE", await File.ReadAllTextAsync(log), StringComparison.Ordinal);

        _terminal.Variables["ACTID_SSH"] = "/nonexistent/ssh";
        Assert.Equal(1, (await _terminal.RunAsync("ssh", Host)).Code);
    }

    [Theory]
    [InlineData("-oProxyCommand=id")]
    [InlineData("ada@-oProxyCommand=id")]
    [InlineData("-l@login.frontier.example.org")]
    [InlineData("root@login.frontier.example.org")]
    [InlineData("a b@login.frontier.example.org")]
    [InlineData("login.frontier.example.org:22")]
    [InlineData("$(id)")]
    [InlineData("")]
    public async Task What_is_no_destination_reaches_neither_the_server_nor_ssh(string destination)
    {
        var log = UseFakeSsh(exit: 0);
        Assert.Equal((2, ""), (await _terminal.RunAsync("ssh", "--", destination)) is var outcome ? (outcome.Code, outcome.Out) : default);
        Assert.False(File.Exists(log));
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task Lines_for_ssh_name_the_cluster_by_its_id()
    {
        var outcome = await _terminal.RunAsync("ssh-config", Host);
        Assert.Equal($"""
            # Frontier: written by actid ssh-config
            Match originalhost {Host},Frontier exec "actid ssh-cert {Cluster}"
                HostName={Host}
                User=x4711
                IdentityFile="{Folder}/{Cluster}"
                CertificateFile="{Folder}/{Cluster}-cert.pub"
                IdentitiesOnly=yes

            """.ReplaceLineEndings("\n"), outcome.Out);
        Assert.Contains($"ssh-cert {Cluster} --context 127.0.0.1:{_server.Origin.Port}\"", (await _terminal.RunAsync("ssh-config", Host, "--context", _server.ContextName)).Out, StringComparison.Ordinal);
        // What cannot be an alias is none, and nothing in a name makes a line of its own.
        _server.On("POST /api/v1/ssh-certificates", seen => Issue(seen, clusterName: "The\\nMatch all\\n* big one"));
        Assert.Contains($"originalhost {Host} exec", (await _terminal.RunAsync("ssh-config", Host)).Out, StringComparison.Ordinal);
        Assert.Single((await _terminal.RunAsync("ssh-config", Host)).Out.Split('\n'), line => line.StartsWith("Match", StringComparison.Ordinal));
        _server.On("POST /api/v1/ssh-certificates", seen => Issue(seen, address: "a\\nProxyCommand id"));
        Assert.Equal(1, (await _terminal.RunAsync("ssh-config", Host)).Code);
    }

    private void SignIn(string session)
    {
        _session = session;
        _terminal.SignIn(_server, credential: FakeServer.Jwt(_server.Origin, expires: Clock.Start.AddHours(20), sessionId: session), expires: Clock.Start.AddHours(20));
    }

    private JsonElement Sent(int index) => JsonDocument.Parse(_server.Seen[index].Body).RootElement;

    private (string Key, string Certified) Read()
    {
        using var pair = ECDsa.Create();
        pair.ImportFromPem(File.ReadAllText($"{Folder}/{Host}"));
        Assert.True(SshCertificate.TryRead(File.ReadAllText($"{Folder}/{Host}-cert.pub"), out var certificate));
        return (SshAuthority.PublicKey(pair).Text, certificate.Key.Text);
    }

    /// <summary>What the server does, with an authority of this test.</summary>
    private Reply Issue(Seen seen, string? key = null, string account = "x4711", string? said = null, string clusterName = "Frontier", string address = Host)
    {
        using var body = JsonDocument.Parse(seen.Body);
        Assert.True(SshPublicKey.Parse(key ?? body.RootElement.GetProperty("publicKey").GetString()).TryGet(out var parsed, out _));
        var now = _terminal.Clock.GetUtcNow().UtcDateTime;
        var certificate = new SshCertificate
        {
            Key = parsed, Serial = 7, KeyId = $"ada {_session}",
            Principals = [$"{account}@{Cluster}"], ValidAfter = now, ValidBefore = now.AddHours(8),
        }.Sign(_authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength));
        return new Reply(201, $$"""
            {"certificate":"{{certificate}}","account":"{{said ?? account}}","clusterId":"{{Cluster}}","clusterName":"{{clusterName}}","clusterAddress":"{{address}}","expiresAt":"{{now.AddHours(8):yyyy-MM-dd'T'HH:mm:ss'Z'}}","expiresBecause":"default"}
            """);
    }

    private static string Fresh()
    {
        using var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return SshAuthority.PublicKey(pair).Text;
    }

    /// <summary>Writes its arguments, one a line.</summary>
    private string UseFakeSsh(int exit)
    {
        Directory.CreateDirectory(_terminal.Folder);
        var (script, log) = (Path.Combine(_terminal.Folder, "fake-ssh"), Path.Combine(_terminal.Folder, "arguments"));
        File.WriteAllText(script, $"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{log}'\nexit {exit}\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _terminal.Variables["ACTID_SSH"] = script;
        return log;
    }
}
