using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>A third-party application from its registration to its end, as an administrator, a member and the application live it.</summary>
public sealed class ApplicationStoryTests(Site site) : IClassFixture<Site>
{
    [Fact]
    public async Task An_administrator_registers_a_portal_a_member_signs_in_there_and_disconnects_it()
    {
        await using var portal = new Portal(site.Origin);
        await using var administrator = await site.OpenAsync();
        await administrator.SignInAsync();
        await administrator.RegisterAsync(portal, "Observatory Portal", "Stay signed in when you are away");
        administrator.AssertNoComplaints();

        // The member opens the portal, signs in here, and is asked.
        await site.AddMemberAsync("grace");
        await using var member = await site.OpenAsync(username: "grace");
        await member.Page.GotoAsync(portal.Home);
        await member.TypePasswordAsync();
        await Assertions.Expect(member.Page.GetByRole(AriaRole.Heading, new() { Name = "Allow Observatory Portal?" })).ToBeVisibleAsync();
        await Assertions.Expect(member.Page.Locator("#main").GetByText("grace, Hydrology Lab")).ToBeVisibleAsync();
        await member.AssertAccessibleAsync();
        await member.Page.GetByRole(AriaRole.Button, new() { Name = "Deny" }).ClickAsync();
        await Assertions.Expect(member.Page.GetByRole(AriaRole.Heading, new() { Name = "Not signed in: access_denied" })).ToBeVisibleAsync();
        Assert.Null(portal.Tokens);

        await member.Page.GotoAsync(portal.Home);
        await member.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await WelcomedAsync(member);
        var first = portal.Tokens!;
        Assert.Equal(200, (await portal.RefreshAsync()).Status);

        // What was allowed is not asked again.
        await member.Page.GotoAsync(portal.Home);
        await WelcomedAsync(member);
        Assert.NotEqual(first.Text("refresh_token"), portal.Tokens!.Text("refresh_token"));

        await member.Page.GotoAsync("/account/connected-apps");
        await Assertions.Expect(member.Page.GetByRole(AriaRole.Rowheader).Filter(new() { HasTextString = "Observatory Portal" })).ToHaveCountAsync(1);
        await member.Page.GetByRole(AriaRole.Button, new() { Name = "Disconnect Observatory Portal" }).ClickAsync();
        await member.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Disconnect" }).ClickAsync();
        await Assertions.Expect(member.Page.GetByText("You have not signed in to any application yet.")).ToBeVisibleAsync();
        await Assertions.Expect(member.Page.GetByText("Everything it had of you has ended.")).ToBeVisibleAsync();

        var refused = await portal.RefreshAsync();
        Assert.Equal((400, "invalid_grant"), (refused.Status, refused.Error));
        await member.Page.GotoAsync(portal.Home);
        await Assertions.Expect(member.Page.GetByRole(AriaRole.Heading, new() { Name = "Allow Observatory Portal?" })).ToBeVisibleAsync();
        member.AssertNoComplaints();
    }

    private static Task WelcomedAsync(Window window) => Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Welcome, grace" })).ToBeVisibleAsync();
}

internal static class Registrations
{
    /// <summary>Registers the portal as an administrator does, in the page, and gives it its credentials.</summary>
    public static async Task RegisterAsync(this Window window, Portal portal, string name, params string[] scopes) =>
        (portal.ClientId, portal.Secret) = await window.RegisterAsync(portal.RedirectUri, name, scopes);

    /// <summary>Registers a web application at the pages: its client id, and its secret.</summary>
    public static async Task<(string ClientId, string Secret)> RegisterAsync(this Window window, string redirectUri, string name, params string[] scopes)
    {
        var page = window.Page;
        await page.GotoAsync("/organization/applications");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Application" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(name);
        await page.GetByLabel("Web application.").CheckAsync();
        await page.GetByLabel("Publisher").FillAsync("Sky Software");
        await page.GetByLabel("Redirect URIs").FillAsync(redirectUri);
        foreach (var scope in scopes)
            await page.GetByLabel(scope).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Application" }).ClickAsync();
        return (await page.Locator(".facts code").InnerTextAsync(), await page.Locator("#secret").InnerTextAsync());
    }
}
