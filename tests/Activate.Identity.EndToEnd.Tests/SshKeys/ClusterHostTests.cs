using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>
/// What an operator does on a cluster's host, with everything real but the folder that stands for <c>/</c>: install, check, a login that is told of, an outage, uninstall.
/// </summary>
[UnsupportedOSPlatform("windows")]
public sealed class ClusterHostTests : IAsyncLifetime
{
    private readonly string _rescue = ClusterSite.NewAccount();
    private readonly string _service = $"activate-e2e-{Guid.NewGuid():N}"[..24];
    private ClusterSite _site = null!;
    private Sshd _sshd = null!;
    private string _root = "";

    private string Config => Path.Combine(_root, "etc/ssh/sshd_config");

    private string Pam => Path.Combine(_root, "etc/pam.d/sshd");

    private string Program => Path.Combine(_sshd.Folder, _service);

    public async ValueTask InitializeAsync()
    {
        _site = await ClusterSite.StartAsync("frontier");
        _sshd = _site.Sshd;
        _root = Path.Combine(_sshd.Folder, "root");
        foreach (var folder in (string[])["etc/ssh/sshd_config.d", "etc/pam.d", "etc/systemd/system", "var/lib"])
            Directory.CreateDirectory(Path.Combine(_root, folder), (UnixFileMode)0b111_101_101);
        await File.WriteAllTextAsync(Config, string.Create(CultureInfo.InvariantCulture, $"""
            Include {_root}/etc/ssh/sshd_config.d/*.conf
            Port {_sshd.Port}
            ListenAddress 127.0.0.1
            HostKey {_sshd.Folder}/host_key
            PidFile none
            UsePAM yes
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PrintMotd no

            """));
        await File.WriteAllTextAsync(Pam, "account required pam_permit.so\n# first\nsession required pam_permit.so\n");
        await File.WriteAllTextAsync(Path.Combine(_root, "etc/passwd"), (await Commands.TryRunAsync("getent", "passwd", _site.Account)).Output);
        // What an installed actid would find in /etc/actid.
        await File.WriteAllTextAsync(_sshd.Command, (await File.ReadAllTextAsync(_sshd.Command)).Replace(Path.Combine(_sshd.Folder, "etc") + "'", Path.Combine(_root, "etc/actid") + "'", StringComparison.Ordinal));
        // PAM's settings go by sshd's own name: those of this machine stay as they are.
        File.Copy("/usr/sbin/sshd", Program);
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete($"/etc/pam.d/{_service}");
        if (_site is not null)
            await _site.DisposeAsync();
    }

    [Fact]
    [Trait("Case", "S15")]
    public async Task A_host_is_installed_checked_tells_of_logins_outlives_an_outage_and_is_as_before_when_it_is_uninstalled()
    {
        var (config, pam) = (await File.ReadAllTextAsync(Config), await File.ReadAllTextAsync(Pam));
        var key = await _sshd.NewKeyAsync("ed25519");
        var added = await _site.ApiAsync(HttpMethod.Post, "/api/v1/ssh-keys", new { name = "laptop", publicKey = (await File.ReadAllTextAsync($"{key}.pub")).Trim() });
        Assert.Equal(201, added.Status);
        var rescueKey = await RescueAsync();

        await DoneAsync("install", "--deny-user", _rescue, "--yes");
        Assert.Equal("root", (await Commands.TryRunAsync("stat", "-c", "%U", Path.Combine(_root, "etc/actid/cluster-key"))).Output.Trim());
        Assert.Equal((UnixFileMode)0b110_100_000, File.GetUnixFileMode(Path.Combine(_root, "etc/actid/cluster-key")));
        Assert.Equal(config, await File.ReadAllTextAsync(Config));
        var lines = await File.ReadAllLinesAsync(Pam);
        Assert.EndsWith($"{_sshd.Command} cluster report-login", lines[2], StringComparison.Ordinal);
        File.Copy(Pam, $"/etc/pam.d/{_service}");
        await _sshd.StartWithAsync(Config, Program);

        var check = await RunAsync("check", _site.Account);
        Assert.True(check.Code == 0, check.Output);
        foreach (var part in (string[])["The account exists", "sshd asks the server about this account", "knows 1 living key: ssh-ed25519 ada@laptop", "There is no copy for outages"])
            Assert.Contains(part, check.Output, StringComparison.Ordinal);
        Assert.True(await _sshd.LogInAsync(key) == _site.Account, _sshd.Log);
        Assert.Equal(_rescue, await _sshd.LogInAsync(rescueKey, _rescue));
        // PAM told of it; the server writes such things down every half minute.
        var used = added;
        for (var i = 0; i < 90 && !(used.Has("lastUsedOn") && used.Json.GetProperty("lastUsedOn").ValueKind == System.Text.Json.JsonValueKind.String); i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(0.5));
            used = await _site.ApiAsync(HttpMethod.Get, $"/api/v1/ssh-keys/{added.Text("id")}");
        }

