using System.Net;
using System.Net.Http;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.ApiKeys;

/// <summary>The page of one key, without JavaScript.</summary>
public sealed class ApiKeyPageTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private const string Path = "/account/authentication/api-keys";
    private const string Me = "/api/v1/me";
    private readonly TestServer _server = shared.Server;

    private async Task<(Browser Browser, string Session, (string Id, string Key) Made)> KeyAsync(Role role = Role.Member)
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(role, organization.Id);
        var session = await _server.GrantAsync(await _server.QueryAsync(database => database.Users.Where(user => user.UserName == username).Select(user => user.Id).SingleAsync()));
        var made = await _server.CreateApiKeyAsync(session, "nightly");
        return (browser, session, (made.Id, made.Key));
    }

    [Fact]
    public async Task Name_and_addresses_of_a_key_are_changed_on_its_page_and_felt_at_once()
    {
        var (browser, _, key) = await KeyAsync();
        await browser.GoAsync(Path);
        await browser.GoAsync(browser.Page.QuerySelector("table.list th a")!.GetAttribute("href")!);
        await browser.SubmitAsync("Save", ("Name", "weekly"), ("AllowedAddresses", "not an address"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.NotEmpty(browser.Page.QuerySelector("#AllowedAddresses-error")!.TextContent);
        Assert.Equal(200, (await _server.GetAsync(Me, key.Key)).Status);
        await browser.SubmitAsync("Save", ("Name", "weekly"), ("AllowedAddresses", "192.0.2.0/24\n2001:db8::/32"));
        Assert.Contains("Saved.", browser.PageText, StringComparison.Ordinal);
        Assert.NotEqual(200, (await _server.GetAsync(Me, key.Key)).Status);
        await browser.SubmitAsync("Save", ("Name", "weekly"), ("AllowedAddresses", ""));
        Assert.Equal("weekly", (await _server.GetAsync(Me, key.Key)).Json.GetProperty("credential").GetProperty("name").GetString());
        await browser.SubmitAsync("Save", ("Name", ""), ("AllowedAddresses", ""));
        Assert.NotEmpty(browser.Page.QuerySelector("#Name-error")!.TextContent);
    }

    [Fact]
    public async Task A_rotation_shows_the_new_secret_once_and_a_form_sent_again_makes_no_third()
    {
        var (browser, session, key) = await KeyAsync();
        await browser.GoAsync($"{Path}/{key.Id}");
        var form = browser.Page.QuerySelector("input[name=Form]")!.GetAttribute("value")!;
        await browser.SubmitAsync("Rotate Key", ("OverlapHours", "0"));
        var secret = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.Contains("no-store", browser.Response.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.Equal((401, 200), ((await _server.GetAsync(Me, key.Key)).Status, (await _server.GetAsync(Me, secret)).Status));

        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.DoesNotContain(secret, browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Rotate Key", ("OverlapHours", "0"), ("Form", form));
        Assert.Contains("This form was sent before", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.GetAsync(Me, secret)).Status);

        await browser.GoAsync($"{Path}/{key.Id}");
        await browser.SubmitAsync("Rotate Key", ("OverlapHours", "24"));
        Assert.Equal((200, 200), ((await _server.GetAsync(Me, secret)).Status, (await _server.GetAsync(Me, browser.Page.QuerySelector("#secret")!.TextContent)).Status));
        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.Contains("A rotation is under way", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(204, (await _server.ApiAsync(HttpMethod.Delete, $"/api/v1/api-keys/{key.Id}", session)).Status);
        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.Equal(HttpStatusCode.NotFound, browser.Response.StatusCode);
    }

    [Fact]
    public async Task Before_a_rotation_one_sees_whether_something_still_uses_the_key()
    {
        var (browser, _, key) = await KeyAsync();
        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.Contains("Nobody has used it yet", Rotation(), StringComparison.Ordinal);
        Assert.Equal(200, (await _server.GetAsync(Me, key.Key)).Status);
        await _server.FlushLastUsesAsync();
        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.Matches("Last used (just now|1 minute ago) from (127.0.0.1|::1) ", Rotation());
        await browser.SubmitAsync("Rotate Key");
        await browser.GoAsync($"{Path}/{key.Id}");
        Assert.Matches("A rotation is under way.*Last used (just now|1 minute ago) from ", Rotation());
        // Near and exact, and exact to the second, without a pointer.
        var time = browser.Page.QuerySelector("[aria-labelledby=rotate] time:last-of-type")!;
        Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", time.GetAttribute("datetime"));
        Assert.Matches("^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC$", time.GetAttribute("title"));
        Assert.Matches("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC", time.ParentElement!.TextContent);

        string Rotation() => System.Text.RegularExpressions.Regex.Replace(browser.Page.QuerySelector("[aria-labelledby=rotate]")!.TextContent, @"\s+", " ");
    }

    [Fact]
    public async Task Nobody_else_has_the_page_of_a_key()
    {
        var (_, _, key) = await KeyAsync();
        var (other, _, _) = await KeyAsync(Role.Owner);
        await other.GoAsync($"{Path}/{key.Id}");
        Assert.Equal(HttpStatusCode.NotFound, other.Response.StatusCode);
    }

    [Fact]
    public async Task A_keeper_changes_and_rotates_the_key_of_a_service_account()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var (username, browser) = await shared.NewUserAsync(Role.Owner, organization.Id);
        var session = await _server.GrantAsync(await _server.QueryAsync(database => database.Users.Where(user => user.UserName == username).Select(user => user.Id).SingleAsync()));
        var account = (await _server.PostAsync("/api/v1/organization/service-accounts", session, new { username = $"robot-{Guid.NewGuid():N}"[..20], description = "robot", keepers = new[] { username } })).Text("id");
        var made = await _server.PostAsync($"/api/v1/organization/service-accounts/{account}/api-keys", session, new { name = "robot key" });
        await browser.GoAsync($"/organization/service-accounts/{account}");
        await browser.GoAsync(browser.Page.QuerySelector("table.list th a")!.GetAttribute("href")!);
        Assert.Equal($"/organization/service-accounts/{account}/api-keys/{made.Text("id")}", browser.Response.RequestMessage!.RequestUri!.AbsolutePath);
        await browser.SubmitAsync("Save", ("Name", "renamed"), ("AllowedAddresses", ""));
        Assert.Contains("Saved.", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Rotate Key", ("OverlapHours", "0"));
        var secret = browser.Page.QuerySelector("#secret")!.TextContent;
        Assert.Equal((401, 200), ((await _server.GetAsync(Me, made.Text("key"))).Status, (await _server.GetAsync(Me, secret)).Status));
    }
}
