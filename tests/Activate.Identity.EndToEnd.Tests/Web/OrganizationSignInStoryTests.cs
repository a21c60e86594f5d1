using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>An organization whose people sign in at its own provider, in a real browser: two server processes, of which one is the provider, as any other would be.</summary>
public sealed class OrganizationSignInStoryTests : IAsyncLifetime
{
    private const string Provider = "Example University";

    private readonly Site _site = new()
    {
        Host = "127.0.0.1",
        Settings = new Dictionary<string, string> { ["Server:AllowedOutbound:0"] = "127.0.0.0/8", ["Server:AllowedOutbound:1"] = "::1" },
    };

    private readonly Site _university = new() { Owner = "dean" };

    public async ValueTask InitializeAsync() => await Task.WhenAll(_site.InitializeAsync().AsTask(), _university.InitializeAsync().AsTask());

    public async ValueTask DisposeAsync()
    {
        await _site.DisposeAsync();
        await _university.DisposeAsync();
    }

    [Fact]
    public async Task An_administrator_connects_it_people_come_without_an_invitation_prove_themselves_again_and_are_refused_when_they_are_gone()
    {
        // The administrator of the organization and that of the provider, each at their own pages.
        await using var owner = await _site.OpenAsync();
        await owner.SignInAsync("/organization/sign-in");
        await using var dean = await _university.OpenAsync();
        await dean.SignInAsync();
        var (clientId, secret) = await dean.RegisterAsync($"{Authority(_site)}/sign-in/callback", "Compute Portal", "See your e-mail address");
        var page = owner.Page;
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Provider" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync(Provider);
        await page.GetByLabel("Issuer").FillAsync($"{Authority(_university)}/");
        await page.GetByLabel("Client ID").FillAsync(clientId);
        await page.GetByLabel("Client secret").FillAsync(secret);
        await page.GetByLabel("Required claim").FillAsync("groups");
        await page.GetByLabel("Its value").FillAsync("hydrology-lab");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Provider" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Saved. It counts for the next sign-in.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Check" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Good:").First).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText("Wrong:")).ToHaveCountAsync(0);
        await owner.AssertAccessibleAsync();
        owner.AssertNoComplaints();

        // A person of the university, whom nobody invited, in a browser without scripts.
        await _university.AddMemberAsync("grace");
        await using var grace = await _site.OpenAsync(javaScript: false, username: "grace");
        await grace.Page.GotoAsync("/account/authentication/api-keys/add");
        await grace.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in with your organization" }).ClickAsync();
        await grace.Page.GetByLabel("Organization").FillAsync("hydrology-lab");
        await grace.Page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await Assertions.Expect(grace.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex($"^{Authority(_university)}/sign-in"));
        await grace.TypePasswordAsync();
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Heading, new() { Name = "Allow Compute Portal?" })).ToBeVisibleAsync();
        await grace.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        // Back where they wanted to go, which needs a recent sign-in: theirs over there was one.
        await Assertions.Expect(grace.Page).ToHaveURLAsync($"{Authority(_site)}/account/authentication/api-keys/add");
        await grace.Page.GetByLabel("Key Name").FillAsync("nightly");
        await grace.Page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
        var key = await grace.Page.Locator("#secret").InnerTextAsync();
        var me = await _site.ApiAsync(HttpMethod.Get, "/api/v1/me", key);
        Assert.Equal((200, "grace"), (me.Status, me.Text("username")));
        await grace.Page.GotoAsync("/account/security");
        await Assertions.Expect(grace.Page.GetByText("Your account has no password")).ToBeVisibleAsync();
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Rowheader, new() { Name = Provider })).ToBeVisibleAsync();

        // Signed out here, and in again: over there they still are, so nobody asks for a password.
        await SignOutAsync(grace);
        await grace.Page.GotoAsync("/sign-in/hydrology-lab");
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Heading, new() { Name = "Welcome, grace" })).ToBeVisibleAsync();
        grace.AssertNoComplaints();

        // Gone from the university: no new sign-in, whatever this browser remembers.
        await dean.Page.GotoAsync("/organization/members");
        await dean.Page.GetByRole(AriaRole.Link, new() { Name = "grace", Exact = true }).ClickAsync();
        await dean.Page.GetByRole(AriaRole.Link, new() { Name = "Disable…" }).ClickAsync();
        await dean.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Disable" }).ClickAsync();
        await Assertions.Expect(dean.Page.GetByText("The account is disabled")).ToBeVisibleAsync();
        await SignOutAsync(grace);
        await grace.Page.GotoAsync("/sign-in/hydrology-lab");
        await Assertions.Expect(grace.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex($"^{Authority(_university)}/sign-in"));
    }

    private static async Task SignOutAsync(Window window)
    {
        var hands = new Mouse(window.Page);
        await hands.ClickAsync("grace");
        await hands.ClickAsync("Sign out");
        await Assertions.Expect(window.Page.Locator("summary")).ToHaveCountAsync(0);
    }

    private static string Authority(Site site) => site.Origin.GetLeftPart(UriPartial.Authority);
}
