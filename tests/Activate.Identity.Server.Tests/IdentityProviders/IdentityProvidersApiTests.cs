using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>Who may say where people sign in, and what is told of it.</summary>
public sealed class IdentityProvidersApiTests(SsoServer fixture) : IClassFixture<SsoServer>
{
    private const string Issuer = "https://login.example.org/realms/main";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_provider_is_added_read_changed_and_deleted_and_its_secret_never_told()
    {
        var (organization, owner, _) = await _server.AddOrganizationAsync();
        var session = await SessionAsync(owner.Id);
        var created = await _server.PostAsync(Sso.Providers, session, new
        {
            name = "University", issuer = Issuer, clientId = "activate", clientSecret = "canary", allowedDomains = new[] { "Example.org" }, requiredClaim = new { name = "groups", value = "hpc" },
            groupsClaim = "groups", roles = new Dictionary<string, string> { ["admins"] = "admin" }, trustsMfa = true, mfaContexts = new[] { "gold" }, pauseAfterDays = 30,
        });
        Assert.True(created.Status == 201, created.ToString());
        var path = $"{Sso.Providers}/{created.Text("id")}";
        Assert.Equal(path, created.Response.Headers.Location?.ToString());
        var read = await _server.GetAsync(path, session);
        Assert.Equal(created.Body, read.Body);
        var origin = _server.Origin.GetLeftPart(UriPartial.Authority);
        Assert.Equal((Issuer, $"{origin}/sign-in/callback", $"{origin}/sign-in/{organization.Slug}"), (read.Text("issuer"), read.Text("redirectUri"), read.Text("signInUri")));
        Assert.True(read.Json.GetProperty("hasClientSecret").GetBoolean());
        Assert.Equal("example.org", read.Json.GetProperty("allowedDomains")[0].GetString());
        var changed = await _server.PatchAsync(path, session, new { name = "Uni", requiredClaim = (object?)null, trustsMfa = false, pauseAfterDays = (int?)null });
        (await _server.PatchAsync(path, session, new { issuer = "https://evil.test" })).AssertProblem(400, "unknown_field", "issuer");
        Assert.Equal(("Uni", Issuer), (changed.Text("name"), changed.Text("issuer")));
        Assert.Empty(changed.Json.GetProperty("mfaContexts").EnumerateArray());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, changed.Json.GetProperty("pauseAfterDays").ValueKind);
        Assert.False((await _server.PatchAsync(path, session, new { clientSecret = (string?)null })).Json.GetProperty("hasClientSecret").GetBoolean());
        foreach (var answer in (Answer[])[created, read, changed, await _server.GetAsync(Sso.Providers, session), await _server.GetAsync("/api/v1/organization/audit-events", session)])
            Assert.DoesNotContain("canary", answer.Body, StringComparison.Ordinal);
        Assert.Equal(204, (await _server.DeleteAsync(path, session)).Status);
        (await _server.GetAsync(path, session)).AssertProblem(404, "not_found");
        Assert.Equal([AuditTypes.IdentityProviderCreated, AuditTypes.IdentityProviderChanged, AuditTypes.IdentityProviderChanged, AuditTypes.IdentityProviderDeleted],
            await _server.QueryAsync(database => database.AuditEvents.Where(e => e.SubjectId == Guid.Parse(created.Text("id"))).OrderBy(e => e.Id).Select(e => e.Type).ToListAsync()));
    }

    [Fact]
    public async Task What_means_nothing_is_refused()
    {
        var (_, owner, _) = await _server.AddOrganizationAsync();
        var session = await SessionAsync(owner.Id);
        (await _server.PostAsync(Sso.Providers, session, new { name = "X", issuer = "http://login.example.org", clientId = "a" })).AssertProblem(400, "issuer_insecure", "issuer");
        (await _server.PostAsync(Sso.Providers, session, new { name = "X", issuer = Issuer, clientId = "a", allowedDomains = new[] { "x" } })).AssertProblem(400, "domain_invalid", "allowedDomains");
        (await _server.PostAsync(Sso.Providers, session, new { name = "X", issuer = Issuer, clientId = "a", groupsClaim = "g", roles = new Dictionary<string, string> { ["a"] = "owner" } })).AssertProblem(400, "role_not_from_outside", "roles");
        (await _server.PostAsync(Sso.Providers, session, new { name = "X", issuer = Issuer, clientId = "a", clientSecret = "" })).AssertProblem(400, "client_secret_invalid", "clientSecret");
        for (var i = 0; i < 5; i++)
            Assert.Equal(201, (await _server.PostAsync(Sso.Providers, session, new { name = $"P{i}", issuer = Issuer, clientId = "a" })).Status);
        (await _server.PostAsync(Sso.Providers, session, new { name = "p6", issuer = Issuer, clientId = "a" })).AssertProblem(409, "too_many_identity_providers");
        var id = (await _server.GetAsync(Sso.Providers, session)).Json.GetProperty("items")[0].GetProperty("id").GetString();
        (await _server.PatchAsync($"{Sso.Providers}/{id}", session, new { name = "P0" })).AssertProblem(409, "name_taken", "name");
    }

    [Fact]
    public async Task Members_see_nothing_administrators_make_no_administrators()
    {
        var (organization, owner, _) = await _server.AddOrganizationAsync();
        var owners = await SessionAsync(owner.Id);
        var admins = await SessionAsync((await _server.AddUserAsync(Role.Admin, organizationId: organization.Id)).Id);
        var members = await SessionAsync((await _server.AddUserAsync(organizationId: organization.Id)).Id);
        var roles = new Dictionary<string, string> { ["g"] = "admin" };
        (await _server.PostAsync(Sso.Providers, admins, new { name = "A", issuer = Issuer, clientId = "a", groupsClaim = "groups", roles })).AssertProblem(403, "owner_required");
        var created = await _server.PostAsync(Sso.Providers, admins, new { name = "A", issuer = Issuer, clientId = "a", groupsClaim = "groups", roles = new Dictionary<string, string> { ["g"] = "member" } });
        Assert.True(created.Status == 201, created.ToString());
        var path = $"{Sso.Providers}/{created.Text("id")}";
        (await _server.PatchAsync(path, admins, new { roles })).AssertProblem(403, "owner_required");
        Assert.Equal(200, (await _server.PatchAsync(path, owners, new { roles })).Status);
        // Nor does an administrator say where the groups are that make some.
        (await _server.PatchAsync(path, admins, new { groupsClaim = "others" })).AssertProblem(403, "owner_required");
        Assert.Equal(200, (await _server.PatchAsync(path, admins, new { name = "B" })).Status);
        (await _server.GetAsync(Sso.Providers, members)).AssertProblem(403, "insufficient_role");
        (await _server.GetAsync(path, members)).AssertProblem(403, "insufficient_role");
        (await _server.PatchAsync(path, members, new { name = "C" })).AssertProblem(403);
        (await _server.DeleteAsync(path, members)).AssertProblem(403);
        (await _server.PostAsync($"{path}/check", members)).AssertProblem(403);
    }

    [Fact]
    public async Task The_pages_do_the_same()
    {
        var (organization, _, _) = await _server.AddOrganizationAsync();
        var name = fixture.NewName("admin");
        await _server.CreateUserAsync(name, Role.Owner, organization.Id);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        await using var provider = await FakeProvider.StartAsync();
        await browser.GoAsync("/organization/sign-in");
        Assert.Contains("There are none.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/organization/sign-in/add");
        await browser.SubmitAsync("Add Provider", ("Name", "Example"), ("Issuer", "http://evil.test"), ("ClientId", "a"), ("ClientSecret", "canary"));
        Assert.Contains("reached by https only", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", browser.Body, StringComparison.Ordinal);
        await browser.SubmitAsync("Add Provider", ("Name", "Example"), ("Issuer", provider.Issuer), ("ClientId", "a"), ("ClientSecret", "canary"), ("AllowedDomains", "example.org\nexample.com"),
            ("GroupsClaim", "groups"), ("Roles", "CN=Admins,O=x=admin\nusers=member"), ("PauseAfterDays", "30"));
        Assert.Contains("Saved. It counts for the next sign-in.", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", browser.Body, StringComparison.Ordinal);
        await browser.SubmitAsync("Check");
        Assert.Contains("What it publishes is in order.", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Save", ("Name", "Example 2"), ("PauseAfterDays", "soon"));
        Assert.Contains("1 to 3650 days", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Save", ("Name", "Example 2"), ("PauseAfterDays", ""));
        Assert.Contains("Saved.", browser.PageText, StringComparison.Ordinal);
        var row = await _server.QueryAsync(database => database.IdentityProviders.SingleAsync(provider => provider.OrganizationId == organization.Id));
        Assert.Equal(("Example 2", "example.org example.com", null), (row.Name, row.AllowedDomains, row.PauseAfterDays));
        Assert.Equal(Role.Admin, row.Read().Roles["CN=Admins,O=x"]);
        Assert.NotNull(row.ProtectedSecret);
        await browser.GoAsync($"/organization/sign-in?delete={row.Id}");
        await browser.SubmitAsync("Delete Provider");
        Assert.Contains("The provider is gone", browser.PageText, StringComparison.Ordinal);
    }

    private Task<string> SessionAsync(Guid user) => _server.GrantAsync(user, "platform credentials:read credentials:write organization:read organization:write audit:read");
}

/// <summary>A server as it is installed: it goes to public addresses only.</summary>
public sealed class OutboundTests(Connect.SharedServer fixture) : IClassFixture<Connect.SharedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    [Trait("Case", "U4")]
    public async Task It_connects_to_nothing_on_its_own_network()
    {
        await using var provider = await FakeProvider.StartAsync();
        var asked = false;
        provider.Mood = _ =>
        {
            asked = true;
            return Task.FromResult(false);
        };
        foreach (var issuer in (string[])[provider.Issuer, provider.Issuer.Replace("localhost", "127.0.0.1", StringComparison.Ordinal), "https://127.0.0.1", "https://[::1]", "https://169.254.169.254", "https://10.0.0.1", "https://2130706433"])
        {
            var sso = await Sso.NewAsync(_server, issuer);
            using var browser = _server.Browser();
            await browser.GoAsync(sso.Path);
            await Sso.AssertRefusedAsync(browser, "cannot be reached just now", 503);
            var check = await _server.PostAsync($"{Sso.Providers}/{sso.ProviderId}/check", sso.Session);
            Assert.Contains("has no address that this server may connect to", check.Body, StringComparison.Ordinal);
        }

        Assert.False(asked);
    }

    [Fact]
    public async Task A_setting_that_is_no_network_stops_the_start()
    {
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["Server:AllowedOutbound:0"] = "everything" } }));
        Assert.Contains("Server:AllowedOutbound", refusal.ToString(), StringComparison.Ordinal);
    }
}
