using AngleSharp.Dom;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Inventory;

/// <summary>What ends within 14 days, as the pages say it.</summary>
[Trait("Database", "Differs")]
public sealed class EndingSoonTests
{
    private const string Overview = "/account/authentication";

    private static IReadOnlyList<IElement> Rows(Browser browser) => [.. browser.Page.QuerySelectorAll("[aria-labelledby=ending] tbody tr")];

    [Theory]
    [EachDatabase]
    public async Task A_person_sees_theirs_and_those_of_accounts_they_keep_soonest_first_with_where_to_replace_them(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database, FakeClock = true });
        var organization = await server.CreateOrganizationAsync("lab");
        var owner = await server.CreateUserAsync("grace", Role.Owner, organization.Id);
        using var browser = await server.SignInAsync(username: "grace", password: TestServer.UserPassword);
        await browser.GoAsync(Overview);
        Assert.Contains("No API key and no SSH key does.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/");
        Assert.Null(browser.Page.QuerySelector("[aria-labelledby=ending]"));

        var session = await server.GrantAsync(owner.Id);
        foreach (var (name, days) in ((string, int?)[])[("later", 30), ("in a week", 7), ("endless", null)])
            Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", session, new { name, expiresInDays = days })).Status);
        Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, "/api/v1/ssh-keys", session, new { name = "laptop", publicKey = SshTestKeys.Ed25519(), expiresInDays = 5 })).Status);
        var account = (await server.ApiAsync(HttpMethod.Post, "/api/v1/organization/service-accounts", session, new { username = "robot", description = "robot", keepers = new[] { "grace" } })).Text("id");
        Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, $"/api/v1/organization/service-accounts/{account}/api-keys", session, new { name = "of the robot", expiresInDays = 6, scopes = new[] { "platform" } })).Status);
        await server.AddUserAsync(organizationId: organization.Id);

        foreach (var path in (string[])["/", Overview])
        {
            await browser.GoAsync(path);
            Assert.Equal(["laptop", "of the robot", "in a week"], Rows(browser).Select(row => row.QuerySelector("th a")!.TextContent));
        }

        Assert.Equal(["SSH key", "API key of robot", "API key"], Rows(browser).Select(row => row.QuerySelector("th .exact")!.TextContent));
        Assert.Equal(["active", "active", "active"], Rows(browser).Select(row => row.QuerySelector(".state")!.TextContent));
        Assert.Contains("in 5 days", Rows(browser)[0].TextContent, StringComparison.Ordinal);
        Assert.Contains("never", Rows(browser)[2].TextContent, StringComparison.Ordinal);
        foreach (var link in Rows(browser).SelectMany(row => row.QuerySelectorAll("a")).Select(link => link.GetAttribute("href")!).ToList())
            Assert.Equal((link, System.Net.HttpStatusCode.OK), (link, (await browser.GoAsync(link)).Response.StatusCode));

        // Time goes on: what has ended is no news, and what comes near is.
        server.Clock!.Advance(TimeSpan.FromDays(6));
        server.Clock.Advance(TimeSpan.FromHours(1));
        await browser.SignInAsync("grace", TestServer.UserPassword);
        await browser.GoAsync(Overview);
        Assert.Equal(["in a week"], Rows(browser).Select(row => row.QuerySelector("th a")!.TextContent));
        Assert.Equal("expiring", Rows(browser)[0].QuerySelector(".state")!.TextContent);
        server.Clock.Advance(TimeSpan.FromDays(11));
        await browser.SignInAsync("grace", TestServer.UserPassword);
        await browser.GoAsync(Overview);
        Assert.Equal(["later"], Rows(browser).Select(row => row.QuerySelector("th a")!.TextContent));
    }

    [Fact]
    public async Task An_administrator_sees_five_of_everybody_with_the_way_to_the_rest_and_a_member_only_their_own()
    {
        await using var server = await TestServer.StartAsync();
        var organization = await server.CreateOrganizationAsync("lab");
        await server.CreateUserAsync("grace", Role.Admin, organization.Id);
        await server.CreateUserAsync("ken", Role.Member, organization.Id);
        var (other, session) = await server.AddPersonAsync(organizationId: organization.Id);
        for (var i = 1; i <= 6; i++)
            Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", session, new { name = $"key {i}", expiresInDays = i })).Status);
        var (_, elsewhere) = await server.AddPersonAsync();
        Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", elsewhere, new { name = "foreign", expiresInDays = 1 })).Status);

        using var browser = await server.SignInAsync(username: "grace", password: TestServer.UserPassword);
        await browser.GoAsync("/organization/credentials");
        Assert.Equal(["key 1", "key 2", "key 3", "key 4", "key 5"], Rows(browser).Select(row => row.QuerySelector("th a")!.TextContent));
        Assert.All(Rows(browser), row => Assert.Contains($"API key of {other.UserName}", row.TextContent, StringComparison.Ordinal));
        Assert.Contains("More end within 14 days.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/organization/credentials?kind=apiKey");
        Assert.Null(browser.Page.QuerySelector("[aria-labelledby=ending]"));
        using var member = await server.SignInAsync(username: "ken", password: TestServer.UserPassword);
        await member.GoAsync(Overview);
        Assert.Empty(Rows(member));
    }

    [Fact]
    public async Task What_a_policy_has_just_shortened_says_its_new_end()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var organization = await server.CreateOrganizationAsync("lab");
        var owner = await server.CreateUserAsync("grace", Role.Owner, organization.Id);
        Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", await server.GrantAsync(owner.Id), new { name = "ten", expiresInDays = 10 })).Status);
        await server.QueryAsync(database =>
        {
            database.PolicyCuts.Add(new PolicyCut { OrganizationId = organization.Id, Version = 1000, At = server.Now, GraceEndsAt = server.Now, ApiKeyMaximumDays = 3 });
            return database.SaveChangesAsync();
        });
        using var browser = await server.SignInAsync(username: "grace", password: TestServer.UserPassword);
        await browser.GoAsync(Overview);
        Assert.Contains("in 3 days", Rows(browser).Single().TextContent, StringComparison.Ordinal);
    }
}
