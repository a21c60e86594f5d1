using System.Globalization;
using System.Net.Http;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.EndToEnd.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.EndToEnd.Tests.SshCertificates;

/// <summary>Certificates with everything real: our server, <c>actid</c> on both ends, ssh and sshd.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class CertificateLoginTests : IAsyncLifetime
{
    private ClusterSite _site = null!;
    private Sshd _sshd = null!;
    private Actid _actid = null!;

    private TestServer Server => _site.Server;

    private Actid Host => new(Path.Combine(_sshd.Folder, "etc"));

    private string TrustedFile => Path.Combine(_sshd.Folder, "etc", "trusted-ca");

    public async ValueTask InitializeAsync()
    {
        _site = await ClusterSite.StartAsync();
        _sshd = _site.Sshd;
        _actid = new Actid(Path.Combine(_sshd.Folder, "home"));
        await SignInAsync(_site.Session);
    }

    public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? default;

    [Fact]
    [Trait("Case", "S15")]
    public async Task A_sign_in_opens_the_account_with_every_type_of_key_until_it_ends()
    {
        await StartAsync();
        string[] keys =
        [
            await _sshd.NewKeyAsync("ed25519"), await _sshd.NewKeyAsync("ecdsa", "-b", "256"), await _sshd.NewKeyAsync("ecdsa", "-b", "384"), await _sshd.NewKeyAsync("ecdsa", "-b", "521"),
            await _sshd.NewKeyAsync("rsa", "-b", "2048"), Path.Combine(_sshd.Folder, "made-by-actid"),
        ];
        foreach (var key in keys)
        {
            if (File.Exists(key))
                Assert.Null(await _sshd.LogInAsync(key));
            await CertifyAsync(key);
            Assert.True(await _sshd.LogInAsync(key) == _site.Account, $"{key} is not let in:\n{_sshd.Log}");
        }

        // sshd's log says whose sign-in it was.
        var issued = (await Server.ApiAsync(HttpMethod.Get, "/api/v1/ssh-certificates", _site.Session)).Json.GetProperty("items");
        Assert.Equal(keys.Length, issued.GetArrayLength());
        Assert.Contains($"ID {_site.Account} {issued[0].GetProperty("sessionId").GetString()} (serial {issued[0].GetProperty("serial").GetString()}) CA ECDSA SHA256:", _sshd.Log, StringComparison.Ordinal);

        // Access is asked at each login, and so is whether the session is still there.
        await ChangeAccessAsync(new { mode = "roles", roles = new[] { "member" } });
        Assert.Null(await _sshd.LogInAsync(keys[0]));
        await ChangeAccessAsync(new { mode = "everyone" });
        Assert.Equal(_site.Account, await _sshd.LogInAsync(keys[0]));
        Assert.Equal(204, (await Server.ApiAsync(HttpMethod.Delete, $"/api/v1/sessions/{issued[0].GetProperty("sessionId").GetString()}", _site.Session)).Status);
        foreach (var key in keys)
            Assert.Null(await _sshd.LogInAsync(key));

        // Another sign-in, and then the person is gone.
        await SignInAsync(await Server.GrantAsync(_site.UserId));
        await CertifyAsync(keys[0]);
        Assert.Equal(_site.Account, await _sshd.LogInAsync(keys[0]));
        await Server.QueryAsync(database => database.Users.Where(user => user.Id == _site.UserId).ExecuteDeleteAsync());
        Assert.Null(await _sshd.LogInAsync(keys[0]));
    }

    [Fact]
    [Trait("Case", "S13")]
    public async Task Through_an_outage_a_certificate_counts_by_itself_and_by_nothing_less()
    {
        await StartAsync();
        var issued = Path.Combine(_sshd.Folder, "issued");
        await CertifyAsync(issued);
        Assert.Equal(_site.Account, await _sshd.LogInAsync(issued));

        // An authority that the host trusts, but a serial that the server never gave: while it can say so, nobody gets in.
        using var first = Authority();
        using var second = Authority();
        using var unknown = Authority();
        Assert.True(TrustedAuthorities.TryRead(await File.ReadAllTextAsync(TrustedFile), out var trusted));
        await File.WriteAllTextAsync(TrustedFile, new TrustedAuthorities(trusted.ClusterId, [.. trusted.PublicKeys, SshAuthority.PublicKey(first).Text, SshAuthority.PublicKey(second).Text]).Write());
        var key = await _sshd.NewKeyAsync("ed25519");
        var own = new CertificatePrincipal(_site.Account, trusted.ClusterId).ToString();
        Assert.Null(await LogInWithAsync(first, own));

        await _site.StopServerAsync();
        Assert.Equal(_site.Account, await _sshd.LogInAsync(issued));
        // During a rotation: the old one and the new one.
        Assert.Equal(_site.Account, await LogInWithAsync(first, own));
        Assert.Equal(_site.Account, await LogInWithAsync(second, own));
        Assert.Contains("counts by itself", _sshd.Log, StringComparison.Ordinal);
        // Another organization's authority, an end that has passed, one that has not begun, another cluster, another account, and an account that is not tied to a cluster.
        Assert.Null(await LogInWithAsync(unknown, own));
        Assert.Null(await LogInWithAsync(first, own, from: -120, to: -1));
        Assert.Null(await LogInWithAsync(first, own, from: 60, to: 120));
        Assert.Null(await LogInWithAsync(first, new CertificatePrincipal(_site.Account, Guid.CreateVersion7()).ToString()));
        Assert.Null(await LogInWithAsync(first, new CertificatePrincipal("somebody", trusted.ClusterId).ToString()));
        Assert.Null(await LogInWithAsync(first, _site.Account));
        // Without the file sshd trusts nobody.
        File.Delete(TrustedFile);
        Assert.Null(await _sshd.LogInAsync(issued));

        async Task<string?> LogInWithAsync(ECDsa authority, string principal, int from = -5, int to = 60)
        {
            Assert.True(SshPublicKey.Parse(await File.ReadAllTextAsync($"{key}.pub")).TryGet(out var parsed, out _));
            var now = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).UtcDateTime;
            var certificate = new SshCertificate { Key = parsed, Serial = 7, KeyId = "test", Principals = [principal], ValidAfter = now.AddMinutes(from), ValidBefore = now.AddMinutes(to) };
            await File.WriteAllTextAsync($"{key}-cert.pub", certificate.Sign(authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength)) + "\n");
            return await _sshd.LogInAsync(key);
        }
    }

    [Fact]
    public async Task Actid_ssh_and_the_lines_for_plain_ssh_log_in_and_pass_on_what_happened_there()
    {
        await StartAsync();
        string[] surroundings = ["-p", _sshd.Port.ToString(CultureInfo.InvariantCulture), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"];
        var ended = await _actid.RunAsync("", ["ssh", "127.0.0.1", "--", "-F", "none", .. surroundings, "id -un; exit 7"]);
        Assert.True(ended is { Code: 7 } && ended.Out.Trim() == _site.Account, $"{ended}\n{_sshd.Log}");
        ended = await _actid.RunAsync("", ["ssh", $"{_site.Account}@127.0.0.1", "--", "-F", "none", .. surroundings, "true"]);
        Assert.True(ended.Code == 0, ended.ToString());

        var lines = await _actid.RunAsync("", "ssh-config", "127.0.0.1");
        Assert.True(lines.Code == 0, lines.ToString());
        var config = Path.Combine(_sshd.Folder, "ssh_config");
        await File.WriteAllTextAsync(config, lines.Out);
        var bin = Directory.CreateDirectory(Path.Combine(_sshd.Folder, "bin")).FullName;
        await _sshd.WriteCommandAsync(Path.Combine(bin, "actid"), Path.Combine(_sshd.Folder, "home"));
        foreach (var alias in (string[])["127.0.0.1", "democluster"])
            Assert.Equal(_site.Account, await Sshd.RunSshAsync(bin, ["-F", config, .. surroundings, alias, "id -un"]));
    }

    private static ECDsa Authority() => SshAuthority.Read(SshAuthority.Generate());

    private async Task StartAsync()
    {
        var pulled = await Host.RunAsync("", "ssh-ca", "pull");
        Assert.True(pulled.Code == 0, pulled.ToString());
        await _sshd.StartAsync(null, $"TrustedUserCAKeys {TrustedFile}", $"AuthorizedPrincipalsCommand {_sshd.Command} authorized-principals --serial %s -- %u", "AuthorizedPrincipalsCommandUser root");
    }

    private async Task SignInAsync(string session)
    {
        var ended = await _actid.RunAsync(session + "\n", "auth", "token");
        Assert.True(ended.Code == 0, ended.ToString());
    }

    private async Task CertifyAsync(string key)
    {
        var ended = await _actid.RunAsync("", "ssh-cert", "127.0.0.1", "--file", key, "--hours", "1");
        Assert.True(ended.Code == 0 && ended.Out == $"{key}-cert.pub\n", ended.ToString());
    }

    private async Task ChangeAccessAsync(object access) =>
        Assert.Equal(200, (await Server.ApiAsync(HttpMethod.Patch, _site.ClusterPath, _site.Session, new { access })).Status);
}
