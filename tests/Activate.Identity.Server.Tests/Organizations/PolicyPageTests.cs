using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.Organizations.PolicyCalls;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>The policy in the browser.</summary>
public class PolicyPageTests(PolicyPageTests.Fixture fixture) : IClassFixture<PolicyPageTests.Fixture>
{
    private const string Path = "/organization/policy";
    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : SharedServer
    {
        protected override TestServerOptions Options => new() { Settings = new Dictionary<string, string?> { ["Policy:Ceiling:ApiKeys:MaximumDays"] = "60" } };
    }

    [Fact]
    public async Task An_administrator_previews_and_applies_and_what_was_inherited_stays_so()
    {
        var (browser, session) = await NewAdminAsync();
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { deviceLogin = new { enabled = true } })).Status);
        var key = await _server.CreateApiKeyAsync(session, "long", new { name = "long", expiresInDays = 60 });
        await browser.GoAsync(Path);
        Assert.Contains("The server’s limit: 60.", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Preview", ("apiKeys.maximumDays", "7"), ("mode", "shorten"), ("graceDays", "10"));
        Assert.Contains("1 API key would end sooner. Nothing is changed yet.", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("long", browser.Page.QuerySelector("section[aria-labelledby=preview] table.list")?.TextContent, StringComparison.Ordinal);
        // The picture: the administrator's device login ends within the week, the key in the ninth and then in the second.
        Assert.Equal(
            ["0 0", "1 1", "0 1", "0 0", "0 0", "0 0", "0 0", "0 0", "0 0", "1 0", "0 0", "0 0", "0 0", "0 0", "0 0"],
            browser.Page.QuerySelectorAll("table.bars tbody tr").Select(row => string.Join(' ', row.QuerySelectorAll("td").Select(cell => cell.TextContent.Trim()))));
        Assert.Equal("requested", (await _server.GetAsync($"/api/v1/api-keys/{key.Id}", session)).Text("expiresBecause"));
        await browser.SubmitAsync("Apply");
        Assert.Contains("The policy was changed.", browser.PageText, StringComparison.Ordinal);
        // The newest first, with who and what.
        var changes = browser.Page.QuerySelectorAll("section[aria-labelledby=history] tbody tr").Select(row => row.TextContent).ToList();
        Assert.Equal(2, changes.Count);
        Assert.Contains("existing credentials shortened, grace 10 d", changes[0], StringComparison.Ordinal);
        Assert.Contains("existing credentials kept", changes[1], StringComparison.Ordinal);
        Assert.Equal("""{"apiKeys":{"maximumDays":7},"deviceLogin":{"enabled":true}}""", (await _server.GetAsync(PolicyPath, session)).Json.GetProperty("policy").GetRawText());
        var after = await _server.GetAsync($"/api/v1/api-keys/{key.Id}", session);
        Assert.Equal(("policy", 10), (after.Text("expiresBecause"), Math.Round((after.Json.Time("expiresAt")!.Value - DateTime.UtcNow).TotalDays)));
    }

    [Fact]
    public async Task The_preview_says_first_where_nobody_could_log_in_any_more()
    {
        var (browser, session) = await NewAdminAsync();
        foreach (var name in (string[])["Frontier", "Alps"])
            Assert.Equal(201, (await _server.PostAsync("/api/v1/organization/clusters", session, new { name, address = $"{name}.example.test" })).Status);
        await browser.GoAsync(Path);
        await browser.SubmitAsync("Preview", ("apiKeys.maximumDays", "7"), ("mode", "shorten"), ("graceDays", "10"));
        Assert.Equal(["Alps", "Frontier"], browser.Page.QuerySelectorAll("p.warning strong").Select(cluster => cluster.TextContent));
        Assert.Contains("The key of the cluster Alps would end in 10 days", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Preview", ("mode", "keep"));
        Assert.Empty(browser.Page.QuerySelectorAll("p.warning strong"));
    }

    [Fact]
    public async Task Beside_the_organizations_own_number_stands_the_one_that_counts()
    {
        var (browser, session) = await NewAdminAsync();
        await browser.GoAsync(Path);
        // Nothing of its own: the server's.
        Assert.Single(browser.PageText.Split("What counts: 60.")[1..]);
        // The server allows 60 days; a default of the organization is no later than its maximum.
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 90 }, tokens = new { maximumHours = 5 } })).Status);
        await browser.GoAsync(Path);
        Assert.Equal("90", browser.Page.QuerySelector("#apiKeys-maximumDays")!.GetAttribute("value"));
        Assert.EndsWith("The server’s limit: 60. What counts: 60.", browser.Page.QuerySelector("#apiKeys-maximumDays-hint")!.TextContent, StringComparison.Ordinal);
        Assert.EndsWith("What counts: 5.", browser.Page.QuerySelector("#tokens-defaultHours-hint")!.TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("What counts", browser.Page.QuerySelector("#tokens-maximumHours-hint")!.TextContent, StringComparison.Ordinal);
        // Of what was typed and not applied nothing can be said yet.
        await browser.SubmitAsync("Preview", ("apiKeys.maximumDays", "80"));
        Assert.DoesNotContain("What counts", browser.Page.QuerySelector("#apiKeys-maximumDays-hint")!.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_that_somebody_changed_meanwhile_is_not_overwritten_unseen()
    {
        var (browser, session) = await NewAdminAsync();
        await browser.GoAsync(Path);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { tokens = new { maximumHours = 5 } })).Status);
        await browser.SubmitAsync("Apply", ("apiKeys.maximumDays", "7"));
        Assert.Equal(HttpStatusCode.PreconditionFailed, browser.Response.StatusCode);
        Assert.Contains("Somebody changed the policy since you looked at it", browser.PageText, StringComparison.Ordinal);
        // Nor by a second click: what was typed is still about the policy as it was.
        foreach (var button in (string[])["Apply", "Preview", "Apply"])
        {
            await browser.SubmitAsync(button);
            Assert.Equal(HttpStatusCode.PreconditionFailed, browser.Response.StatusCode);
            Assert.Equal("7", browser.Page.QuerySelector("#apiKeys-maximumDays")!.GetAttribute("value"));
        }

        Assert.Equal("""{"tokens":{"maximumHours":5}}""", (await _server.GetAsync(PolicyPath, session)).Json.GetProperty("policy").GetRawText());
        await browser.GoAsync(browser.Page.QuerySelector(".notice a[href='/organization/policy']")!.GetAttribute("href")!);
        Assert.Equal("5", browser.Page.QuerySelector("#tokens-maximumHours")!.GetAttribute("value"));
        await browser.SubmitAsync("Apply", ("apiKeys.maximumDays", "7"));
        Assert.Equal("""{"apiKeys":{"maximumDays":7},"tokens":{"maximumHours":5}}""", (await _server.GetAsync(PolicyPath, session)).Json.GetProperty("policy").GetRawText());
    }

    [Theory]
    [InlineData("Apply")]
    [InlineData("Preview")]
    public async Task What_was_typed_over_an_older_policy_stays_on_the_page_beside_the_numbers_of_now_and_cannot_be_applied(string button)
    {
        var (browser, session) = await NewAdminAsync();
        await browser.GoAsync(Path);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { tokens = new { maximumHours = 5 } })).Status);
        await browser.SubmitAsync(button, ("apiKeys.maximumDays", "7"));
        for (var again = 0; again < 2; again++)
        {
            Assert.Equal(HttpStatusCode.PreconditionFailed, browser.Response.StatusCode);
            Assert.Equal("7", browser.Page.QuerySelector("#apiKeys-maximumDays")!.GetAttribute("value"));
            Assert.EndsWith("Now: no limit.", browser.Page.QuerySelector("#apiKeys-maximumDays-hint")!.TextContent, StringComparison.Ordinal);
            Assert.EndsWith("Now: 5.", browser.Page.QuerySelector("#tokens-maximumHours-hint")!.TextContent, StringComparison.Ordinal);
            Assert.DoesNotContain("Now:", browser.Page.QuerySelector("#webSessions-idleMinutes-hint")!.TextContent, StringComparison.Ordinal);
            await browser.SubmitAsync("Apply");
        }

        Assert.Equal("""{"tokens":{"maximumHours":5}}""", (await _server.GetAsync(PolicyPath, session)).Json.GetProperty("policy").GetRawText());
        await browser.GoAsync(browser.Page.QuerySelector(".notice a")!.GetAttribute("href")!);
        await browser.SubmitAsync("Apply", ("apiKeys.maximumDays", "7"));
        Assert.Equal("""{"apiKeys":{"maximumDays":7},"tokens":{"maximumHours":5}}""", (await _server.GetAsync(PolicyPath, session)).Json.GetProperty("policy").GetRawText());
    }

    [Fact]
    [Trait("Case", "W4")]
    public async Task The_page_says_what_was_just_changed_and_no_link_makes_it_say_so()
    {
        var organization = await _server.CreateOrganizationAsync(fixture.NewName("org"));
        var (_, browser) = await fixture.NewUserAsync(Role.Admin, organization.Id);
        foreach (var done in (string[])["kept", "shortened", "changed", "true"])
            Assert.Null((await browser.GoAsync($"{Path}?done={done}")).Page.QuerySelector("p[role=status]"));
        // Nor after somebody else's change.
        var (_, other) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        Assert.Equal(200, (await _server.SetPolicyAsync(other, new { tokens = new { maximumHours = 5 } })).Status);
        Assert.Null((await browser.GoAsync($"{Path}?done=changed")).Page.QuerySelector("p[role=status]"));
        foreach (var (mode, days, shortened) in ((string, string, bool)[])[("keep", "7", false), ("shorten", "6", true)])
        {
            await browser.GoAsync(Path);
            await browser.SubmitAsync("Apply", ("apiKeys.maximumDays", days), ("mode", mode));
            var said = browser.Page.QuerySelector("p[role=status]")?.TextContent;
            Assert.StartsWith("The policy was changed.", said, StringComparison.Ordinal);
            Assert.Equal(shortened, said!.Contains("have been shortened", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("apiKeys.maximumDays", "0")]
    [InlineData("apiKeys.maximumDays", "-3")]
    [InlineData("apiKeys.maximumDays", "many")]
    [InlineData("tokens.maximumHours", "25")]
    [InlineData("graceDays", "366")]
    [InlineData("graceDays", "x")]
    [InlineData("requireTwoFactor", "yes")]
    [InlineData("applications.allowed", "some")]
    public async Task What_means_nothing_is_shown_and_changes_nothing(string field, string value)
    {
        var (browser, session) = await NewAdminAsync();
        foreach (var button in (string[])["Preview", "Apply"])
        {
            await browser.GoAsync(Path);
            await browser.SubmitAsync(button, (field, value));
            Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
            Assert.NotNull(browser.Page.QuerySelector("[role=alert]"));
        }

        Assert.Equal("\"0\"", await _server.PolicyTagAsync(session));
    }

    [Fact]
    public async Task Members_look_and_an_old_sign_in_does_not_change()
    {
        var organization = await _server.CreateOrganizationAsync(fixture.NewName("org"));
        var (username, admin) = await fixture.NewUserAsync(Role.Admin, organization.Id);
        await admin.GoAsync(Path);
        var request = admin.FormRequest("Apply", ("apiKeys.maximumDays", "7"));
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));
        await admin.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, admin.Response.StatusCode);
        Assert.NotNull(admin.Page.QuerySelector("a[href*=reauthenticate]"));

        var (_, member) = await fixture.NewUserAsync(Role.Member, organization.Id);
        await member.GoAsync(Path);
        Assert.Contains("Administrators of your organization can change it", member.PageText, StringComparison.Ordinal);
        Assert.Empty(member.Page.QuerySelectorAll("button[formaction]"));
        Assert.Equal(0, await _server.QueryAsync(database => database.Organizations.Where(o => o.Id == organization.Id).Select(o => o.PolicyVersion).SingleAsync()));
    }

    private async Task<(Browser Browser, string Session)> NewAdminAsync()
    {
        var organization = await _server.CreateOrganizationAsync(fixture.NewName("org"));
        var (username, browser) = await fixture.NewUserAsync(Role.Admin, organization.Id);
        return (browser, await _server.GrantAsync(await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync())));
    }
}
