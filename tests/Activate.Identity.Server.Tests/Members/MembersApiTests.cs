using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;
using static Activate.Identity.Server.Tests.Members.MemberCalls;

namespace Activate.Identity.Server.Tests.Members;

[Trait("Database", "Differs")]
public class MembersApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Me = "/api/v1/me";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task The_list_has_people_only_and_addresses_for_administrators_only()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (member, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "c", address = "c.example.test" });
        for (var i = 0; i < 3; i++)
            Assert.Equal(201, (await _server.InviteAsync(session, NewName("zebra"))).Status);
        var list = await _server.GetAsync(MembersPath, session);
        Assert.Equal(5, list.Items());
        Assert.All(list.Json.GetProperty("items").EnumerateArray(), item => Assert.NotNull(item.GetProperty("email").GetString()));
        var first = await _server.GetAsync($"{MembersPath}?limit=2", session);
        var rest = await _server.GetAsync($"{MembersPath}?limit=200&after={first.Text("next")}", session);
        Assert.Equal((2, 3), (first.Items(), rest.Items()));
        Assert.Equal(3, (await _server.GetAsync($"{MembersPath}?search=ZEBRA", session)).Items());
        Assert.Equal(1, (await _server.GetAsync($"{MembersPath}?search={Uri.EscapeDataString(member.Email!.ToUpperInvariant())}", session)).Items());
        Assert.Equal(0, (await _server.GetAsync($"{MembersPath}?search=%25", session)).Items());

        var seen = await _server.GetAsync(MembersPath, theirs);
        Assert.Equal(5, seen.Items());
        Assert.All(seen.Json.GetProperty("items").EnumerateArray(), item => Assert.Null(item.GetProperty("email").GetString()));
        Assert.Equal(0, (await _server.GetAsync($"{MembersPath}?search=example.test", theirs)).Items());
        Assert.Equal(member.Email, (await _server.GetAsync($"{MembersPath}/{member.Id}", theirs)).Text("email"));
        Assert.Null((await _server.GetAsync($"{MembersPath}/{owner.Id}", theirs)).Text("email"));
    }

    [Fact]
    [Trait("Case", "O1")]
    public async Task Somebody_of_another_organization_is_nobody()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var (_, stranger, _) = await _server.AddOrganizationAsync();
        foreach (var id in (string[])[stranger.Id.ToString(), Guid.CreateVersion7().ToString()])
        {
            (await _server.GetAsync($"{MembersPath}/{id}", session)).AssertProblem(404, "not_found");
            (await _server.PatchAsync($"{MembersPath}/{id}", session, new { disabled = true })).AssertProblem(404, "not_found");
            (await _server.DeleteAsync($"{MembersPath}/{id}", session)).AssertProblem(404, "not_found");
            (await _server.PostAsync($"{MembersPath}/{id}/revoke-credentials", session)).AssertProblem(404, "not_found");
            (await _server.PostAsync($"{MembersPath}/{id}/invitation", session)).AssertProblem(404, "not_found");
        }

        Assert.True(await _server.QueryAsync(database => database.Users.AnyAsync(u => u.Id == stranger.Id && !u.Disabled)));
    }

    [Fact]
    [Trait("Case", "K12")]
    public async Task Everything_of_somebody_disabled_ends_at_once_and_what_time_has_not_ended_works_again()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var name = NewName();
        var user = await _server.CreateUserAsync(name, organizationId: organization.Id);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var theirs = await _server.GrantAsync(user.Id);
        var lasting = (await _server.CreateApiKeyAsync(theirs, "lasting")).Key;
        var ending = (await _server.CreateApiKeyAsync(theirs, "ending", new { name = "ending", expiresInDays = 1 })).Key;
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", theirs, new { name = "laptop", publicKey = SshTestKeys.Ed25519() })).Status);
        var cluster = (await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "c", address = "c.example.test" })).Text("key");
        Assert.Equal(1, await KeysAsync());

        var disabled = await _server.PatchAsync($"{MembersPath}/{user.Id}", session, new { disabled = true });
        Assert.Equal((200, "disabled"), (disabled.Status, disabled.Text("state")));
        foreach (var credential in (string[])[theirs, lasting, ending])
            (await _server.GetAsync(Me, credential)).AssertProblem(401, "invalid_credential");
        Assert.Equal(0, await KeysAsync());
        await browser.GoAsync("/account/profile");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        await browser.SignInAsync(name, TestServer.UserPassword);
        Assert.Contains("Username or password is wrong", browser.PageText, StringComparison.Ordinal);

        _server.Clock!.Advance(TimeSpan.FromDays(2));
        var fresh = await _server.GrantAsync(await OwnerAsync(organization.Id));
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{user.Id}", fresh, new { disabled = false })).Status);
        Assert.Equal(200, (await _server.GetAsync(Me, lasting)).Status);
        (await _server.GetAsync(Me, ending)).AssertProblem(401);
        Assert.Equal(1, await KeysAsync());
        // The browser is not signed in again by that.
        await browser.GoAsync("/account/profile");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);

        async Task<int> KeysAsync() => (await _server.GetAsync($"/api/v1/authorized-keys/{name}", cluster)).Json.GetProperty("keys").GetArrayLength();
    }

    [Theory]
    [Trait("Case", "K11")]
    [EachDatabase]
    public async Task What_one_node_ends_another_refuses_within_a_second(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (organization, _, session) = await server.AddOrganizationAsync();
        var @operator = await server.GrantAsync((await server.AddUserAsync(Role.Owner, isOperator: true)).Id);
        var (user, theirs) = await server.AddPersonAsync(organizationId: organization.Id);
        var key = (await server.CreateApiKeyAsync(theirs, "a")).Key;
        foreach (var (end, lift) in new (Func<Task<Answer>>, Func<Task<Answer>>?)[]
                 {
                     (() => server.PatchAsync($"{MembersPath}/{user.Id}", session, new { disabled = true }), () => server.PatchAsync($"{MembersPath}/{user.Id}", session, new { disabled = false })),
                     (() => server.PatchAsync($"/api/v1/organizations/{organization.Id}", @operator, new { suspended = true }),
                         () => server.PatchAsync($"/api/v1/organizations/{organization.Id}", @operator, new { suspended = false })),
                     (() => server.PostAsync($"{MembersPath}/{user.Id}/revoke-credentials", session), null),
                 })
        {
            // Twice on each node: it is remembered there.
            for (var i = 0; i < 4; i++)
                Assert.Equal(200, (await server.GetAsync(Me, key, node: i % 2)).Status);
            Assert.Equal(200, (await end()).Status);
            Assert.Equal(401, (await server.GetAsync(Me, key)).Status);
            await Task.Delay(TimeSpan.FromSeconds(1));
            Assert.Equal(401, (await server.GetAsync(Me, key, node: 1)).Status);
            if (lift is null)
                continue;
            Assert.Equal(200, (await lift()).Status);
            Assert.Equal(200, (await server.GetAsync(Me, key, node: 1)).Status);
        }
    }

    [Fact]
    public async Task Ending_all_credentials_leaves_the_account_and_nothing_else()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var name = NewName();
        var user = await _server.CreateUserAsync(name, organizationId: organization.Id);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var theirs = await _server.GrantAsync(user.Id);
        var key = (await _server.CreateApiKeyAsync(theirs, "a")).Key;
        var token = (await _server.PostAsync("/api/v1/tokens", theirs, new { })).Text("token");
        await _server.PostAsync("/api/v1/ssh-keys", theirs, new { name = "laptop", publicKey = SshTestKeys.Ed25519() });
        var approved = await _server.StartDeviceAsync("platform");
        await TestServer.ApproveAsync(browser, approved);

        var ended = await _server.PostAsync($"{MembersPath}/{user.Id}/revoke-credentials", session);
        Assert.Equal(200, ended.Status);
        Assert.Equal("""{"apiKeys":1,"tokens":1,"sessions":1,"sshKeys":1,"applications":0,"browserSessions":1}""", ended.Body);
        foreach (var credential in (string[])[theirs, key, token])
            (await _server.GetAsync(Me, credential)).AssertProblem(401, "invalid_credential");
        await browser.GoAsync("/account/profile");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        // What a browser had allowed and nobody had fetched is gone as well.
        Assert.Equal(400, (await _server.PollAsync(approved)).Status);
        Assert.Equal(200, (await _server.GetAsync(Me, session)).Status);
        using var again = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        Assert.Equal("/", again.Address.AbsolutePath);
        Assert.Equal("1 API key, 1 token, 1 session, 1 SSH key, 0 applications, 1 browser session",
            await _server.QueryAsync(database => database.AuditEvents.Where(e => e.Type == "member.credentials_revoked" && e.SubjectId == user.Id && e.ActorId == owner.Id).Select(e => e.Detail).SingleAsync()));
    }

    [Fact]
    [Trait("Case", "S3")]
    public async Task An_ssh_key_that_the_policy_ended_does_not_begin_anew_because_an_administrator_ended_it()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 10, defaultDays = 10 } });
        var (user, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var key = SshTestKeys.Ed25519();
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", theirs, new { name = "a", publicKey = key })).Status);
        Assert.Equal(200, (await _server.PostAsync($"{MembersPath}/{user.Id}/revoke-credentials", session)).Status);
        _server.Clock!.Advance(TimeSpan.FromDays(11));
        (await _server.PostAsync("/api/v1/ssh-keys", await _server.GrantAsync(user.Id), new { name = "a", publicKey = key })).AssertProblem(403);
    }

    [Fact]
    [Trait("Case", "O9")]
    public async Task Only_owners_give_roles_and_touch_owners_and_the_last_one_stays()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (admin, theirs) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        var (member, own) = await _server.AddPersonAsync(organizationId: organization.Id);
        (await _server.InviteAsync(theirs, NewName(), "admin")).AssertProblem(403, "owner_required");
        (await _server.InviteAsync(theirs, NewName(), "owner")).AssertProblem(403, "owner_required");
        Assert.Equal(201, (await _server.InviteAsync(theirs, NewName())).Status);
        (await _server.PatchAsync($"{MembersPath}/{member.Id}", theirs, new { role = "admin" })).AssertProblem(403, "owner_required");
        (await _server.PatchAsync($"{MembersPath}/{admin.Id}", theirs, new { role = "owner" })).AssertProblem(403, "owner_required");
        foreach (var answer in (Answer[])[
                     await _server.PatchAsync($"{MembersPath}/{owner.Id}", theirs, new { disabled = true }), await _server.PatchAsync($"{MembersPath}/{owner.Id}", theirs, new { role = "member" }),
                     await _server.DeleteAsync($"{MembersPath}/{owner.Id}", theirs), await _server.PostAsync($"{MembersPath}/{owner.Id}/revoke-credentials", theirs)])
            answer.AssertProblem(403, "owner_required");
        (await _server.InviteAsync(own, NewName())).AssertProblem(403, "insufficient_scope");
        (await _server.PatchAsync($"{MembersPath}/{admin.Id}", own, new { disabled = true })).AssertProblem(403, "insufficient_scope");
        (await _server.DeleteAsync($"{MembersPath}/{admin.Id}", own)).AssertProblem(403, "insufficient_scope");
        (await _server.PatchAsync($"{MembersPath}/{admin.Id}", session, new { role = "Owner" })).AssertProblem(400, "role_invalid", "role");
        (await _server.PatchAsync($"{MembersPath}/{admin.Id}", theirs, new { disabled = true })).AssertProblem(403, "own_account");

        (await _server.PatchAsync($"{MembersPath}/{owner.Id}", session, new { role = "admin" })).AssertProblem(409, "last_owner");
        (await _server.DeleteAsync($"{MembersPath}/{owner.Id}", session)).AssertProblem(409, "last_owner");
        // Somebody who was invited, or is disabled, is no owner who could help.
        var (invited, _) = await _server.InvitedAsync(session, NewName(), "owner");
        (await _server.DeleteAsync($"{MembersPath}/{owner.Id}", session)).AssertProblem(409, "last_owner");
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{invited}", session)).Status);
        var raised = await _server.PatchAsync($"{MembersPath}/{admin.Id}", session, new { role = "owner" });
        Assert.Equal((200, "owner"), (raised.Status, raised.Text("role")));
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{admin.Id}", session, new { disabled = true })).Status);
        (await _server.DeleteAsync($"{MembersPath}/{owner.Id}", session)).AssertProblem(409, "last_owner");
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{admin.Id}", session, new { disabled = false })).Status);
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{owner.Id}", session, new { role = "member" })).Status);
        (await _server.PatchAsync($"{MembersPath}/{admin.Id}", session, new { role = "member" })).AssertProblem(403, "insufficient_scope");
        Assert.Equal(["admin → owner", "owner → member"], await _server.QueryAsync(database =>
            database.AuditEvents.Where(e => e.OrganizationId == organization.Id && e.Type == "member.role_changed").OrderBy(e => e.Detail).Select(e => e.Detail).ToListAsync()));
    }

    [Fact]
    [Trait("Case", "L6")]
    public async Task Whoever_is_removed_leaves_evidence_and_no_personal_data_and_the_name_is_never_given_again()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (user, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var key = (await _server.CreateApiKeyAsync(theirs, "a")).Key;
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{user.Id}", session)).Status);
        (await _server.GetAsync(Me, key)).AssertProblem(401);
        (await _server.GetAsync($"{MembersPath}/{user.Id}", session)).AssertProblem(404);
        (await _server.DeleteAsync($"{MembersPath}/{user.Id}", session)).AssertProblem(404);
        (await _server.InviteAsync(session, user.UserName!)).AssertProblem(409, "name_taken", "username");
        var (_, _, elsewhere) = await _server.AddOrganizationAsync();
        (await _server.InviteAsync(elsewhere, user.UserName!)).AssertProblem(409, "name_taken", "username");
        // The address is free; the person may come back under another name.
        Assert.Equal(201, (await _server.PostAsync(MembersPath, session, new { username = NewName(), email = user.Email })).Status);
        await _server.QueryAsync(async database =>
        {
            Assert.False(await database.Users.AnyAsync(u => u.Id == user.Id));
            Assert.False(await database.ApiKeys.AnyAsync(k => k.OwnerId == user.Id));
            var events = await database.AuditEvents.Where(e => e.SubjectId == user.Id || e.ActorId == user.Id).ToListAsync();
            Assert.Contains(events, e => e.Type == "member.removed" && e.ActorId == owner.Id);
            Assert.Contains(events, e => e.Type == "api_key.created");
            Assert.DoesNotContain(events, e => e.Detail?.Contains(user.UserName!, StringComparison.Ordinal) == true || e.Detail?.Contains("example.test", StringComparison.Ordinal) == true);
            return 0;
        });
    }

    [Fact]
    public async Task A_member_leaves_without_any_right_over_others()
    {
        var (organization, _, _) = await _server.AddOrganizationAsync();
        var (user, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var key = (await _server.CreateApiKeyAsync(theirs, "a")).Key;
        (await _server.DeleteAsync($"{MembersPath}/{user.Id}", key)).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{user.Id}", theirs)).Status);
        (await _server.GetAsync(Me, theirs)).AssertProblem(401);
        Assert.Equal("member.left", await _server.QueryAsync(database => database.AuditEvents.Where(e => e.SubjectId == user.Id && e.Type.StartsWith("member.")).Select(e => e.Type).SingleAsync()));
    }

    [Fact]
    public async Task An_operator_is_stopped_by_operators_only_and_the_last_one_stays()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var @operator = await _server.AddUserAsync(Role.Member, organizationId: organization.Id, isOperator: true);
        (await _server.PatchAsync($"{MembersPath}/{@operator.Id}", session, new { disabled = true })).AssertProblem(403, "operator_required");
        (await _server.DeleteAsync($"{MembersPath}/{@operator.Id}", session)).AssertProblem(403, "operator_required");
        // There is the first owner of the server, so this one may go.
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{@operator.Id}", await _server.GrantAsync(@operator.Id))).Status);
        await using var alone = await TestServer.StartAsync();
        var first = await alone.QueryAsync(database => database.Users.SingleAsync());
        await alone.AddUserAsync(Role.Owner);
        (await alone.DeleteAsync($"{MembersPath}/{first.Id}", await alone.GrantAsync(first.Id))).AssertProblem(409, "last_operator");
    }

    private Task<Guid> OwnerAsync(Guid organization) => _server.QueryAsync(database => database.Users.Where(u => u.OrganizationId == organization && u.Role == Role.Owner).Select(u => u.Id).SingleAsync());
}
