using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.ServiceAccounts;

/// <summary>Service accounts in the browser, without JavaScript.</summary>
public class ServiceAccountPagesTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/organization/service-accounts";
    private readonly TestServer _server = shared.Server;

    [Fact]
    public async Task An_administrator_adds_one_its_keeper_adds_and_deletes_a_key_and_the_administrator_deletes_it()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (_, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        var (keeper, theirs) = await shared.NewUserAsync(Role.Member, organization.Id);
        var name = shared.NewName("robot");
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Account", ("Username", name), ("Description", ""), ("Keepers", $"{keeper}, nobody-here"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.NotNull(browser.Page.QuerySelector("#Description-error"));
        await browser.SubmitAsync("Add Account", ("Description", "copies results"));
        Assert.NotNull(browser.Page.QuerySelector("#Keepers-error"));
        await browser.SubmitAsync("Add Account", ("Keepers", keeper));
        Assert.Contains("The account is there", browser.PageText, StringComparison.Ordinal);
        var page = browser.Address.AbsolutePath;

        await theirs.GoAsync("/account/authentication/api-keys");
        Assert.NotNull(theirs.Page.QuerySelector($"a[href='{Path}']"));
        await theirs.GoAsync(Path);
        Assert.Contains(name, theirs.PageText, StringComparison.Ordinal);
        await theirs.GoAsync(page);
        Assert.Null(theirs.Page.QuerySelector("#Keepers"));
        await theirs.SubmitAsync("Save", ("Description", "copies everything"));
        Assert.Contains("The account was changed.", theirs.PageText, StringComparison.Ordinal);
        await theirs.GoAsync($"{page}/api-keys/add");
        await theirs.SubmitAsync("Add Key", ("Name", "nightly"), ("AllowedAddresses", "10.0.0.1/8"));
        Assert.Equal(HttpStatusCode.BadRequest, theirs.Response.StatusCode);
        Assert.NotNull(theirs.Page.QuerySelector("#AllowedAddresses-error"));
        var request = theirs.FormRequest("Add Key", ("Name", "nightly"), ("AllowedAddresses", "127.0.0.0/8, ::1"));
        var again = theirs.FormRequest("Add Key", ("Name", "nightly"), ("AllowedAddresses", ""));
        await theirs.SendAsync(request);
        var key = theirs.Page.QuerySelector("#secret")!.TextContent;
        Assert.Equal(("serviceAccount", name), (await _server.GetAsync("/api/v1/me", key)) is var me ? (me.Text("kind"), me.Text("username")) : default);
        Assert.Contains("no-store", theirs.Response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        await theirs.SendAsync(again);
        Assert.Contains("This form was sent before", theirs.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(key[^10..], theirs.Body, StringComparison.Ordinal);

        await theirs.GoAsync(page);
        Assert.Contains("only from 127.0.0.0/8 ::1/128", theirs.PageText, StringComparison.Ordinal);
        await theirs.GoAsync($"{page}?delete={theirs.Page.QuerySelector("button[aria-label='Delete nightly']")!.Id!["delete-".Length..]}");
        Assert.Contains("Delete the API key “nightly”", theirs.Page.QuerySelector("dialog")!.TextContent, StringComparison.Ordinal);
        await theirs.SubmitAsync("Delete API Key");
        Assert.Contains("was deleted", theirs.PageText, StringComparison.Ordinal);
        Assert.Equal(401, (await _server.GetAsync("/api/v1/me", key)).Status);

        await browser.GoAsync($"{page}?ask=disable");
        await browser.SubmitAsync("Disable Account");
        Assert.Contains("The account is disabled", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Enable");
        Assert.Contains("The account is enabled", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync(Path);
        await browser.GoAsync($"{Path}?delete={page[(Path.Length + 1)..]}");
        await browser.SubmitAsync("Delete Service Account");
        Assert.Contains("The account is gone", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync($"{Path}?deleted={Guid.CreateVersion7()}");
        Assert.DoesNotContain("The account is gone", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Others_find_none_and_an_old_sign_in_changes_nothing()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (administrator, browser) = await shared.NewUserAsync(Role.Admin, organization.Id);
        var (_, theirs) = await shared.NewUserAsync(Role.Member, organization.Id);
        var name = shared.NewName("robot");
        await browser.GoAsync($"{Path}/add");
        await browser.SubmitAsync("Add Account", ("Username", name), ("Description", "copies"));
        var page = browser.Address.AbsolutePath;
        Assert.StartsWith(Path + "/", page, StringComparison.Ordinal);
        foreach (var path in (string[])[page, $"{page}/api-keys/add"])
        {
            await theirs.GoAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, theirs.Response.StatusCode);
        }

        await theirs.GoAsync(Path);
        Assert.DoesNotContain(name, theirs.PageText, StringComparison.Ordinal);
        await theirs.GoAsync($"{Path}/add");
        Assert.Equal(HttpStatusCode.Forbidden, theirs.Response.StatusCode);
        await theirs.GoAsync("/account/authentication/api-keys");
        Assert.Null(theirs.Page.QuerySelector($"a[href='{Path}']"));

        await browser.GoAsync($"{page}?ask=disable");
        var disable = browser.FormRequest("Disable Account");
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == administrator)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));
        await browser.SendAsync(disable);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.False(await _server.QueryAsync(database => database.Users.Where(u => u.UserName == name).Select(u => u.Disabled).SingleAsync()));
    }
}
