using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;
using static Activate.Identity.Server.Tests.Members.MemberCalls;

namespace Activate.Identity.Server.Tests.Members;

[Trait("Database", "Differs")]
public class InvitationTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    [Trait("Case", "O3")]
    [Trait("Case", "L2")]
    public async Task The_link_lets_one_person_in_once_with_the_role_and_address_of_the_invitation()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var name = NewName();
        var invited = await _server.InviteAsync(session, name, "admin");
        Assert.Equal(201, invited.Status);
        Assert.Equal($"{MembersPath}/{invited.Text("id")}", invited.Response.Headers.Location?.OriginalString);
        Assert.Equal(("invited", "admin", $"{name}@example.test"), (invited.Text("state"), invited.Text("role"), invited.Text("email")));
        Assert.Equal(_server.Now.AddDays(7), invited.Json.Time("invitationExpiresAt")!.Value, TimeSpan.FromMinutes(1));
        Assert.Contains("no-store", invited.Header("Cache-Control"), StringComparison.Ordinal);
        var link = new Uri(invited.Text("invitationUrl")).PathAndQuery;
        Assert.Matches(@"^/invitation\?code=[A-Za-z0-9_-]{43}$", link);
        // Shown once: no answer has it again, and neither has the database.
        Assert.False((await _server.GetAsync($"{MembersPath}/{invited.Text("id")}", session)).Has("invitationUrl"));

        using var browser = _server.Browser();
        await browser.GoAsync(link);
        Assert.Equal("/invitation", browser.Address.PathAndQuery);
        Assert.Contains(name, browser.PageText, StringComparison.Ordinal);
        // What is wrong is said beside its field, and the link is not used up by it.
        await browser.SubmitAsync("Join", ("Password", name + name + name), ("Repeat", "x"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        await browser.SubmitAsync("Join", ("DisplayName", "Grace Hopper"), ("Password", ChosenPassword), ("Repeat", ChosenPassword));
        Assert.Equal("/", browser.Address.AbsolutePath);
        Assert.Contains("Welcome, Grace Hopper", browser.PageText, StringComparison.Ordinal);
        var user = await _server.QueryAsync(database => database.Users.AsNoTracking().SingleAsync(u => u.UserName == name));
        Assert.Equal((organization.Id, Role.Admin, $"{name}@example.test", false, false), (user.OrganizationId, user.Role, user.Email, user.EmailConfirmed, user.IsOperator));
        Assert.Equal("active", (await _server.GetAsync($"{MembersPath}/{invited.Text("id")}", session)).Text("state"));

        using var second = _server.Browser();
        await second.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, second.Response.StatusCode);
        Assert.Contains("Ask whoever sent it", second.PageText, StringComparison.Ordinal);
        (await _server.PostAsync($"{MembersPath}/{invited.Text("id")}/invitation", session)).AssertProblem(409, "not_invited");
        using var again = await _server.SignInAsync(username: name, password: ChosenPassword);
        Assert.Equal("/", again.Address.AbsolutePath);
    }

    [Fact]
    [Trait("Case", "O3")]
    public async Task Forged_expired_cancelled_and_replaced_links_open_nothing()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        await RefusedAsync($"/invitation?code={new string('A', 43)}");
        await RefusedAsync("/invitation?code=eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImEifQ.");
        await RefusedAsync("/invitation");

        var cancelled = await _server.InvitedAsync(session, NewName());
        using var open = _server.Browser();
        await open.GoAsync(cancelled.Link);
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{cancelled.Id}", session)).Status);
        await open.SubmitAsync("Join", ("Password", ChosenPassword), ("Repeat", ChosenPassword));
        Assert.Equal(HttpStatusCode.Forbidden, open.Response.StatusCode);
        await RefusedAsync(cancelled.Link);

        var replaced = await _server.InvitedAsync(session, NewName());
        var renewed = await _server.PostAsync($"{MembersPath}/{replaced.Id}/invitation", session);
        Assert.Equal(200, renewed.Status);
        await RefusedAsync(replaced.Link);
        using var newer = _server.Browser();
        await newer.JoinAsync(new Uri(renewed.Text("invitationUrl")).PathAndQuery);
        Assert.Equal("/", newer.Address.AbsolutePath);

        var disabled = await _server.InvitedAsync(session, NewName());
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{disabled.Id}", session, new { disabled = true })).Status);
        await RefusedAsync(disabled.Link);
        Assert.Equal(200, (await _server.PatchAsync($"{MembersPath}/{disabled.Id}", session, new { disabled = false })).Status);
        await OpenAsync(disabled.Link);

        _server.Clock!.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1));
        await OpenAsync(disabled.Link);
        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        await RefusedAsync(disabled.Link);
    }

    [Fact]
    [Trait("Case", "O3")]
    public async Task Somebody_who_is_signed_in_as_another_does_not_take_it_up()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var other = NewName("other");
        await _server.CreateUserAsync(other, organizationId: organization.Id);
        var (_, link) = await _server.InvitedAsync(session, NewName());
        using var fresh = _server.Browser();
        await fresh.GoAsync(link);
        var join = fresh.FormRequest("Join", ("Password", ChosenPassword), ("Repeat", ChosenPassword));
        using var browser = await _server.SignInAsync(username: other, password: TestServer.UserPassword);
        await browser.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.Contains($"you are signed in as {other}", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Sign out");
        await browser.GoAsync("/invitation");
        await browser.SubmitAsync("Join", ("Password", ChosenPassword), ("Repeat", ChosenPassword));
        Assert.Equal("/", browser.Address.AbsolutePath);
        // The form that another browser had open is too late.
        await fresh.SendAsync(join);
        Assert.Equal(HttpStatusCode.Forbidden, fresh.Response.StatusCode);
    }

    [Fact]
    public async Task Names_and_addresses_are_held_from_the_invitation_on_and_free_again_when_it_is_cancelled()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var name = NewName();
        var (id, _) = await _server.InvitedAsync(session, name);
        (await _server.InviteAsync(session, name)).AssertProblem(409, "name_taken", "username");
        (await _server.PostAsync(MembersPath, session, new { username = NewName(), email = $"{name.ToUpperInvariant()}@Example.TEST" })).AssertProblem(409, "email_taken", "email");
        // The same address in another organization is nobody's business.
        var (_, _, elsewhere) = await _server.AddOrganizationAsync();
        Assert.Equal(201, (await _server.PostAsync(MembersPath, elsewhere, new { username = NewName(), email = $"{name}@example.test" })).Status);
        Assert.Equal(204, (await _server.DeleteAsync($"{MembersPath}/{id}", session)).Status);
        Assert.Equal(201, (await _server.InviteAsync(session, name)).Status);
    }

    [Theory]
    [InlineData("Grace", "g@example.test", null, "username_invalid", "username")]
    [InlineData("root", "g@example.test", null, "username_reserved", "username")]
    [InlineData("", "g@example.test", null, "username_required", "username")]
    [InlineData("grace-x", "nonsense", null, "email_invalid", "email")]
    [InlineData("grace-x", "", null, "email_required", "email")]
    [InlineData("grace-x", "g@example.test", "king", "role_invalid", "role")]
    public async Task What_breaks_a_rule_is_refused_at_its_field(string username, string email, string? role, string code, string field)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        (await _server.PostAsync(MembersPath, session, new { username, email, role })).AssertProblem(400, code, field);
    }

    [Fact]
    [Trait("Case", "L1")]
    public async Task The_code_is_in_no_log_and_only_its_hash_in_the_database()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var (id, link) = await _server.InvitedAsync(session, NewName());
        using var browser = _server.Browser();
        await browser.JoinAsync(link);
        var code = link[^43..];
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(code, StringComparison.Ordinal));
        Assert.Equal(["invitation.accepted", "member.invited"],
            await _server.QueryAsync(database => database.AuditEvents.Where(e => e.SubjectId == Guid.Parse(id)).OrderBy(e => e.Type).Select(e => e.Type).ToListAsync()));
        Assert.False(await _server.QueryAsync(database => database.AuditEvents.AnyAsync(e => e.Detail!.Contains(code))));
    }

    private async Task RefusedAsync(string link)
    {
        using var browser = _server.Browser();
        await browser.GoAsync(link);
        Assert.True(browser.Response.StatusCode == HttpStatusCode.Forbidden && browser.Page.QuerySelector("form") is null, $"{link}: {browser.PageText}");
    }

    private async Task OpenAsync(string link)
    {
        using var browser = _server.Browser();
        await browser.GoAsync(link);
        Assert.True(browser.Response.StatusCode == HttpStatusCode.OK, $"{link}: {browser.PageText}");
    }
}

