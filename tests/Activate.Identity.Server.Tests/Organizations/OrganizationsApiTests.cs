using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Organizations;

[Trait("Database", "Differs")]
public class OrganizationsApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organizations";
    private readonly TestServer _server = fixture.Server;

    private async Task<string> OperatorAsync() => await _server.GrantAsync((await _server.AddUserAsync(Role.Owner, isOperator: true)).Id);

    [Fact]
    public async Task An_operator_creates_an_organization_whose_owner_comes_by_a_link()
    {
        var session = await OperatorAsync();
        var name = MemberCalls.NewName();
        var created = await _server.PostAsync(Path, session, new { name = "Océan Lab", slug = "ocean-lab", owner = new { username = name, email = $"{name}@example.test" } });
        Assert.Equal(201, created.Status);
        Assert.Equal(("ocean-lab", "Océan Lab", false), (created.Text("slug"), created.Text("name"), created.Json.GetProperty("suspended").GetBoolean()));
        Assert.Contains("ocean-lab", (await _server.GetAsync($"{Path}?limit=200", session)).Body, StringComparison.Ordinal);
        Assert.DoesNotContain("invitation?code", (await _server.GetAsync($"{Path}?limit=200", session)).Body, StringComparison.Ordinal);
        using var browser = _server.Browser();
        await browser.JoinAsync(new Uri(created.Text("invitationUrl")).PathAndQuery);
        Assert.Equal("/", browser.Address.AbsolutePath);
        var owner = await _server.QueryAsync(database => database.Users.AsNoTracking().Include(u => u.Organization).SingleAsync(u => u.UserName == name));
        Assert.Equal((Role.Owner, false, "ocean-lab"), (owner.Role, owner.IsOperator, owner.Organization!.Slug));
        // The owner sees nothing of the operator's organization in the log of theirs.
        Assert.Equal(["invitation.accepted", "member.invited"],
            await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == owner.OrganizationId).OrderBy(e => e.Type).Select(e => e.Type).ToListAsync()));

        (await _server.PostAsync(Path, session, new { name = "Other", slug = "ocean-lab", owner = new { username = MemberCalls.NewName(), email = "o@example.test" } })).AssertProblem(409, "name_taken", "slug");
        (await _server.PostAsync(Path, session, new { name = "Other", slug = "Ocean Lab", owner = new { username = MemberCalls.NewName(), email = "o@example.test" } })).AssertProblem(400, "slug_invalid", "slug");
        (await _server.PostAsync(Path, session, new { name = "Gone again", owner = new { username = name, email = "o@example.test" } })).AssertProblem(409, "name_taken", "owner.username");
        (await _server.PostAsync(Path, session, new { name = "Gone again", owner = new { username = MemberCalls.NewName(), email = "no" } })).AssertProblem(400, "email_invalid", "owner.email");
        Assert.False(await _server.QueryAsync(database => database.Organizations.AnyAsync(o => o.Slug == "gone-again")));
    }

    [Fact]
    [Trait("Case", "K12")]
    public async Task Everything_of_a_suspended_organization_ends_and_comes_back_when_it_is_lifted()
    {
        var session = await OperatorAsync();
        var organization = await _server.CreateOrganizationAsync(MemberCalls.NewName("org"));
        var name = MemberCalls.NewName();
        var user = await _server.CreateUserAsync(name, Role.Owner, organization.Id);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var theirs = await _server.GrantAsync(user.Id);
        var key = (await _server.CreateApiKeyAsync(theirs, "a")).Key;
        var (_, link) = await _server.InvitedAsync(theirs, MemberCalls.NewName());

        var suspended = await _server.PatchAsync($"{Path}/{organization.Id}", session, new { suspended = true });
        Assert.True(suspended.Status == 200 && suspended.Json.GetProperty("suspended").GetBoolean(), suspended.ToString());
        (await _server.GetAsync("/api/v1/me", key)).AssertProblem(401);
        (await _server.GetAsync("/api/v1/me", theirs)).AssertProblem(401);
        await browser.GoAsync("/account/profile");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        using var invited = _server.Browser();
        await invited.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, invited.Response.StatusCode);

        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{organization.Id}", session, new { suspended = false })).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key)).Status);
        await browser.GoAsync("/account/profile");
        Assert.Equal("/account/profile", browser.Address.AbsolutePath);
        await invited.GoAsync(link);
        Assert.Equal(HttpStatusCode.OK, invited.Response.StatusCode);
        // Told in both logs; the second time nothing changed, and nothing is told.
        Assert.Equal(200, (await _server.PatchAsync($"{Path}/{organization.Id}", session, new { suspended = false })).Status);
        Assert.Equal(4, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.SubjectId == organization.Id)));
    }

    [Fact]
    public async Task Only_operators_who_signed_in_see_and_change_organizations()
    {
        var (organization, _, owner) = await _server.AddOrganizationAsync();
        (await _server.GetAsync(Path, owner)).AssertProblem(403, "operator_required");
        (await _server.PostAsync(Path, owner, new { name = "X", owner = new { username = "x", email = "x@example.test" } })).AssertProblem(403, "operator_required");
        (await _server.PatchAsync($"{Path}/{organization.Id}", owner, new { suspended = true })).AssertProblem(403, "operator_required");
        var user = await _server.AddUserAsync(Role.Owner, isOperator: true);
        var session = await _server.GrantAsync(user.Id);
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "organization:read", "organization:write" } })).Key;
        Assert.Equal(200, (await _server.GetAsync(Path, key)).Status);
        (await _server.PatchAsync($"{Path}/{organization.Id}", key, new { suspended = true })).AssertProblem(403, "interactive_sign_in_required");
        (await _server.PatchAsync($"{Path}/{Guid.CreateVersion7()}", session, new { suspended = true })).AssertProblem(404, "not_found");
        (await _server.PatchAsync($"{Path}/{user.OrganizationId}", session, new { suspended = true })).AssertProblem(403, "own_organization");
    }

    [Fact]
    [Trait("Case", "R7")]
    public async Task A_slug_is_given_once()
    {
        var session = await OperatorAsync();
        var made = await TogetherAsync(20, i => _server.PostAsync(Path, session, new { name = "Raced", owner = new { username = $"raced-{i}", email = "r@example.test" } }));
        Assert.Single(made, answer => answer.Status == 201);
        Assert.All(made.Where(answer => answer.Status != 201), answer => answer.AssertProblem(409, "name_taken", "slug"));
        Assert.Equal(1, await _server.QueryAsync(database => database.Users.CountAsync(u => u.UserName!.StartsWith("raced-"))));
    }
}