        Assert.Equal(("frontier", "127.0.0.1"), (used.Text("lastUsedOn"), used.Text("lastUsedFrom")));

        await DoneAsync("pull");
        await DoneAsync("pull");
        check = await RunAsync("check", _site.Account);
        Assert.Contains("The copy for outages has the serial 1", check.Output, StringComparison.Ordinal);
        await _site.StopServerAsync();
        Assert.True(await _sshd.LogInAsync(key) == _site.Account, _sshd.Log);
        Assert.Contains("The copy on this host was used.", _sshd.Log, StringComparison.Ordinal);
        Assert.Null(await _sshd.LogInAsync(await _sshd.NewKeyAsync("ed25519")));
        Assert.Equal(0, (await RunAsync("check", _site.Account)).Code);

        // An account of the system, whatever its name.
        await Commands.RunAsync("usermod", "--non-unique", "-u", "987", _site.Account);
        Assert.Null(await _sshd.LogInAsync(key));
        // Whoever else has the number: a run that was killed leaves its account.
        await Commands.RunAsync("usermod", "--non-unique", "-u", "60123", _site.Account);
        Assert.Equal(_site.Account, await _sshd.LogInAsync(key));

        foreach (var file in Directory.GetFiles(Path.Combine(_root, "etc/actid/copy")))
            File.Delete(file);
        Assert.Null(await _sshd.LogInAsync(key));
        // The way in when nothing else works.
        Assert.Equal(_rescue, await _sshd.LogInAsync(rescueKey, _rescue));
        check = await RunAsync("check", _site.Account);
        Assert.Equal(1, check.Code);
        Assert.Contains("cannot be reached", check.Output, StringComparison.Ordinal);