/// <summary>Two nodes, one database, the same moment.</summary>
[Trait("Database", "Differs")]
public class MemberRaceTests
{
    [Theory]
    [Trait("Case", "O3")]
    [Trait("Case", "R7")]
    [EachDatabase]
    public async Task Names_links_and_the_last_owner_are_given_once(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database, Nodes = 2 });
        var (organization, _, session) = await server.AddOrganizationAsync();
        var name = NewName();
        var made = await TogetherAsync(20, i => server.InviteAsync(session, name, node: i % 2));
        var created = Assert.Single(made, answer => answer.Status == 201);
        Assert.All(made.Where(answer => answer != created), answer => answer.AssertProblem(409, "name_taken", "username"));
        // In two organizations at once: names are the whole server's.
        var (_, _, elsewhere) = await server.AddOrganizationAsync();
        var shared = NewName();
        var both = await TogetherAsync(6, i => server.InviteAsync(i % 2 == 0 ? session : elsewhere, shared, node: i % 2));
        Assert.Single(both, answer => answer.Status == 201);
        Assert.All(both.Where(answer => answer.Status != 201), answer => answer.AssertProblem(409, "name_taken", "username"));

        // One link, ten browsers on two nodes.
        var browsers = Enumerable.Range(0, 10).Select(i => server.Browser(i % 2)).ToList();
        foreach (var browser in browsers)
            await browser.GoAsync(new Uri(created.Text("invitationUrl")).PathAndQuery);
        var joined = await TogetherAsync(10, async i =>
        {
            await browsers[i].SubmitAsync("Join", follow: false, ("Password", ChosenPassword), ("Repeat", ChosenPassword));
            return await Answer.FromAsync(browsers[i].Response);
        });
        Assert.Equal([303, .. Enumerable.Repeat(403, 9)], joined.Select(answer => answer.Status).Order());
        foreach (var browser in browsers)
            browser.Dispose();
        Assert.Equal(1, await server.QueryAsync(db => db.AuditEvents.CountAsync(e => e.Type == "invitation.accepted")));

        // Two owners demote, remove and disable each other: one is left, whoever was first.
        for (var round = 0; round < 4; round++)
        {
            var second = await server.AddUserAsync(Role.Owner, organizationId: organization.Id);
            var owners = await server.QueryAsync(db => db.Users.Where(u => u.OrganizationId == organization.Id && u.Role == Role.Owner).Select(u => u.Id).ToListAsync());
            var sessions = new[] { await server.GrantAsync(owners[0]), await server.GrantAsync(owners[1]) };
            Assert.Equal(2, owners.Count);
            var kind = round;
            var answers = await TogetherAsync(2, i => kind switch
            {
                0 => server.ApiAsync(System.Net.Http.HttpMethod.Patch, $"{MembersPath}/{owners[1 - i]}", sessions[i], new { role = "member" }, node: i),
                1 => server.DeleteAsync($"{MembersPath}/{owners[1 - i]}", sessions[i], node: i),
                2 => server.DeleteAsync($"{MembersPath}/{owners[i]}", sessions[i], node: i),
                _ => server.ApiAsync(System.Net.Http.HttpMethod.Patch, $"{MembersPath}/{owners[1 - i]}", sessions[i], new { disabled = true }, node: i),
            });
            Assert.Single(answers, answer => answer.Status is 200 or 204);
            var refused = Assert.Single(answers, answer => answer.Status is not (200 or 204));
            Assert.True(refused.Error is "last_owner" or "owner_required" or "insufficient_role" or "insufficient_scope" or "invalid_credential", refused.ToString());
            Assert.Equal(1, await server.QueryAsync(db => db.Users.CountAsync(u => u.OrganizationId == organization.Id && u.Role == Role.Owner && !u.Disabled)));
            Assert.NotEqual(Guid.Empty, second.Id);
        }
    }
}
