using System.Runtime.Versioning;
using System.Text.Json;
using Activate.Identity.Data;
using Activate.Identity.EndToEnd.Tests.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>The last sentences of the manual with everything real: a key added in the browser, sshd, ssh.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SshLoginTests : IAsyncLifetime
{
    // A Unix account of this name is made, and removed again.
    private readonly Site _site = new() { Owner = $"e2e{Guid.NewGuid():N}"[..16] };
    private Window _window = null!;
    private Sshd _sshd = null!;
    private Answer _cluster = null!;
    private string _session = "";

    public async ValueTask InitializeAsync()
    {
        await _site.InitializeAsync();
        _window = await _site.OpenAsync();
        await _window.SignInAsync();
        _session = await _site.LoginWithDeviceAsync(_window);
        _cluster = await _site.ApiAsync(HttpMethod.Post, "/api/v1/organization/clusters", _session, new { name = "democluster", address = "127.0.0.1" });
        _sshd = await Sshd.PrepareAsync(_site.Owner, _cluster.Text("key"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_sshd is not null)
            await _sshd.DisposeAsync();
        if (_window is not null)
            await _window.DisposeAsync();
        await _site.DisposeAsync();
    }

    [Fact]
    [Trait("Case", "S15")]
    public async Task A_key_added_in_the_browser_lets_ssh_in_and_once_deleted_it_does_not()
    {
        await _sshd.StartAsync();
        (string Name, string File)[] keys =
        [
            ("ed25519", await _sshd.NewKeyAsync("ed25519")), ("ecdsa 256", await _sshd.NewKeyAsync("ecdsa", "-b", "256")), ("ecdsa 521", await _sshd.NewKeyAsync("ecdsa", "-b", "521")),
            ("rsa", await _sshd.NewKeyAsync("rsa", "-b", "2048")),
        ];
        foreach (var (name, file) in keys)
        {
            Assert.Null(await _sshd.LogInAsync(file));
            await AddInBrowserAsync(name, file);
            Assert.True(await _sshd.LogInAsync(file) == _site.Owner, $"{name} is not let in:\n{_sshd.Log}");
        }

        var page = _window.Page;
        await page.GotoAsync("/account/authentication/ssh-keys");
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete ed25519" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete SSH Key" }).ClickAsync();
        await Assertions.Expect(page.GetByText("The SSH key “ed25519” was deleted.")).ToBeVisibleAsync();
        Assert.Null(await _sshd.LogInAsync(keys[0].File));
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(keys[^1].File));

        // Without the server nobody gets in: no doubt is ever decided for the one who knocks.
        await _site.Server.KillAsync();
        Assert.Null(await _sshd.LogInAsync(keys[^1].File));
        Assert.Contains("cannot be reached", _sshd.Log, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "S20")]
    public async Task Sshd_runs_the_command_only_from_a_place_that_nobody_else_can_change()
    {
        var key = await _sshd.NewKeyAsync("ed25519");
        await AddInBrowserAsync("laptop", key);
        await _sshd.StartAsync();
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(key));

        File.SetUnixFileMode(_sshd.Command, (UnixFileMode)0b111_111_111);
        Assert.Null(await _sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", _sshd.Log, StringComparison.Ordinal);
        File.SetUnixFileMode(_sshd.Command, (UnixFileMode)0b111_101_101);

        var inTmp = Path.Combine(Path.GetTempPath(), $"actid-{Guid.NewGuid():N}");
        await _sshd.WriteCommandAsync(inTmp);
        await _sshd.StartAsync(inTmp);
        Assert.Null(await _sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", _sshd.Log, StringComparison.Ordinal);

        var link = Path.Combine(_sshd.Folder, "link");
        File.CreateSymbolicLink(link, inTmp);
        await _sshd.StartAsync(link);
        Assert.Null(await _sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", _sshd.Log, StringComparison.Ordinal);
        File.Delete(inTmp);

        var folder = Directory.CreateDirectory(Path.Combine(_sshd.Folder, "open"), (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_111_111);
        await _sshd.WriteCommandAsync(Path.Combine(folder.FullName, "actid"));
        await _sshd.StartAsync(Path.Combine(folder.FullName, "actid"));
        Assert.Null(await _sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", _sshd.Log, StringComparison.Ordinal);

        await _sshd.StartAsync();
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(key));
    }

    [Fact]
    public async Task A_security_key_of_either_kind_lets_ssh_in()
    {
        await _sshd.StartAsync();
        foreach (var make in (Func<string, SecurityKey>[])[SecurityKey.Ed25519, SecurityKey.Ecdsa])
        {
            await using var key = make(_sshd.Folder);
            Assert.Null(await _sshd.LogInByAgentAsync(key.AgentSocket));
            await AddAsync(_session, key.PublicKey);
            Assert.True(await _sshd.LogInByAgentAsync(key.AgentSocket) == _site.Owner, $"{key.PublicKey} is not let in:\n{_sshd.Log}");
        }
    }

    [Fact]
    [Trait("Case", "S17")]
    public async Task A_key_that_expired_a_key_that_was_cut_and_a_member_who_left_are_out_at_the_next_login()
    {
        await _sshd.StartAsync();
        var (expired, cut, kept) = (await _sshd.NewKeyAsync("ed25519"), await _sshd.NewKeyAsync("ed25519"), await _sshd.NewKeyAsync("ed25519"));
        var (expiredId, cutId) = (await AddFileAsync(_session, expired), await AddFileAsync(_session, cut));
        await AddFileAsync(_session, kept);
        foreach (var key in (string[])[expired, cut, kept])
            Assert.Equal(_site.Owner, await _sshd.LogInAsync(key));

        // What ten days would do.
        await _site.WithServicesAsync(async services =>
        {
            var database = services.GetRequiredService<ActivateDbContext>();
            var then = services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime.AddDays(-10);
            await database.SshKeys.Where(key => key.Id == expiredId).ExecuteUpdateAsync(set => set.SetProperty(key => key.ExpiresAt, then));
            await database.SshKeys.Where(key => key.Id == cutId).ExecuteUpdateAsync(set => set.SetProperty(key => key.CreatedAt, then).SetProperty(key => key.FirstAddedAt, then));
        });
        Assert.Null(await _sshd.LogInAsync(expired));
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(cut));
        await ShortenAsync("""{"sshKeys":{"userChoice":true,"maximumDays":7,"defaultDays":7}}""");
        Assert.Null(await _sshd.LogInAsync(cut));
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(kept));

        var member = $"e2e{Guid.NewGuid():N}"[..16];
        await _site.AddMemberAsync(member);
        await _sshd.AddAccountAsync(member);
        await using var theirs = await _site.OpenAsync(username: member);
        await theirs.SignInAsync();
        var key3 = await _sshd.NewKeyAsync("ed25519");
        await AddFileAsync(await _site.LoginWithDeviceAsync(theirs), key3);
        Assert.Equal(member, await _sshd.LogInAsync(key3, member));
        var members = (await _site.ApiAsync(HttpMethod.Get, "/api/v1/organization/members", _session)).Json.GetProperty("items");
        var id = members.EnumerateArray().Single(item => item.GetProperty("username").GetString() == member).GetProperty("id").GetString();
        Assert.Equal(204, (await _site.ApiAsync(HttpMethod.Delete, $"/api/v1/organization/members/{id}", _session)).Status);
        Assert.Null(await _sshd.LogInAsync(key3, member));
    }

    [Fact]
    public async Task Who_may_log_in_and_with_which_account_is_obeyed_by_the_next_login()
    {
        var item = $"/api/v1/organization/clusters/{_cluster.Text("id")}";
        var key = await _sshd.NewKeyAsync("ed25519");
        await AddInBrowserAsync("laptop", key);
        await _sshd.StartAsync();
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(key));
        await ChangeAsync(HttpMethod.Patch, item, new { access = new { mode = "roles", roles = new[] { "member" } } });
        Assert.Null(await _sshd.LogInAsync(key));
        await ChangeAsync(HttpMethod.Patch, item, new { access = new { mode = "users", usernames = new[] { _site.Owner } } });
        Assert.Equal(_site.Owner, await _sshd.LogInAsync(key));

        var unix = $"x{Guid.NewGuid():N}"[..16];
        await using var other = await Sshd.PrepareAsync(unix, _cluster.Text("key"));
        await other.StartAsync();
        Assert.Null(await other.LogInAsync(key));
        await ChangeAsync(HttpMethod.Put, $"{item}/accounts", new Dictionary<string, string> { [_site.Owner] = unix });
        Assert.Equal(unix, await other.LogInAsync(key));
        Assert.Null(await _sshd.LogInAsync(key));

        async Task ChangeAsync(HttpMethod method, string path, object body) => Assert.Equal(200, (await _site.ApiAsync(method, path, _session, body)).Status);
    }

    private async Task AddInBrowserAsync(string name, string privateKey)
    {
        var page = _window.Page;
        await page.GotoAsync("/account/authentication/ssh-keys");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
        await page.GetByLabel("Key Name").FillAsync(name);
        await page.GetByLabel("Key", new() { Exact = true }).FillAsync(await File.ReadAllTextAsync($"{privateKey}.pub"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
        await Assertions.Expect(page.GetByText("You can now log in to any active cluster.")).ToBeVisibleAsync();
    }

    private async Task<Guid> AddFileAsync(string session, string privateKey) => await AddAsync(session, (await File.ReadAllTextAsync($"{privateKey}.pub")).Trim());

    private async Task<Guid> AddAsync(string session, string publicKey)
    {
        var added = await _site.ApiAsync(HttpMethod.Post, "/api/v1/ssh-keys", session, new { name = $"key {Guid.NewGuid():N}", publicKey });
        Assert.True(added.Status == 201, added.ToString());
        return Guid.Parse(added.Text("id"));
    }

    /// <summary>A stricter policy that counts for what is there, too.</summary>
    private async Task ShortenAsync(string policy)
    {
        var before = await _site.ApiAsync(HttpMethod.Get, "/api/v1/organization/policy", _session);
        var body = new { policy = JsonSerializer.Deserialize<JsonElement>(policy), existing = new { mode = "shorten", graceDays = 0 } };
        var changed = await _site.ApiAsync(HttpMethod.Put, "/api/v1/organization/policy", _session, body, before.Header("ETag"));
        Assert.True(changed.Status == 200, changed.ToString());
    }
}