        await DoneAsync("uninstall", "--yes");
        Assert.Equal((config, pam), (await File.ReadAllTextAsync(Config), await File.ReadAllTextAsync(Pam)));
        Assert.Empty(Directory.GetFiles(_root, "*actid*", SearchOption.AllDirectories));
        Assert.False(Directory.Exists(Path.Combine(_root, "etc/actid")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_root, "etc/ssh/sshd_config.d")));
    }

    [Fact]
    [Trait("Case", "S13")]
    public async Task Where_the_server_answers_nonsense_the_copy_lets_in_until_it_is_too_old_and_where_it_says_no_nobody_gets_in()
    {
        var key = await _sshd.NewKeyAsync("ed25519");
        var line = (await File.ReadAllTextAsync($"{key}.pub")).Trim();
        Assert.Equal(201, (await _site.ApiAsync(HttpMethod.Post, "/api/v1/ssh-keys", new { name = "laptop", publicKey = line })).Status);
        await DoneAsync("install", "--deny-user", _rescue, "--yes");
        await File.WriteAllTextAsync($"/etc/pam.d/{_service}", "account required pam_permit.so\nsession required pam_permit.so\n");
        await _sshd.StartWithAsync(Config, Program);
        await DoneAsync("pull");
        var pulled = Stopwatch.StartNew();
        await _site.StopServerAsync();
        await using var server = BrokenServer.At(_site.Server.Origin.Port);

        // Whoever answers so may be anybody: a proxy, a page of a hotel, a server that is ill.
        var keys = $$"""{"username":"{{_site.Account}}","keys":[{"publicKey":"{{line}}","fingerprint":"SHA256:x","expiresAt":null}]}""";
        foreach (var (what, fault) in new Dictionary<string, BrokenServer.Fault>
        {
            ["500"] = BrokenServer.Fault.Of("500 Internal Server Error", """{"title":"ill"}""", "application/problem+json"),
            ["502 of a proxy"] = BrokenServer.Fault.Of("502 Bad Gateway", "<html><body>Bad Gateway</body></html>", "text/html"),
            ["a page"] = BrokenServer.Fault.Of("200 OK", "<html><body>Welcome to our hotel</body></html>", "text/html"),
            ["half a line"] = BrokenServer.Fault.Of("200 OK", keys[..(keys.Length / 2)], length: keys.Length),
            ["half a head"] = new BrokenServer.Fault("HTTP/1.1 200 O"),
            ["nothing"] = new BrokenServer.Fault(""),
            ["a byte now and then"] = BrokenServer.Fault.Of("200 OK", keys, slowly: true),
        })
        {
            server.Answer(fault);
            var watch = Stopwatch.StartNew();
            Assert.True(await _sshd.LogInAsync(key) == _site.Account, $"{what}:\n{_sshd.Log}");
            Assert.True(server.Asked >= 1, what);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{what}: {watch.Elapsed}");
            Assert.Null(await _sshd.LogInAsync(await _sshd.NewKeyAsync("ed25519")));
        }

        // Who says no, or knows of no key, is believed.
        foreach (var fault in (BrokenServer.Fault[])[
            BrokenServer.Fault.Of("401 Unauthorized", "{}"), BrokenServer.Fault.Of("403 Forbidden", "{}"), BrokenServer.Fault.Of("404 Not Found", "{}"), BrokenServer.Fault.Of("429 Too Many Requests", "{}"),
            BrokenServer.Fault.Of("200 OK", $$"""{"username":"{{_site.Account}}","keys":[]}""")])
        {
            server.Answer(fault);
            Assert.True(await _sshd.LogInAsync(key) is null, fault.Bytes);
            Assert.True(server.Asked >= 1, fault.Bytes);
        }

        // Ten minutes after the last pull: by the clock of this host, as actid sees it. What came before took its time of them.
        server.Answer(BrokenServer.Fault.Of("500 Internal Server Error", "{}"));
        await _sshd.WriteCommandAsync(_sshd.Command, Path.Combine(_root, "etc/actid"), ahead: TimeSpan.FromMinutes(9) - pulled.Elapsed);
        Assert.True(await _sshd.LogInAsync(key) == _site.Account, _sshd.Log);
        await _sshd.WriteCommandAsync(_sshd.Command, Path.Combine(_root, "etc/actid"), ahead: TimeSpan.FromMinutes(10.5));
        Assert.Null(await _sshd.LogInAsync(key));
        Assert.Contains("may be used for 10 minutes only", _sshd.Log, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "S20")]
    public async Task What_sshd_would_not_run_or_not_obey_is_found_before_anything_is_changed()
    {
        var before = await StateAsync();
        // Modes, as sshd judges them.
        File.SetUnixFileMode(_sshd.Command, (UnixFileMode)0b111_111_101);
        await RefusedAsync("others may write to", "install", "--yes");
        File.SetUnixFileMode(_sshd.Command, (UnixFileMode)0b111_101_101);
        var open = Directory.CreateDirectory(Path.Combine(_sshd.Folder, "open")).FullName;
        File.SetUnixFileMode(open, (UnixFileMode)0b111_111_111);
        File.Copy(_sshd.Command, Path.Combine(open, "actid"));
        await RefusedAsync("others may write to", "install", "--yes", "--command", Path.Combine(open, "actid"));
        File.CreateSymbolicLink(Path.Combine(_sshd.Folder, "link"), Path.Combine(open, "actid"));
        await RefusedAsync("others may write to", "install", "--yes", "--command", Path.Combine(_sshd.Folder, "link"));
        await RefusedAsync("absolute path", "install", "--yes", "--command", "actid");
        await RefusedAsync("There is no /nowhere/actid", "install", "--yes", "--command", "/nowhere/actid");
        await Commands.RunAsync("chown", "daemon", _sshd.Command);
        await RefusedAsync("is not root's", "install", "--yes");
        await Commands.RunAsync("chown", "root", _sshd.Command);

        await RefusedAsync("There is no group 'nobodys-group'", "install", "--yes", "--allow-group", "nobodys-group");
        await RefusedAsync("is no name", "install", "--yes", "--deny-user", "a,!b");
        var other = Path.Combine(_root, "etc/ssh/sshd_config.d/05-other.conf");
        await File.WriteAllTextAsync(other, "AuthorizedKeysCommand /usr/bin/google_authorized_keys\nAuthorizedKeysCommandUser root\n");
        await RefusedAsync("Google's OS Login", "install", "--yes");
        // One that only sshd itself can find: everything that was written by then goes again.
        await File.WriteAllTextAsync(other, "Match User *\n    AuthorizedKeysCommand /bin/true\n    AuthorizedKeysCommandUser root\n");
        await RefusedAsync("another Match comes first", "install", "--yes");
        await File.WriteAllTextAsync(other, "NoSuchSetting yes\n");
        await RefusedAsync("sshd does not take its own settings", "install", "--yes");
        File.Delete(other);

        var (code, output) = await Commands.TryRunAsync(_sshd.Command, "pwt_nonsense\n", ["cluster", "install", "--root", _root, "--command", _sshd.Command, "--account", "root", "--yes"]);
        Assert.True(code == 2, output);
        (code, output) = await Commands.TryRunAsync(_sshd.Command, _site.Session + "\n", ["cluster", "install", "--root", _root, "--command", _sshd.Command, "--account", "root", "--yes"]);
        Assert.True(code == 2, output);
        Assert.Equal(before, await StateAsync());

        // sshd before 8.2 includes nothing.
        await File.WriteAllTextAsync(Config, string.Join('\n', (await File.ReadAllLinesAsync(Config)).Where(line => !line.StartsWith("Include", StringComparison.Ordinal))) + "\n");
        before = await StateAsync();
        await DoneAsync("install", "--yes");
        Assert.Contains("BEGIN actid", await File.ReadAllTextAsync(Config), StringComparison.Ordinal);
        var once = await File.ReadAllTextAsync(Config);
        await DoneAsync("install", "--yes");
        Assert.Equal(once, await File.ReadAllTextAsync(Config));
        await DoneAsync("uninstall", "--yes");
        Assert.Equal(before, await StateAsync());
    }

    private async Task<string> StateAsync() => string.Join('\n', await Task.WhenAll(Directory.GetFiles(_root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(async file => $"{file} {File.GetUnixFileMode(file)} {await File.ReadAllTextAsync(file)}")));

    /// <summary>An account that the server is not asked about, with a key in a file of its own.</summary>
    private async Task<string> RescueAsync()
    {
        var home = Directory.CreateDirectory(Path.Combine(_sshd.Folder, "rescue"), (UnixFileMode)0b111_101_101).FullName;
        await _sshd.AddAccountAsync(_rescue, home);
        var key = await _sshd.NewKeyAsync("ed25519");
        Directory.CreateDirectory(Path.Combine(home, ".ssh"), (UnixFileMode)0b111_000_000);
        File.Copy($"{key}.pub", Path.Combine(home, ".ssh/authorized_keys"));
        await Commands.RunAsync("chown", "-R", _rescue, home);
        return key;
    }

    private Task<(int Code, string Output)> RunAsync(string verb, params string[] arguments)
    {
        string[] place = verb == "pull" ? [] : ["--root", _root, .. arguments.Contains("--command") ? [] : (string[])["--command", _sshd.Command], "--account", "root"];
        return Commands.TryRunAsync(_sshd.Command, verb == "install" ? _site.Cluster.Text("key") + "\n" : "", ["cluster", verb, .. arguments, .. place]);
    }

    private async Task DoneAsync(string verb, params string[] arguments)
    {
        var (code, output) = await RunAsync(verb, arguments);
        Assert.True(code == 0, $"{verb}: {code} {output}");
    }

    private async Task RefusedAsync(string because, string verb, params string[] arguments)
    {
        var (code, output) = await RunAsync(verb, arguments);
        Assert.True(code is 1 or 2 && output.Contains(because, StringComparison.Ordinal), $"{because}: {code} {output}");
        Assert.DoesNotContain(_site.Cluster.Text("key"), output, StringComparison.Ordinal);
    }

}
