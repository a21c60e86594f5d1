using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.ServiceAccounts;

/// <summary>Accounts for programs: who makes them, who keeps them, and that nobody signs in with one.</summary>
[Trait("Database", "Differs")]
public class ServiceAccountTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Accounts = "/api/v1/organization/service-accounts";
    private const string Me = "/api/v1/me";
    private readonly TestServer _server = shared.Server;

    private async Task<Answer> MakeAsync(string session, string[] keepers, string? role = null, string? username = null)
    {
        var answer = await _server.PostAsync(Accounts, session, new { username = username ?? $"sa-{Guid.NewGuid():N}"[..20], description = "copies results", keepers, role });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer;
    }

    private async Task<(string Id, string Key)> KeyAsync(string session, string account, params string[] scopes)
    {
        var answer = await _server.PostAsync($"{Accounts}/{account}/api-keys", session, scopes.Length == 0 ? new { name = $"k{Guid.NewGuid():N}"[..12] } : new { name = $"k{Guid.NewGuid():N}"[..12], scopes });
        Assert.True(answer.Status == 201, answer.ToString());
        return (answer.Text("id"), answer.Text("key"));
    }

    private Task<int> EventsAsync(string type, string subject) =>
        _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.Type == type && e.SubjectId == Guid.Parse(subject)));

    [Fact]
    public async Task An_administrator_makes_one_its_keeper_makes_its_keys_and_they_are_its_own()
    {
        var (_, admin) = await _server.AddPersonAsync(Role.Admin);
        var (keeper, theirs) = await _server.AddPersonAsync();
        var made = await MakeAsync(admin, [keeper.UserName!]);
        var id = made.Text("id");
        Assert.Equal(($"{Accounts}/{id}", "member", "active", "copies results"), (made.Response.Headers.Location?.ToString(), made.Text("role"), made.Text("state"), made.Text("description")));
        Assert.Equal(keeper.UserName, made.Json.GetProperty("keepers")[0].GetProperty("username").GetString());

        var (keyId, key) = await KeyAsync(theirs, id);
        var me = await _server.GetAsync(Me, key);
        Assert.Equal(("serviceAccount", id, "member"), (me.Text("kind"), me.Text("id"), me.Text("role")));
        Assert.Equal("person", (await _server.GetAsync(Me, theirs)).Text("kind"));
        Assert.Equal(keyId, (await _server.GetAsync($"{Accounts}/{id}/api-keys", theirs)).Json.GetProperty("items")[0].GetProperty("id").GetString());
        // Not the keeper's.
        Assert.Equal(0, (await _server.GetAsync(ApiCalls.KeysPath, theirs)).Items());
        (await _server.DeleteAsync($"{ApiCalls.KeysPath}/{keyId}", theirs)).AssertProblem(404);
        await _server.FlushLastUsesAsync();
        Assert.NotEqual(JsonValueKind.Null, (await _server.GetAsync($"{Accounts}/{id}", theirs)).Json.GetProperty("lastUsedAt").ValueKind);

        var rotated = await _server.PostAsync($"{Accounts}/{id}/api-keys/{keyId}/rotate", theirs, new { overlapHours = 0 });
        Assert.Equal((401, 200), ((await _server.GetAsync(Me, key)).Status, (await _server.GetAsync(Me, rotated.Text("key"))).Status));
        Assert.Equal("nightly", (await _server.PatchAsync($"{Accounts}/{id}/api-keys/{keyId}", theirs, new { name = "nightly" })).Text("name"));
        Assert.Equal(204, (await _server.DeleteAsync($"{Accounts}/{id}/api-keys/{keyId}", theirs)).Status);
        Assert.Equal(401, (await _server.GetAsync(Me, rotated.Text("key"))).Status);
        // Whose it was, and who did it.
        var events = await _server.QueryAsync(database => database.AuditEvents.Include(e => e.Words).Where(e => e.SubjectId == Guid.Parse(keyId)).OrderBy(e => e.Id).ToListAsync());
        Assert.Equal([AuditTypes.ApiKeyCreated, AuditTypes.ApiKeyRotated, AuditTypes.ApiKeyRenamed, AuditTypes.ApiKeyDeleted], events.Select(e => e.Type));
        Assert.All(events, e => Assert.Equal((keeper.Id, Guid.Parse(id)), (e.ActorId, e.OwnerId)));
    }

    [Fact]
    public async Task Who_neither_keeps_it_nor_administers_finds_nothing()
    {
        var (_, admin) = await _server.AddPersonAsync(Role.Admin);
        var (keeper, theirs) = await _server.AddPersonAsync();
        var (_, other) = await _server.AddPersonAsync();
        var id = (await MakeAsync(admin, [keeper.UserName!])).Text("id");
        var (keyId, _) = await KeyAsync(theirs, id);
        var nowhere = Guid.CreateVersion7();
        foreach (var (method, path, body) in ((HttpMethod, string, object?)[])[(HttpMethod.Get, "", null), (HttpMethod.Patch, "", new { description = "mine" }), (HttpMethod.Get, "/api-keys", null),
            (HttpMethod.Post, "/api-keys", new { name = "x" }), (HttpMethod.Patch, $"/api-keys/{keyId}", new { name = "x" }), (HttpMethod.Post, $"/api-keys/{keyId}/rotate", null), (HttpMethod.Delete, $"/api-keys/{keyId}", null)])
        {
            var there = await _server.ApiAsync(method, $"{Accounts}/{id}{path}", other, body);
            there.AssertProblem(404, "not_found");
            Assert.Equal((await _server.ApiAsync(method, $"{Accounts}/{nowhere}{path}", other, body)).Body, there.Body);
        }

        Assert.Equal(0, (await _server.GetAsync(Accounts, other)).Items());
        Assert.Equal(id, (await _server.GetAsync(Accounts, theirs)).Json.GetProperty("items")[0].GetProperty("id").GetString());
        Assert.Contains(id, (await _server.GetAsync($"{Accounts}?limit=200", admin)).Body, StringComparison.Ordinal);
        // Members make and delete none: the scope needs the role.
        (await _server.PostAsync(Accounts, theirs, new { username = "nope", description = "d", keepers = new[] { keeper.UserName } })).AssertProblem(403, "insufficient_scope");
        (await _server.DeleteAsync($"{Accounts}/{id}", theirs)).AssertProblem(403, "insufficient_scope");
    }

    [Fact]
    public async Task A_keeper_describes_it_and_decides_on_neither_role_nor_keepers_nor_whether_it_works()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var (keeper, theirs) = await _server.AddPersonAsync();
        var id = (await MakeAsync(admin, [keeper.UserName!])).Text("id");
        Assert.Equal("new words", (await _server.PatchAsync($"{Accounts}/{id}", theirs, new { description = "new words" })).Text("description"));
        foreach (var body in (object[])[new { role = "member" }, new { keepers = new[] { keeper.UserName, administrator.UserName } }, new { disabled = true }, new { description = "x", disabled = false }])
            (await _server.PatchAsync($"{Accounts}/{id}", theirs, body)).AssertProblem(403, "insufficient_role");
        Assert.Equal("new words", (await _server.GetAsync($"{Accounts}/{id}", theirs)).Text("description"));

        // An administrator who did not sign in for that is a keeper like others, and elsewhere nobody.
        var narrow = await _server.GrantAsync(administrator.Id, "credentials:read credentials:write organization:read");
        (await _server.PostAsync($"{Accounts}/{id}/api-keys", narrow, new { name = "x" })).AssertProblem(403, "insufficient_scope");
        Assert.Equal(200, (await _server.PatchAsync($"{Accounts}/{id}", admin, new { keepers = new[] { administrator.UserName } })).Status);
        Assert.Equal(404, (await _server.GetAsync($"{Accounts}/{id}", theirs)).Status);
        Assert.Equal(201, (await _server.PostAsync($"{Accounts}/{id}/api-keys", narrow, new { name = "x", scopes = new[] { "organization:read" } })).Status);
        (await _server.PatchAsync($"{Accounts}/{id}", narrow, new { disabled = true })).AssertProblem(403, "insufficient_scope");
    }

    [Theory]
    [InlineData("owner", "role_invalid", 400)]
    [InlineData("king", "role_invalid", 400)]
    [InlineData("admin", null, 201)]
    public async Task No_account_is_an_owner(string role, string? code, int status)
    {
        var (owner, session) = await _server.AddPersonAsync(Role.Owner);
        var answer = await _server.PostAsync(Accounts, session, new { username = $"sa-{Guid.NewGuid():N}"[..20], description = "d", keepers = new[] { owner.UserName }, role });
        Assert.Equal((status, code), (answer.Status, answer.Error));
        var id = (await MakeAsync(session, [owner.UserName!])).Text("id");
        Assert.Equal((status == 201 ? 200 : status, code), (await _server.PatchAsync($"{Accounts}/{id}", session, new { role })) is var changed ? (changed.Status, changed.Error) : default);
    }

    /// <summary>A keeper of an administrator's account must not hold an administrator's rights by a key of it.</summary>
    [Fact, Trait("Case", "K1")]
    public async Task A_key_has_no_scope_beyond_its_account_or_its_giver()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var (keeper, theirs) = await _server.AddPersonAsync();
        var strong = (await MakeAsync(admin, [keeper.UserName!], "admin")).Text("id");
        var weak = (await MakeAsync(admin, [keeper.UserName!])).Text("id");
        var full = await _server.GrantAsync(administrator.Id, "platform credentials:read credentials:write organization:read organization:write audit:read");
        (await _server.PostAsync($"{Accounts}/{weak}/api-keys", full, new { name = "x", scopes = new[] { "audit:read" } })).AssertProblem(403, "scope_beyond_role", "scopes");
        var wide = await _server.GrantAsync(keeper.Id, "platform credentials:read credentials:write organization:read organization:write audit:read");
        (await _server.PostAsync($"{Accounts}/{strong}/api-keys", wide, new { name = "x", scopes = new[] { "audit:read" } })).AssertProblem(403, "scope_beyond_role", "scopes");
        var (keyId, key) = await KeyAsync(full, strong, "audit:read", "platform");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/organization/audit-events", key)).Status);
        // Nor by a new secret of a key that an administrator made.
        (await _server.PostAsync($"{Accounts}/{strong}/api-keys/{keyId}/rotate", wide)).AssertProblem(403, "scope_beyond_role");
        Assert.Equal(200, (await _server.PostAsync($"{Accounts}/{strong}/api-keys/{keyId}/rotate", full, new { overlapHours = 24 })).Status);
        Assert.Equal(200, (await _server.PatchAsync($"{Accounts}/{strong}", admin, new { role = "member" })).Status);
        Assert.Equal(403, (await _server.GetAsync("/api/v1/organization/audit-events", key)).Status);
    }

    [Fact, Trait("Case", "K1")]
    public async Task Its_key_makes_nothing_even_with_every_scope()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var id = (await MakeAsync(admin, [administrator.UserName!], "admin")).Text("id");
        var (keyId, key) = await KeyAsync(admin, id, "platform", "credentials:read", "credentials:write", "organization:read", "organization:write");
        foreach (var path in (string[])[ApiCalls.KeysPath, "/api/v1/tokens", $"{Accounts}/{id}/api-keys", $"{Accounts}/{id}/api-keys/{keyId}/rotate", Accounts])
            (await _server.PostAsync(path, key, new { name = "x" })).AssertProblem(403, "interactive_sign_in_required");
        // Itself it may rotate and end, like every key.
        var rotated = await _server.PostAsync($"{ApiCalls.KeysPath}/{keyId}/rotate", key, new { overlapHours = 0 });
        Assert.Equal(204, (await _server.DeleteAsync($"{ApiCalls.KeysPath}/{keyId}", rotated.Text("key"))).Status);
    }

    [Fact]
    public async Task Nobody_signs_in_with_one_by_password_device_code_or_invitation()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var made = await MakeAsync(admin, [administrator.UserName!]);
        var (id, name) = (Guid.Parse(made.Text("id")), made.Text("username"));
        // Even where somebody put a password and a browser session into the database.
        var hash = await _server.QueryAsync(database => database.Users.Where(u => u.UserName == TestServer.OwnerName).Select(u => u.PasswordHash).SingleAsync());
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == id).ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, hash)));
        using var browser = _server.Browser();
        await browser.SignInAsync(name, TestServer.OwnerPassword);
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);

        using var owner = await _server.SignInAsync();
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == TestServer.OwnerName).ExecuteUpdateAsync(set => set.SetProperty(s => s.UserId, id)));
        await _server.RegisterApplicationAsync($"app-{id:N}");
        foreach (var path in (string[])["/device", "/account/profile", TestServer.AuthorizePath($"app-{id:N}", Pkce.New())])
        {
            await owner.GoAsync(path);
            Assert.Equal("/sign-in", owner.Address.AbsolutePath);
        }

        Assert.False(await _server.QueryAsync(database => database.AuthorizationCodes.AnyAsync(c => c.UserId == id)));
        foreach (var (method, path, body) in ((HttpMethod, string, object?)[])[(HttpMethod.Post, "/invitation", null), (HttpMethod.Post, "/revoke-credentials", null), (HttpMethod.Patch, "", new { role = "owner" }), (HttpMethod.Delete, "", null)])
            (await _server.ApiAsync(method, $"/api/v1/organization/members/{id}{path}", admin, body)).AssertProblem(404, "not_found");
        Assert.DoesNotContain(name, (await _server.GetAsync("/api/v1/organization/members?limit=200", admin)).Body, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "K12")]
    public async Task Without_a_keeper_its_keys_go_on_and_administrators_are_told()
    {
        var (organization, _, owner) = await _server.AddOrganizationAsync();
        var (first, _) = await _server.AddPersonAsync(organizationId: organization.Id);
        var (second, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var id = (await MakeAsync(owner, [first.UserName!, second.UserName!])).Text("id");
        var (_, key) = await KeyAsync(theirs, id);
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/organization/members/{first.Id}", owner)).Status);
        var account = await _server.GetAsync($"{Accounts}/{id}", owner);
        Assert.Equal(("active", 1), (account.Text("state"), account.Json.GetProperty("keepers").GetArrayLength()));
        Assert.Equal(0, await EventsAsync(AuditTypes.ServiceAccountWithoutKeeper, id));

        Assert.Equal(200, (await _server.PatchAsync($"/api/v1/organization/members/{second.Id}", owner, new { disabled = true })).Status);
        Assert.Equal("noKeeper", (await _server.GetAsync($"{Accounts}/{id}", owner)).Text("state"));
        Assert.Equal(1, await EventsAsync(AuditTypes.ServiceAccountWithoutKeeper, id));
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);
        // Gone after being disabled: that was told before.
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/organization/members/{second.Id}", owner)).Status);
        account = await _server.GetAsync($"{Accounts}/{id}", owner);
        Assert.Equal(("noKeeper", 0), (account.Text("state"), account.Json.GetProperty("keepers").GetArrayLength()));
        Assert.Equal(1, await EventsAsync(AuditTypes.ServiceAccountWithoutKeeper, id));
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);
        var (third, _) = await _server.AddPersonAsync(organizationId: organization.Id);
        Assert.Equal("active", (await _server.PatchAsync($"{Accounts}/{id}", owner, new { keepers = new[] { third.UserName } })).Text("state"));
    }

    [Fact, Trait("Case", "K12"), Trait("Case", "R7")]
    public async Task Disabling_stops_its_keys_deleting_ends_them_and_the_name_is_given_to_nobody_else()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var made = await MakeAsync(admin, [administrator.UserName!]);
        var (id, name) = (made.Text("id"), made.Text("username"));
        var (_, key) = await KeyAsync(admin, id);
        Assert.Equal("disabled", (await _server.PatchAsync($"{Accounts}/{id}", admin, new { disabled = true })).Text("state"));
        Assert.Equal(401, (await _server.GetAsync(Me, key)).Status);
        Assert.Equal("active", (await _server.PatchAsync($"{Accounts}/{id}", admin, new { disabled = false })).Text("state"));
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);

        Assert.Equal(204, (await _server.DeleteAsync($"{Accounts}/{id}", admin)).Status);
        Assert.Equal(401, (await _server.GetAsync(Me, key)).Status);
        (await _server.GetAsync($"{Accounts}/{id}", admin)).AssertProblem(404);
        (await _server.PostAsync(Accounts, admin, new { username = name, description = "again", keepers = new[] { administrator.UserName } })).AssertProblem(409, "name_taken");
        (await _server.PostAsync("/api/v1/organization/members", admin, new { username = name, email = $"{name}@example.test" })).AssertProblem(409, "name_taken");
        // It is no person: the log goes on naming it.
        Assert.Contains(name, (await _server.GetAsync($"/api/v1/organization/audit-events?subject={id}", await _server.GrantAsync(administrator.Id, "audit:read"))).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keepers_are_people_of_the_organization()
    {
        var (administrator, admin) = await _server.AddPersonAsync(Role.Admin);
        var (_, foreigner, _) = await _server.AddOrganizationAsync();
        var robot = (await MakeAsync(admin, [administrator.UserName!])).Text("username");
        foreach (var keeper in (string[])[foreigner.UserName!, robot, "nobody-of-this-name"])
        {
            var answer = await _server.PostAsync(Accounts, admin, new { username = $"sa-{Guid.NewGuid():N}"[..20], description = "d", keepers = new[] { administrator.UserName, keeper } });
            answer.AssertProblem(400, "keeper_unknown", "keepers");
            Assert.Equal($"Nobody of your organization is called '{keeper}'. Keepers are people, named by their usernames.", answer.Text("detail"));
        }

        foreach (var keepers in (object[])[Array.Empty<string>(), Enumerable.Range(0, 21).Select(i => $"k{i}").ToArray()])
            (await _server.PostAsync(Accounts, admin, new { username = "unmade", description = "d", keepers })).AssertProblem(400, "keepers_invalid", "keepers");
        (await _server.PostAsync(Accounts, admin, new { username = administrator.UserName, description = "d", keepers = new[] { administrator.UserName } })).AssertProblem(409, "name_taken", "username");
        (await _server.PostAsync(Accounts, admin, new { username = "root", description = "d", keepers = new[] { administrator.UserName } })).AssertProblem(400, "username_reserved", "username");
        Assert.False(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.UserName == "unmade")));
    }

    [Fact]
    public async Task The_account_of_a_cluster_is_listed_as_such_and_managed_only_with_it()
    {
        var (organization, _, owner) = await _server.AddOrganizationAsync();
        var cluster = await _server.PostAsync("/api/v1/organization/clusters", owner, new { name = "Blue", address = "blue.example.test" });
        var item = (await _server.GetAsync(Accounts, owner)).Json.GetProperty("items")[0];
        Assert.Equal(("Blue", "active"), (item.GetProperty("cluster").GetProperty("name").GetString(), item.GetProperty("state").GetString()));
        var id = item.GetProperty("id").GetString();
        var keyId = (await _server.GetAsync($"{Accounts}/{id}/api-keys", owner)).Json.GetProperty("items")[0].GetProperty("id").GetString();
        foreach (var (method, path, body) in ((HttpMethod, string, object?)[])[(HttpMethod.Patch, "", new { description = "x" }), (HttpMethod.Patch, "", new { role = "admin" }), (HttpMethod.Delete, "", null),
            (HttpMethod.Post, "/api-keys", new { name = "x" }), (HttpMethod.Post, $"/api-keys/{keyId}/rotate", null), (HttpMethod.Patch, $"/api-keys/{keyId}", new { name = "x" }), (HttpMethod.Delete, $"/api-keys/{keyId}", null)])
            (await _server.ApiAsync(method, $"{Accounts}/{id}{path}", owner, body)).AssertProblem(409, "cluster_account");
        Assert.Equal(200, (await _server.GetAsync(Me, cluster.Text("key"))).Status);
        Assert.NotEqual(Guid.Empty, organization.Id);
    }
}
