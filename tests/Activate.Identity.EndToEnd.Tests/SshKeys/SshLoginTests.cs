using System.Runtime.Versioning;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>Who gets in with which key, and what sshd itself asks for: our server, <c>actid</c>, ssh and sshd.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class SshLoginTests : IAsyncLifetime
{
    private ClusterSite _site = null!;

    private Sshd Sshd => _site.Sshd;

    public async ValueTask InitializeAsync() => _site = await ClusterSite.StartAsync();

    public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? default;

    [Fact]
    [Trait("Case", "S20")]
    public async Task Sshd_runs_the_command_only_from_a_place_that_nobody_else_can_change()
    {
        var key = await Sshd.NewKeyAsync("ed25519");
        await _site.AddKeyFileAsync(key);
        await Sshd.StartAsync();
        Assert.Equal(_site.Account, await Sshd.LogInAsync(key));

        File.SetUnixFileMode(Sshd.Command, (UnixFileMode)0b111_111_111);
        Assert.Null(await Sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", Sshd.Log, StringComparison.Ordinal);
        File.SetUnixFileMode(Sshd.Command, (UnixFileMode)0b111_101_101);

        var inTmp = Path.Combine(Path.GetTempPath(), $"actid-{Guid.NewGuid():N}");
        await Sshd.WriteCommandAsync(inTmp);
        await Sshd.StartAsync(inTmp);
        Assert.Null(await Sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", Sshd.Log, StringComparison.Ordinal);

        var link = Path.Combine(Sshd.Folder, "link");
        File.CreateSymbolicLink(link, inTmp);
        await Sshd.StartAsync(link);
        Assert.Null(await Sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", Sshd.Log, StringComparison.Ordinal);
        File.Delete(inTmp);

        var folder = Directory.CreateDirectory(Path.Combine(Sshd.Folder, "open"), (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_111_111);
        await Sshd.WriteCommandAsync(Path.Combine(folder.FullName, "actid"));
        await Sshd.StartAsync(Path.Combine(folder.FullName, "actid"));
        Assert.Null(await Sshd.LogInAsync(key));
        Assert.Contains("Unsafe AuthorizedKeysCommand", Sshd.Log, StringComparison.Ordinal);

        await Sshd.StartAsync();
        Assert.Equal(_site.Account, await Sshd.LogInAsync(key));
    }

    [Fact]
    public async Task A_security_key_of_either_kind_lets_ssh_in()
    {
        await Sshd.StartAsync();
        foreach (var make in (Func<string, SecurityKey>[])[SecurityKey.Ed25519, SecurityKey.Ecdsa])
        {
            await using var key = make(Sshd.Folder);
            Assert.Null(await Sshd.LogInByAgentAsync(key.AgentSocket));
            await _site.AddKeyAsync(key.PublicKey);
            Assert.True(await Sshd.LogInByAgentAsync(key.AgentSocket) == _site.Account, $"{key.PublicKey} is not let in:\n{Sshd.Log}");
        }
    }

    [Fact]
    [Trait("Case", "S17")]
    public async Task A_key_that_expired_a_key_that_was_cut_and_a_member_who_left_are_out_at_the_next_login()
    {
        await Sshd.StartAsync();
        var (expired, cut, kept) = (await Sshd.NewKeyAsync("ed25519"), await Sshd.NewKeyAsync("ed25519"), await Sshd.NewKeyAsync("ed25519"));
        var (expiredId, cutId) = (await _site.AddKeyFileAsync(expired), await _site.AddKeyFileAsync(cut));
        await _site.AddKeyFileAsync(kept);
        foreach (var key in (string[])[expired, cut, kept])
            Assert.Equal(_site.Account, await Sshd.LogInAsync(key));

        // What ten days would do.
        var then = _site.Server.Now.AddDays(-10);
        await _site.Server.QueryAsync(database => database.SshKeys.Where(key => key.Id == expiredId).ExecuteUpdateAsync(set => set.SetProperty(key => key.ExpiresAt, then)));
        await _site.Server.QueryAsync(database => database.SshKeys.Where(key => key.Id == cutId).ExecuteUpdateAsync(set => set.SetProperty(key => key.CreatedAt, then).SetProperty(key => key.FirstAddedAt, then)));
        Assert.Null(await Sshd.LogInAsync(expired));
        Assert.Equal(_site.Account, await Sshd.LogInAsync(cut));
        var changed = await _site.Server.SetPolicyAsync(_site.Session, new { sshKeys = new { userChoice = true, maximumDays = 7, defaultDays = 7 } }, "shorten");
        Assert.True(changed.Status == 200, changed.ToString());
        Assert.Null(await Sshd.LogInAsync(cut));
        Assert.Equal(_site.Account, await Sshd.LogInAsync(kept));

        var member = ClusterSite.NewAccount();
        var user = await _site.Server.AddUserAsync(Role.Member, member);
        await Sshd.AddAccountAsync(member);
        var key3 = await Sshd.NewKeyAsync("ed25519");
        await _site.AddKeyFileAsync(key3, await _site.Server.GrantAsync(user.Id));
        Assert.Equal(member, await Sshd.LogInAsync(key3, member));
        Assert.Equal(204, (await _site.ApiAsync(HttpMethod.Delete, $"/api/v1/organization/members/{user.Id}")).Status);
        Assert.Null(await Sshd.LogInAsync(key3, member));
    }

    [Fact]
    public async Task Who_may_log_in_and_with_which_account_is_obeyed_by_the_next_login()
    {
        var item = _site.ClusterPath;
        var key = await Sshd.NewKeyAsync("ed25519");
        await _site.AddKeyFileAsync(key);
        await Sshd.StartAsync();
        Assert.Equal(_site.Account, await Sshd.LogInAsync(key));
        await ChangeAsync(HttpMethod.Patch, item, new { access = new { mode = "roles", roles = new[] { "member" } } });
        Assert.Null(await Sshd.LogInAsync(key));
        await ChangeAsync(HttpMethod.Patch, item, new { access = new { mode = "users", usernames = new[] { _site.Account } } });
        Assert.Equal(_site.Account, await Sshd.LogInAsync(key));

        var unix = $"x{Guid.NewGuid():N}"[..16];
        await using var other = await Sshd.PrepareAsync(unix, _site.Cluster.Text("key"));
        await other.StartAsync();
        Assert.Null(await other.LogInAsync(key));
        await ChangeAsync(HttpMethod.Put, $"{item}/accounts", new Dictionary<string, string> { [_site.Account] = unix });
        Assert.Equal(unix, await other.LogInAsync(key));
        Assert.Null(await Sshd.LogInAsync(key));

        async Task ChangeAsync(HttpMethod method, string path, object body) => Assert.Equal(200, (await _site.ApiAsync(method, path, body)).Status);
    }
}
