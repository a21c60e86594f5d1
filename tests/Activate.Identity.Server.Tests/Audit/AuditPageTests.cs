using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Audit;

/// <summary>The audit log in the browser, without JavaScript.</summary>
public class AuditPageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/audit";
    private readonly TestServer _server = shared.Server;

    private async Task<(string Username, Browser Browser)> NewAdminAsync()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        return await shared.NewUserAsync(Role.Admin, organization.Id);
    }

    private static async Task AddKeyAsync(Browser browser, string name)
    {
        await browser.GoAsync("/account/authentication/api-keys/add");
        await browser.SubmitAsync("Add Key", ("Name", name));
        Assert.Equal(HttpStatusCode.OK, browser.Response.StatusCode);
    }

    [Fact]
    public async Task An_administrator_filters_the_log_and_reads_what_happened()
    {
        var (username, browser) = await NewAdminAsync();
        await AddKeyAsync(browser, "<b>nightly</b>");
        await browser.GoAsync(Path);
        Assert.Contains("API key created", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("Sign in succeeded", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("“<b>nightly</b>”", browser.PageText, StringComparison.Ordinal);
        Assert.Contains(" UTC", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(username, browser.Page.QuerySelector("td[data-label=Who]")!.TextContent.Trim());
        await browser.GoAsync($"{Path}?type=api_key.created&actor={username}&outcome=&from=&to=&client=&address=&subject=");
        Assert.Equal(["API key created"], Whats(browser));
        Assert.Equal(username, browser.Page.QuerySelector("#actor")!.GetAttribute("value"));
        Assert.Equal("api_key.created", browser.Page.QuerySelector("#type option[selected]")!.GetAttribute("value"));
        await browser.GoAsync($"{Path}?outcome=refused");
        Assert.Contains("No events match.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}?from=yesterday");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.NotEmpty(browser.Page.QuerySelector("#from-error")!.TextContent);
    }

    [Fact]
    public async Task Older_events_are_on_the_pages_behind_and_the_file_has_all()
    {
        var (_, browser) = await NewAdminAsync();
        for (var i = 0; i < 52; i++)
        {
            await browser.GoAsync("/organization/audit?handler=Export&format=csv");
            Assert.Equal("text/csv", browser.Response.Content.Headers.ContentType?.MediaType);
        }

        await browser.GoAsync($"{Path}?type=audit.exported");
        Assert.Equal(50, Whats(browser).Count);
        await browser.GoAsync(browser.Page.QuerySelectorAll("nav a").Single(link => link.TextContent == "Older").GetAttribute("href")!);
        Assert.Equal(["Audit exported", "Audit exported"], Whats(browser));
        await browser.GoAsync(browser.Page.QuerySelectorAll("nav a").Single(link => link.TextContent == "Newest").GetAttribute("href")!);
        Assert.Equal(50, Whats(browser).Count);
        await browser.GoAsync(browser.Page.QuerySelectorAll("a.button").Single(link => link.TextContent == "Export as NDJSON").GetAttribute("href")!);
        Assert.Equal(53, browser.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_member_is_told_whose_page_it_is()
    {
        var (_, browser) = await shared.NewUserAsync();
        foreach (var path in (string[])[Path, $"{Path}?handler=Export&format=csv"])
        {
            await browser.GoAsync(path);
            Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
            Assert.Contains("Administrators of your organization", browser.PageText, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("Audit log", browser.Page.QuerySelector(".menu")!.TextContent, StringComparison.Ordinal);
    }

    private static List<string> Whats(Browser browser) => [.. browser.Page.QuerySelectorAll("table.list tbody th").Select(cell => cell.ChildNodes[0].TextContent.Trim())];
}
