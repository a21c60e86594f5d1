using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SecondFactors;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Inventory;

/// <summary>The credentials of an organization in the browser, without JavaScript.</summary>
public class CredentialsPageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/credentials";
    private readonly TestServer _server = shared.Server;

    [Fact]
    public async Task An_administrator_finds_explains_and_ends_credentials()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        await browser.GoAsync(Path);
        Assert.Contains("Nobody in the organization has a credential yet", browser.PageText, StringComparison.Ordinal);
        var (member, session) = await _server.AddPersonAsync(organizationId: organization.Id);
        foreach (var name in (string[])["<i>one</i>", "two", "three"])
            Assert.Equal(201, (await _server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", session, new { name })).Status);
        await browser.GoAsync($"{Path}?kind=apiKey&owner={member.UserName}&state=&application=&lastUsedBefore=");
        Assert.Equal(3, browser.Page.QuerySelectorAll("table.list tbody tr").Length);
        Assert.Contains("<i>one</i>", browser.PageText, StringComparison.Ordinal);
        Assert.Equal("apiKey", browser.Page.QuerySelector("#kind option[selected]")!.GetAttribute("value"));

        await browser.GoAsync(browser.Page.QuerySelector("td[data-label=Expires] a")!.GetAttribute("href")!);
        Assert.Contains("No end was asked for", browser.PageText, StringComparison.Ordinal);
        var row = browser.Page.QuerySelectorAll("table.list tbody tr").Single(row => row.TextContent.Contains("two", StringComparison.Ordinal));
        await browser.GoAsync($"{Path}?delete={row.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
        Assert.Contains("End the API key “two”?", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("End API Key");
        Assert.Contains("The API key “two” was ended.", browser.PageText, StringComparison.Ordinal);

        await browser.GoAsync($"{Path}?kind=apiKey");
        await browser.GoAsync(browser.Page.QuerySelector("#end-all")!.GetAttribute("href")!);
        Assert.Contains("End 2 credentials?", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("End Credentials");
        Assert.Contains("2 API keys ended.", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("No credentials match.", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}?handler=Export&format=csv");
        Assert.Equal("text/csv", browser.Response.Content.Headers.ContentType?.MediaType);
        await browser.GoAsync($"{Path}?lastUsedBefore=yesterday");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.NotEmpty(browser.Page.QuerySelector("#lastUsedBefore-error")!.TextContent);
    }

    [Fact]
    public async Task Keys_of_clusters_are_named_by_cluster_and_ending_them_says_that_nobody_logs_in_there()
    {
        var owner = await _server.NewOwnerAsync();
        var session = await _server.GrantAsync(owner.Id, "credentials:read credentials:write organization:read organization:write");
        Assert.Equal(201, (await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "Frontier", address = "login.frontier.example.test" })).Status);
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", session, new { name = "laptop", publicKey = SshTestKeys.Ed25519() })).Status);
        using var browser = await _server.SignInAsync(owner);
        await browser.GoAsync(Path);
        Assert.Contains(browser.Page.QuerySelectorAll("th[data-label=Owner]"), cell => cell.TextContent.Trim() == "cluster Frontier");
        // As on the owner's own page.
        var ssh = browser.Page.QuerySelectorAll("table.list tbody tr").Single(row => row.TextContent.Contains("laptop", StringComparison.Ordinal));
        Assert.Equal("not known", ssh.QuerySelector("td[data-label='Last used']")!.TextContent.Trim());

        var key = browser.Page.QuerySelectorAll("table.list tbody tr").Single(row => row.TextContent.Contains("cluster Frontier", StringComparison.Ordinal));
        await browser.GoAsync($"{Path}?delete={key.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
        Assert.Contains("It is the key of the cluster Frontier. Without it nobody logs in there", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}?kind=apiKey&end=all");
        Assert.Contains("Among them is the key of the cluster Frontier", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}?kind=sshKey&end=all");
        Assert.DoesNotContain("Among them is the key", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_is_told_whose_page_it_is()
    {
        var (_, browser) = await shared.NewUserAsync();
        foreach (var path in (string[])[Path, $"{Path}?handler=Export&format=csv", $"{Path}?end=all&kind=apiKey"])
        {
            await browser.GoAsync(path);
            Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
            Assert.Contains("Administrators of your organization", browser.PageText, StringComparison.Ordinal);
        }
    }
}
