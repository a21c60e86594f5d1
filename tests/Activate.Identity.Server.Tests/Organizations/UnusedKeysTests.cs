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
public class UnusedKeysTests
{
    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
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
    public async Task A_lookup_by_a_cluster_is_a_use_of_the_key_it_asks_for()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var one = await server.PostAsync("/api/v1/ssh-keys", session, new { name = "one", publicKey = SshTestKeys.Ed25519() });
        var two = await server.PostAsync("/api/v1/ssh-keys", session, new { name = "two", publicKey = SshTestKeys.Ed25519() });
        var cluster = (await server.PostAsync("/api/v1/organization/clusters", session, new { name = "c", address = "c.example.test" })).Text("key");
        Assert.Equal(200, (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}?fingerprint={Uri.EscapeDataString(one.Text("fingerprint"))}", cluster)).Status);
        await server.FlushLastUsesAsync();
        Assert.NotNull((await server.GetAsync($"/api/v1/ssh-keys/{one.Text("id")}", session)).Json.Time("lastUsedAt"));
        Assert.Null((await server.GetAsync($"/api/v1/ssh-keys/{two.Text("id")}", session)).Json.Time("lastUsedAt"));
        // Without a fingerprint nobody knows which, and none that is in use may end.
        Assert.Equal(200, (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", cluster)).Status);
        await server.FlushLastUsesAsync();
        Assert.NotNull((await server.GetAsync($"/api/v1/ssh-keys/{two.Text("id")}", session)).Json.Time("lastUsedAt"));
    }
}
