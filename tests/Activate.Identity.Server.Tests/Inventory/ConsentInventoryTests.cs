using System.Net;
using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Inventory;

/// <summary>Administrators see what their people allowed applications, and take it back.</summary>
[Trait("Database", "Differs")]
public sealed class ConsentInventoryTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/api/v1/organization/consents";
    private const string Page = "/organization/consents";
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private static List<JsonElement> ItemsOf(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private async Task<string> RegisterAsync(string name)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret, name: name);
        return client;
    }

    private async Task<(string Username, Answer Tokens)> AllowAsync(Guid organization, params IReadOnlyList<string> clients)
    {
        var (username, browser) = await shared.NewUserAsync(organizationId: organization);
        Answer? tokens = null;
        using (browser)
        {
            foreach (var client in clients)
                tokens = await _server.ConnectAsync(browser, client, Secret);
        }

        return (username, tokens!);
    }

    [Fact]
    public async Task Every_consent_is_listed_page_by_page_filtered_and_exported()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (portal, notebook) = (await RegisterAsync("Portal"), await RegisterAsync("Notebook"));
        var (ada, _) = await AllowAsync(organization.Id, portal, notebook);
        var (bob, _) = await AllowAsync(organization.Id, portal);
        await AllowAsync((await _server.AddOrganizationAsync()).Organization.Id, portal);

        var all = ItemsOf(await _server.GetAsync(Path, session));
        Assert.Equal(3, all.Count);
        Assert.Equal(["application", "applicationId", "clientId", "grantedAt", "id", "lastUsedAt", "lastUsedFrom", "owner", "ownerId", "scopes"],
            all[0].EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        List<string?> seen = [];
        string? after = null;
        do
        {
            var page = await _server.GetAsync($"{Path}?limit=1{(after is null ? "" : $"&after={after}")}", session);
            seen.AddRange(ItemsOf(page).Select(item => item.GetProperty("id").GetString()));
            after = page.Json.GetProperty("next").GetString();
        }
        while (after is not null);
        Assert.Equal(all.Select(item => item.GetProperty("id").GetString()), seen);
        Assert.Equal(new[] { ada, bob }.Order(), (await WhoAsync($"application={portal}")).Order());
        Assert.Equal([ada, ada], await WhoAsync($"owner={ada}"));
        Assert.Equal([bob], await WhoAsync($"owner={bob}&application={portal}"));
        foreach (var none in (string[])["owner=nobody", "application=nothing", $"lastUsedBefore={_server.Now.AddDays(-1):yyyy-MM-dd}"])
            Assert.Empty(await WhoAsync(none));
        Assert.Equal(3, (await WhoAsync("lastUsedBefore=2100-01-01")).Count);

        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{Path}?format=csv");
        request.Headers.Authorization = new("Bearer", session);
        var lines = (await (await client.SendAsync(request)).Content.ReadAsStringAsync()).Trim().Split("\r\n");
        Assert.Equal((4, true), (lines.Length, lines[0].StartsWith("id,owner,", StringComparison.Ordinal)));
        (await _server.GetAsync($"{Path}?after=x", session)).AssertProblem(400, "cursor_invalid", "after");
        (await _server.GetAsync($"{Path}?format=xml", session)).AssertProblem(400, "format_unknown", "format");
        (await _server.GetAsync($"{Path}?lastUsedBefore=now", session)).AssertProblem(400, "time_invalid", "lastUsedBefore");
        (await _server.GetAsync(Path, (await _server.AddPersonAsync(organizationId: organization.Id)).Session)).AssertProblem(403, "insufficient_role");

        async Task<List<string>> WhoAsync(string query) => [.. ItemsOf(await _server.GetAsync($"{Path}?{query}", session)).Select(item => item.GetProperty("owner").GetString()!)];
    }

    [Fact]
    public async Task A_consent_that_is_taken_back_ends_all_that_the_application_has_of_this_person_and_of_nobody_else()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var client = await RegisterAsync("Portal");
        var (ada, hers) = await AllowAsync(organization.Id, client);
        var (_, his) = await AllowAsync(organization.Id, client);
        var id = ItemsOf(await _server.GetAsync($"{Path}?owner={ada}", session)).Single().GetProperty("id").GetGuid();
        Assert.Equal(204, (await _server.ApiAsync(HttpMethod.Delete, $"{Path}/{id}", session)).Status);
        Assert.Equal(401, (await _server.GetAsync("/api/v1/me", hers.Text("access_token"))).Status);
        Assert.Equal("invalid_grant", (await _server.RefreshAsync(client, Secret, hers.Text("refresh_token"))).Error);
        Assert.Equal(200, (await _server.RefreshAsync(client, Secret, his.Text("refresh_token"))).Status);
        Assert.Empty(ItemsOf(await _server.GetAsync($"{Path}?owner={ada}", session)));
        Assert.Single(ItemsOf(await _server.GetAsync(Path, session)));
        Assert.Equal(404, (await _server.ApiAsync(HttpMethod.Delete, $"{Path}/{id}", session)).Status);
        Assert.Contains(await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == organization.Id).Select(e => e.Type).ToListAsync()), type => type == AuditTypes.ApplicationEnded);
    }

    [Fact]
    public async Task What_an_owner_allowed_is_not_for_an_administrator_to_take_back()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var client = await RegisterAsync("Portal");
        var (_, browser) = await shared.NewUserAsync(Role.Owner, organization.Id);
        using (browser)
            await _server.ConnectAsync(browser, client, Secret);
        var id = ItemsOf(await _server.GetAsync(Path, session)).Single().GetProperty("id").GetGuid();
        var admin = await _server.GrantAsync((await _server.AddUserAsync(Role.Admin, organizationId: organization.Id)).Id, "organization:read organization:write");
        (await _server.ApiAsync(HttpMethod.Delete, $"{Path}/{id}", admin)).AssertProblem(403, "owner_required");
        Assert.Single(ItemsOf(await _server.GetAsync(Path, session)));
    }

    [Fact]
    public async Task An_administrator_finds_and_ends_a_consent_on_the_page()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        await browser.GoAsync(Page);
        Assert.Contains("Nobody in the organization has allowed an application anything yet", browser.PageText, StringComparison.Ordinal);
        var client = await RegisterAsync("<i>Portal</i>");
        var (ada, tokens) = await AllowAsync(organization.Id, client);
        await browser.GoAsync($"{Page}?owner={ada}&application=&lastUsedBefore=");
        Assert.Contains("<i>Portal</i>", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Page}?delete={browser.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
        Assert.Contains("End the consent to “<i>Portal</i>”?", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("End Consent");
        Assert.Contains("The consent to “<i>Portal</i>” was ended.", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(401, (await _server.GetAsync("/api/v1/me", tokens.Text("access_token"))).Status);
        await browser.GoAsync($"{Page}?handler=Export&format=ndjson");
        Assert.Equal("application/x-ndjson", browser.Response.Content.Headers.ContentType?.MediaType);
        await browser.GoAsync($"{Page}?lastUsedBefore=yesterday");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);

        var (_, member) = await shared.NewUserAsync();
        foreach (var path in (string[])[Page, $"{Page}?handler=Export&format=csv"])
        {
            await member.GoAsync(path);
            Assert.Equal(HttpStatusCode.Forbidden, member.Response.StatusCode);
        }
    }
}
