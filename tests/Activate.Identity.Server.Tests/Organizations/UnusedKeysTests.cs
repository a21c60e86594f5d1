using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>Keys that nobody uses end, and none that somebody uses.</summary>
[Trait("Database", "Differs")]
public class UnusedKeysTests
{
    [Theory]
    [EachDatabase]
    public async Task What_the_preview_shows_ends_once_on_two_nodes_and_what_is_used_lives_on(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider, FakeClock = true });
        var (organization, owner, first) = await server.AddOrganizationAsync();
        var endless = (int?)null;
        var used = await server.CreateApiKeyAsync(first, "used", new { name = "used", expiresInDays = endless });
        var forgotten = await server.CreateApiKeyAsync(first, "forgotten", new { name = "forgotten", expiresInDays = endless });
        var ssh = await server.PostAsync("/api/v1/ssh-keys", first, new { name = "old laptop", publicKey = SshTestKeys.Ed25519() });
        var shown = await server.PostAsync("/api/v1/ssh-keys", first, new { name = "laptop", publicKey = SshTestKeys.Ed25519() });
        var cluster = await server.PostAsync("/api/v1/organization/clusters", first, new { name = "c", address = "c.example.test" });
        Assert.Equal((201, 201, 201), (ssh.Status, shown.Status, cluster.Status));
        server.Clock!.Advance(TimeSpan.FromDays(31));
        var session = await server.GrantAsync(owner.Id);
        // Noted in the memory of one node, and not written yet.
        Assert.Equal(200, (await server.GetAsync("/api/v1/me", used.Key)).Status);
        await server.QueryAsync(database => database.SshKeys.Where(k => k.Id == Guid.Parse(shown.Text("id"))).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, server.Now)));
        await server.FlushLastUsesAsync();

        var policy = new { unused = new { endAfterDays = 30 } };
        var preview = await server.PreviewAsync(session, policy, "keep");
        Assert.Equal(new[] { forgotten.Id, ssh.Text("id") }.Order(StringComparer.Ordinal), preview.Json.GetProperty("affected").EnumerateArray().Select(item => item.GetProperty("id").GetString()).Order(StringComparer.Ordinal));
        Assert.All(preview.Json.GetProperty("affected").EnumerateArray(), item => Assert.Equal("unused", item.GetProperty("because").GetString()));
        Assert.Equal((1, 1), (preview.Json.GetProperty("counts").GetProperty("apiKey").GetInt32(), preview.Json.GetProperty("counts").GetProperty("sshKey").GetInt32()));
        Assert.Equal(200, (await server.SetPolicyAsync(session, policy)).Status);
        await Task.WhenAll(server.Services(0).GetRequiredService<UnusedKeys>().EndAsync(default), server.Services(1).GetRequiredService<UnusedKeys>().EndAsync(default));

        Assert.Equal(200, (await server.GetAsync("/api/v1/me", used.Key)).Status);
        (await server.GetAsync("/api/v1/me", forgotten.Key)).AssertProblem(401, "invalid_credential");
        var key = await server.GetAsync($"/api/v1/api-keys/{forgotten.Id}", session);
        Assert.Equal(("expired", "unused"), (key.Text("state"), key.Text("expiresBecause")));
        var why = await server.GetAsync($"/api/v1/organization/credentials/api-keys/{forgotten.Id}/explain", session);
        Assert.Equal("unused", why.Text("code"));
        Assert.Contains("Your organization's policy ends API keys and SSH keys that nobody used for 30 days.", why.Text("detail"), StringComparison.Ordinal);
        var events = await server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == organization.Id && (e.Type == AuditTypes.ApiKeyUnused || e.Type == AuditTypes.SshKeyUnused)).ToListAsync());
        Assert.Equal([AuditTypes.ApiKeyUnused, AuditTypes.SshKeyUnused], events.Select(e => e.Type).Order());
        Assert.All(events, e => Assert.Equal((null, "not used for 30 days"), (e.ActorId, e.Detail)));
        Assert.Equal(1, await server.QueryAsync(database => database.SshKeys.CountAsync(k => k.OwnerId == owner.Id && k.ExpiresBecause == ExpiresBecause.Unused)));
    }

    [Fact]
    public async Task A_lookup_is_no_use_and_a_login_that_a_cluster_tells_of_is_one()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var ids = new Dictionary<string, string>();
        var prints = new Dictionary<string, string>();
        foreach (var name in (string[])["one", "two"])
        {
            var added = await server.PostAsync("/api/v1/ssh-keys", session, new { name, publicKey = SshTestKeys.Ed25519() });
            (ids[name], prints[name]) = (added.Text("id"), added.Text("fingerprint"));
        }

        var cluster = await server.PostAsync("/api/v1/organization/clusters", session, new { name = "frontier", address = "c.example.test" });
        var (key, logins) = (cluster.Text("key"), $"/api/v1/authorized-keys/{owner.UserName}/logins");
        Assert.Equal(200, (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}?fingerprint={Uri.EscapeDataString(prints["one"])}", key)).Status);
        Assert.Equal(200, (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", key)).Status);
        await server.FlushLastUsesAsync();
        Assert.Null((await server.GetAsync($"/api/v1/ssh-keys/{ids["one"]}", session)).Json.Time("lastUsedAt"));
        Assert.Null((await server.GetAsync($"/api/v1/organization/clusters/{cluster.Text("id")}", session)).Json.Time("reportsSince"));

        Assert.Equal(204, (await server.PostAsync(logins, key, new { fingerprint = prints["one"], address = "192.0.2.7" })).Status);
        // Somebody unknown, and a key that is nobody's: the same answer, and nothing noted of it.
        Assert.Equal(204, (await server.PostAsync("/api/v1/authorized-keys/nobody-at-all/logins", key, new { fingerprint = prints["two"] })).Status);
        Assert.Equal(204, (await server.PostAsync(logins, key, new { fingerprint = SshTestKeys.FingerprintOf(SshTestKeys.Ed25519()) })).Status);
        await server.FlushLastUsesAsync();
        var used = await server.GetAsync($"/api/v1/ssh-keys/{ids["one"]}", session);
        Assert.Equal((server.Now, "192.0.2.7", "frontier"), (used.Json.Time("lastUsedAt"), used.Text("lastUsedFrom"), used.Text("lastUsedOn")));
        Assert.Null((await server.GetAsync($"/api/v1/ssh-keys/{ids["two"]}", session)).Json.Time("lastUsedAt"));
        var shown = await server.GetAsync($"/api/v1/organization/clusters/{cluster.Text("id")}", session);
        Assert.Equal((server.Now, server.Now), (shown.Json.Time("reportsSince"), shown.Json.Time("lastReportAt")));

        (await server.PostAsync(logins, key, new { fingerprint = "SHA256:x" })).AssertProblem(400, "fingerprint_invalid", "fingerprint");
        (await server.PostAsync(logins, key, new { fingerprint = prints["one"], address = "gateway.example.org" })).AssertProblem(400, "address_invalid", "address");
        (await server.PostAsync(logins, session, new { fingerprint = prints["one"] })).AssertProblem(403, "insufficient_scope");
        // Another organization's cluster says what it likes.
        var (_, _, foreign) = await server.AddOrganizationAsync();
        var other = (await server.PostAsync("/api/v1/organization/clusters", foreign, new { name = "theirs", address = "c.example.test" })).Text("key");
        Assert.Equal(204, (await server.PostAsync(logins, other, new { fingerprint = prints["two"] })).Status);
        await server.FlushLastUsesAsync();
        Assert.Null((await server.GetAsync($"/api/v1/ssh-keys/{ids["two"]}", session)).Json.Time("lastUsedAt"));
    }

    [Fact]
    public async Task No_SSH_key_ends_as_unused_while_a_cluster_that_asks_does_not_tell_who_got_in()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var key = await server.PostAsync("/api/v1/ssh-keys", session, new { name = "laptop", publicKey = SshTestKeys.Ed25519() });
        var other = await server.PostAsync("/api/v1/ssh-keys", session, new { name = "old", publicKey = SshTestKeys.Ed25519() });
        var talks = (await server.PostAsync("/api/v1/organization/clusters", session, new { name = "talks", address = "a.example.test" })).Text("key");
        var silent = await server.PostAsync("/api/v1/organization/clusters", session, new { name = "silent", address = "b.example.test" });
        var policy = new { unused = new { endAfterDays = 30 } };
        await TellAsync(talks);
        await LookUpAsync(silent.Text("key"));
        server.Clock!.Advance(TimeSpan.FromDays(32));
        await TellAsync(talks);
        await LookUpAsync(silent.Text("key"));
        session = await server.GrantAsync(owner.Id);
        Assert.Equal(0, await HitAsync());

        // It begins to tell: what happened before is still not known, and after the time of the policy it is.
        await TellAsync(silent.Text("key"));
        Assert.Equal(0, await HitAsync());
        server.Clock!.Advance(TimeSpan.FromDays(32));
        await TellAsync(talks);
        await LookUpAsync(silent.Text("key"));
        session = await server.GrantAsync(owner.Id);
        // Asked, and silent all that time: the hook may be gone.
        Assert.Equal(0, await HitAsync());
        await TellAsync(silent.Text("key"));
        Assert.Equal(1, await HitAsync());
        Assert.Equal(200, (await server.SetPolicyAsync(session, policy)).Status);
        await server.Services().GetRequiredService<UnusedKeys>().EndAsync(default);
        Assert.Equal("active", (await server.GetAsync($"/api/v1/ssh-keys/{key.Text("id")}", session)).Text("state"));
        Assert.Equal("unused", (await server.GetAsync($"/api/v1/ssh-keys/{other.Text("id")}", session)).Text("expiresBecause"));

        async Task TellAsync(string cluster)
        {
            Assert.Equal(204, (await server.PostAsync($"/api/v1/authorized-keys/{owner.UserName}/logins", cluster, new { fingerprint = key.Text("fingerprint") })).Status);
            await server.FlushLastUsesAsync();
        }

        async Task LookUpAsync(string cluster)
        {
            Assert.Equal(200, (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", cluster)).Status);
            await server.FlushLastUsesAsync();
        }

        async Task<int> HitAsync() => (await server.PreviewAsync(session, policy, "keep")).Json.GetProperty("counts").GetProperty("sshKey").GetInt32();
    }
}
