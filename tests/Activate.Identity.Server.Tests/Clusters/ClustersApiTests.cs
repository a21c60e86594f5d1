using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Clusters;

[Trait("Database", "Differs")]
public class ClustersApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organization/clusters";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_cluster_is_registered_with_a_key_shown_once_and_deleted_with_it()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var created = await _server.PostAsync(Path, session, new { name = "Frontier", address = "login.frontier.example.test", access = new { mode = "everyone" } });
        Assert.Equal(201, created.Status);
        var item = $"{Path}/{created.Text("id")}";
        Assert.Equal(item, created.Response.Headers.Location?.OriginalString);
        Assert.False((await _server.GetAsync(item, session)).Has("key"));
        Assert.DoesNotContain(created.Text("key"), (await _server.GetAsync(Path, session)).Body, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", created.Text("key"))).Status);
        (await _server.PostAsync(Path, session, new { name = "FRONTIER", address = "x.example.test" })).AssertProblem(409, "name_taken", "name");
        Assert.Equal(1, await _server.QueryAsync(database => database.Users.CountAsync(u => u.OrganizationId == organization.Id && u.Kind == UserKind.ServiceAccount)));

        var (_, _, stranger) = await _server.AddOrganizationAsync();
        (await _server.GetAsync(item, stranger)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync(item, stranger)).AssertProblem(404, "not_found");
        Assert.Equal(204, (await _server.DeleteAsync(item, session)).Status);
        (await _server.GetAsync("/api/v1/me", created.Text("key"))).AssertProblem(401);
        Assert.Equal(0, await _server.QueryAsync(database => database.Users.CountAsync(u => u.OrganizationId == organization.Id && u.Kind == UserKind.ServiceAccount)));
    }

    [Theory]
    [InlineData("", "name_required", "name")]
    [InlineData("ok", "address_invalid", "address", "")]
    [InlineData("ok", "address_invalid", "address", "host:22")]
    [InlineData("ok", "address_invalid", "address", "https://host/")]
    [InlineData("ok", "address_invalid", "address", "two words")]
    [InlineData("ok", "address_invalid", "address", "::1%$(id)")]
    [InlineData("ok", "address_invalid", "address", "::1%\0x")]
    public async Task What_is_no_name_or_address_is_refused(string name, string code, string field, string address = "host")
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        (await _server.PostAsync(Path, session, new { name, address })).AssertProblem(400, code, field);
    }

    [Fact]
    public async Task Only_an_administrator_who_signed_in_registers_and_deletes_clusters()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (_, member) = await _server.AddPersonAsync(Role.Member, organization.Id);
        (await _server.PostAsync(Path, member, new { name = "c", address = "c.example.test" })).AssertProblem(403, "insufficient_scope");
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "organization:read", "organization:write" } })).Key;
        (await _server.PostAsync(Path, key, new { name = "c", address = "c.example.test" })).AssertProblem(403, "interactive_sign_in_required");
        var id = (await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" })).Text("id");
        (await _server.DeleteAsync($"{Path}/{id}", key)).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(1, (await _server.GetAsync(Path, member)).Items());
    }

    [Fact]
    public async Task The_key_of_a_cluster_lives_as_long_as_the_policy_allows()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        Assert.Null(await EndAsync("free"));
        await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 90 } });
        Assert.Equal(90, await EndAsync("bound"));
        await _server.SetPolicyAsync(session, new { apiKeys = new { userChoice = false, maximumDays = 90, defaultDays = 14 } });
        Assert.Equal(14, await EndAsync("given"));

        async Task<double?> EndAsync(string name)
        {
            var key = (await _server.PostAsync(Path, session, new { name, address = "c.example.test" })).Text("key");
            var end = (await _server.GetAsync("/api/v1/me", key)).Json.GetProperty("credential").Time("expiresAt");
            return end is { } at ? Math.Round((at - _server.Now).TotalDays) : null;
        }
    }

    [Theory]
    [InlineData("""{"mode":"Everyone"}""", "access.mode")]
    [InlineData("""{"mode":"1"}""", "access.mode")]
    [InlineData("""{"mode":"everyone","roles":["admin"]}""", "access.roles")]
    [InlineData("""{"mode":"everyone","usernames":["ada"]}""", "access.usernames")]
    [InlineData("""{"mode":"roles"}""", "access.roles")]
    [InlineData("""{"mode":"roles","roles":["root"]}""", "access.roles")]
    [InlineData("""{"mode":"users","usernames":[]}""", "access.usernames")]
    [InlineData("""{"mode":"users","usernames":["No Name"]}""", "access.usernames")]
    public async Task Access_that_is_not_said_clearly_is_refused_and_nothing_changes(string access, string field)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var body = JsonSerializer.Deserialize<JsonElement>(access);
        (await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test", access = body })).AssertProblem(400, "access_invalid", field);
        var item = $"{Path}/{(await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" })).Text("id")}";
        (await _server.PatchAsync(item, session, new { name = "d", access = body })).AssertProblem(400, "access_invalid", field);
        var shown = await _server.GetAsync(item, session);
        Assert.Equal(("c", "everyone"), (shown.Text("name"), shown.Json.GetProperty("access").GetProperty("mode").GetString()));
    }

    [Fact]
    public async Task Who_may_log_in_is_obeyed_from_the_next_lookup_on()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (ada, adaSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (grace, graceSession) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        var (stranger, _) = await _server.AddPersonAsync();
        foreach (var person in (string[])[session, adaSession, graceSession])
            Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", person, new { name = "k", publicKey = SshTestKeys.Ed25519() })).Status);
        var created = await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test", access = new { mode = "users", usernames = new[] { ada.UserName } } });
        var (item, key) = ($"{Path}/{created.Text("id")}", created.Text("key"));
        Assert.Equal([ada.UserName!], created.Json.GetProperty("access").GetProperty("usernames").EnumerateArray().Select(name => name.GetString()!));
        await AssertAdmittedAsync(ada);

        await ChangeAsync(new { mode = "roles", roles = new[] { "owner", "admin" } });
        await AssertAdmittedAsync(owner, grace);
        await ChangeAsync(new { mode = "roles", roles = new[] { "member" } });
        await AssertAdmittedAsync(ada);
        await ChangeAsync(new { mode = "users", usernames = new[] { grace.UserName, owner.UserName } });
        await AssertAdmittedAsync(owner, grace);
        (await _server.PatchAsync(item, session, new { access = new { mode = "users", usernames = new[] { stranger.UserName } } })).AssertProblem(400, "user_unknown", "access.usernames");
        await AssertAdmittedAsync(owner, grace);
        // Members are not told whose names are on the list.
        Assert.False((await _server.GetAsync(item, adaSession)).Json.GetProperty("access").TryGetProperty("usernames", out _));
        await ChangeAsync(new { mode = "everyone" });
        await AssertAdmittedAsync(owner, grace, ada);

        async Task ChangeAsync(object access) => Assert.Equal(200, (await _server.PatchAsync(item, session, new { access })).Status);

        async Task AssertAdmittedAsync(params User[] expected)
        {
            foreach (var person in (User[])[owner, grace, ada])
                Assert.Equal(expected.Contains(person) ? 1 : 0, await KeysAsync(key, person.UserName!));
        }
    }

    [Fact]
    public async Task A_mapped_account_is_its_persons_and_the_own_name_of_that_person_is_nobodys()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (ada, adaSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (stranger, _) = await _server.AddPersonAsync();
        foreach (var person in (string[])[session, adaSession])
            Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", person, new { name = "k", publicKey = SshTestKeys.Ed25519() })).Status);
        var created = await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" });
        var (accounts, key) = ($"{Path}/{created.Text("id")}/accounts", created.Text("key"));
        var other = (await _server.PostAsync(Path, session, new { name = "other", address = "o.example.test" })).Text("key");
        var unix = $"x{Guid.NewGuid():N}"[..12];
        Assert.Equal(0, await KeysAsync(key, unix));
        var put = await PutAsync(new() { [ada.UserName!] = unix });
        Assert.Equal((200, $$"""{"{{ada.UserName}}":"{{unix}}"}"""), (put.Status, put.Body));
        Assert.Equal(put.Body, (await _server.GetAsync(accounts, session)).Body);
        Assert.Equal((1, 0, 1), (await KeysAsync(key, unix), await KeysAsync(key, ada.UserName!), await KeysAsync(key, owner.UserName!)));
        // Another cluster knows nothing of it.
        Assert.Equal((0, 1), (await KeysAsync(other, unix), await KeysAsync(other, ada.UserName!)));
        (await _server.GetAsync(accounts, adaSession)).AssertProblem(403, "insufficient_role");

        // Never two people on one account.
        (await PutAsync(new() { [ada.UserName!] = owner.UserName! })).AssertProblem(409, "account_taken", "accounts");
        (await PutAsync(new() { [ada.UserName!] = unix, [owner.UserName!] = unix })).AssertProblem(409, "account_taken", "accounts");
        (await PutAsync(new() { [ada.UserName!] = "root" })).AssertProblem(400, "account_invalid", "accounts");
        (await PutAsync(new() { [stranger.UserName!] = unix })).AssertProblem(400, "user_unknown", "accounts");
        Assert.Equal(put.Body, (await _server.GetAsync(accounts, session)).Body);

        // Two who change places.
        Assert.Equal(200, (await PutAsync(new() { [ada.UserName!] = owner.UserName!, [owner.UserName!] = unix })).Status);
        Assert.Equal(await LinesAsync(other, ada.UserName!), await LinesAsync(key, owner.UserName!));
        Assert.Equal(await LinesAsync(other, owner.UserName!), await LinesAsync(key, unix));
        Assert.Equal(0, await KeysAsync(key, ada.UserName!));
        // Somebody who comes later with a name that is mapped does not come into that account.
        Assert.Equal(200, (await PutAsync(new() { [ada.UserName!] = unix })).Status);
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == owner.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.NormalizedUserName, unix)));
        Assert.Equal(await LinesAsync(other, ada.UserName!), await LinesAsync(key, unix));
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == owner.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.NormalizedUserName, owner.UserName)));

        // Whoever goes takes the account along, and the cluster goes with its accounts.
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/organization/members/{ada.Id}", session)).Status);
        Assert.Equal(("{}", 0), ((await _server.GetAsync(accounts, session)).Body, await KeysAsync(key, unix)));
        Assert.Equal(200, (await PutAsync(new() { [owner.UserName!] = unix })).Status);
        Assert.Equal(204, (await _server.DeleteAsync(accounts[..^"/accounts".Length], session)).Status);

        Task<Answer> PutAsync(Dictionary<string, string> body) => _server.ApiAsync(HttpMethod.Put, accounts, session, body);

        async Task<string> LinesAsync(string credential, string account) => (await _server.GetAsync($"/api/v1/authorized-keys/{account}", credential)).Json.GetProperty("keys")[0].GetProperty("publicKey").GetString()!;
    }

    [Fact]
    public async Task A_new_key_for_a_cluster_ends_the_earlier_ones_after_the_overlap()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var created = await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" });
        var (item, first) = ($"{Path}/{created.Text("id")}", created.Text("key"));
        await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 90 } });
        (await _server.PostAsync($"{item}/rotate-key", session, new { overlapHours = 169 })).AssertProblem(400, "overlap_invalid", "overlapHours");
        var second = (await _server.PostAsync($"{item}/rotate-key", session, new { overlapHours = 1 })).Text("key");
        foreach (var key in (string[])[first, second])
            Assert.Equal(200, (await _server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", key)).Status);
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        session = await _server.GrantAsync(owner.Id);
        (await _server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", first)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", second)).Status);
        // It lives as long as a new one, and not to the end of the old.
        Assert.Equal(90, Math.Round(((await _server.GetAsync("/api/v1/me", second)).Json.GetProperty("credential").Time("expiresAt")!.Value - _server.Now).TotalDays));
        var third = (await _server.PostAsync($"{item}/rotate-key", session, new { overlapHours = 0 })).Text("key");
        (await _server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", second)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", third)).Status);
    }

    [Fact]
    public async Task A_cluster_is_renamed_and_the_log_says_what_changed_and_never_who()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        await _server.PostAsync(Path, session, new { name = "taken", address = "t.example.test" });
        var item = $"{Path}/{(await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" })).Text("id")}";
        (await _server.PatchAsync(item, session, new { name = "Taken" })).AssertProblem(409, "name_taken", "name");
        (await _server.PatchAsync(item, session, new { address = "a b" })).AssertProblem(400, "address_invalid", "address");
        Assert.Equal(200, (await _server.PatchAsync(item, session, new { })).Status);
        var changed = await _server.PatchAsync(item, session, new { name = "d", address = "d.example.test", access = new { mode = "users", usernames = new[] { owner.UserName } } });
        Assert.Equal(("d", "d.example.test"), (changed.Text("name"), changed.Text("address")));
        var told = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == organization.Id && e.Type == "cluster.changed").Select(e => e.Detail).ToListAsync());
        Assert.Equal(["c: name c → d; address c.example.test → d.example.test; access everyone → 1 user"], told);
    }

    private async Task<int> KeysAsync(string cluster, string account) => (await _server.GetAsync($"/api/v1/authorized-keys/{account}", cluster)).Json.GetProperty("keys").GetArrayLength();
}
