using System.Runtime.Versioning;
using Activate.Identity.EndToEnd.Tests.Web;
using Activate.Identity.Testing;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>The last sentences of the manual with everything real: the server as it is shipped, a key added in the browser, sshd, ssh.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ManualLoginTests : IAsyncLifetime
{
    // A Unix account of this name is made, and removed again.
    private readonly Site _site = new() { Owner = ClusterSite.NewAccount() };
    private Window _window = null!;
    private Sshd _sshd = null!;

    public async ValueTask InitializeAsync()
    {
        await _site.InitializeAsync();
        _window = await _site.OpenAsync();
        await _window.SignInAsync();
        var cluster = await _site.ApiAsync(HttpMethod.Post, "/api/v1/organization/clusters", await _site.LoginWithDeviceAsync(_window), new { name = "democluster", address = "127.0.0.1" });
        _sshd = await Sshd.PrepareAsync(_site.Owner, cluster.Text("key"));
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
}
