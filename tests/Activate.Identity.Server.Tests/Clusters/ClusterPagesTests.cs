using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Clusters;

/// <summary>Clusters in the browser, without JavaScript.</summary>
public class ClusterPagesTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/clusters";
    private readonly TestServer _server = shared.Server;

    [Fact]
    public async Task An_administrator_adds_changes_and_deletes_a_cluster_and_sees_each_key_once()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        var (member, theirs) = await shared.NewUserAsync(Role.Member, organization.Id);
        await browser.GoAsync(Path);
        Assert.Contains("There are none. Add one", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Cluster", ("Name", "frontier"), ("Address", "login.example.test:22"), ("Mode", "users"));
        Assert.NotNull(browser.Page.QuerySelector("#Usernames-error"));
        await browser.SubmitAsync("Add Cluster", ("Usernames", member));
        Assert.NotNull(browser.Page.QuerySelector("#Address-error"));
        var request = browser.FormRequest("Add Cluster", ("Address", "login.example.test"));
        var again = browser.FormRequest("Add Cluster", ("Address", "login.example.test"));
        await browser.SendAsync(request);
        var first = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.Contains("no-store", browser.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        Assert.Equal(200, (await _server.GetAsync($"/api/v1/authorized-keys/{member}", first)).Status);
        var page = browser.Page.QuerySelector($"a[href^='{Path}/']")!.GetAttribute("href")!;
        await browser.SendAsync(again);
        Assert.Contains("This form was sent before", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(first[^10..], browser.Body, StringComparison.Ordinal);

        await browser.GoAsync(Path);
        Assert.Contains("1 person", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync(page);
        Assert.Equal(member, browser.Page.QuerySelector("#Usernames")!.TextContent.Trim());
        await browser.SubmitAsync("Save", ("Name", "summit"), ("Mode", "everyone"));
        Assert.Contains("The cluster was changed", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Save Accounts", ("Accounts", $"{member} x4711"));
        Assert.NotNull(browser.Page.QuerySelector("#Accounts-error"));
        await browser.SubmitAsync("Save Accounts", ("Accounts", $"{member} = x4711\n"));
        Assert.Equal($"{member}=x4711", browser.Page.QuerySelector("#Accounts")!.TextContent.Trim());
        var rotate = browser.FormRequest("Make New Key");
        var rotateAgain = browser.FormRequest("Make New Key");
        await browser.SendAsync(rotate);
        var second = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.NotEqual(first, second);
        await browser.SendAsync(rotateAgain);
        Assert.Contains("This form was sent before", browser.PageText, StringComparison.Ordinal);
        foreach (var key in (string[])[first, second])
            Assert.Equal(200, (await _server.GetAsync($"/api/v1/authorized-keys/{member}", key)).Status);

        // Members see where they may log in, and change nothing.
        await theirs.GoAsync(Path);
        Assert.Contains("ssh login.example.test", theirs.PageText, StringComparison.Ordinal);
        Assert.Null(theirs.Page.QuerySelector($"a[href='{page}']"));
        await theirs.GoAsync(page);
        Assert.Equal(HttpStatusCode.NotFound, theirs.Response.StatusCode);
        await theirs.GoAsync($"{Path}/add");
        Assert.Equal(HttpStatusCode.Forbidden, theirs.Response.StatusCode);
        await browser.GoAsync($"{Path}?delete={page[(Path.Length + 1)..]}");
        await browser.SubmitAsync("Delete Cluster");
        Assert.Contains("The cluster is gone", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(401, (await _server.GetAsync("/api/v1/me", second)).Status);
    }

    [Fact]
    public async Task A_stranger_finds_no_cluster_of_another_organization()
    {
        var (_, browser) = await shared.NewUserAsync(Role.Admin, (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id);
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Cluster", ("Name", "frontier"), ("Address", "login.example.test"));
        var page = browser.Page.QuerySelector($"a[href^='{Path}/']")!.GetAttribute("href")!;
        var (_, stranger) = await shared.NewUserAsync(Role.Owner, (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id);
        await stranger.GoAsync(page);
        Assert.Equal(HttpStatusCode.NotFound, stranger.Response.StatusCode);
        await stranger.GoAsync(Path);
        Assert.DoesNotContain("frontier", stranger.PageText, StringComparison.Ordinal);
    }
}
