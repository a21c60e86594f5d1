using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>Passkeys as a person has them: a real browser with the virtual authenticator of its own test interface (WebAuthn §11).</summary>
public sealed class PasskeyStoryTests(Site site) : IClassFixture<Site>
{
    /// <summary>What a laptop with a fingerprint reader has built in.</summary>
    private static async Task<(ICDPSession Session, string Id)> AddAuthenticatorAsync(Window window)
    {
        var session = await window.Page.Context.NewCDPSessionAsync(window.Page);
        await session.SendAsync("WebAuthn.enable");
        var added = await session.SendAsync("WebAuthn.addVirtualAuthenticator", new()
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2", ["transport"] = "internal", ["hasResidentKey"] = true, ["hasUserVerification"] = true, ["isUserVerified"] = true, ["automaticPresenceSimulation"] = true,
            },
        });
        return (session, added!.Value.GetProperty("authenticatorId").GetString()!);
    }

    private static async Task SetAsync((ICDPSession Session, string Id) authenticator, string what, string member, bool value) =>
        await authenticator.Session.SendAsync($"WebAuthn.{what}", new() { ["authenticatorId"] = authenticator.Id, [member] = value });

    private static ILocator Button(Window window, string name) => window.Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    [Fact]
    public async Task A_person_adds_a_passkey_and_signs_in_with_it_by_the_button_and_after_the_password()
    {
        await site.AddMemberAsync("grace");
        await using var window = await site.OpenAsync(username: "grace");
        var authenticator = await AddAuthenticatorAsync(window);
        await window.SignInAsync("/account/security");
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "Add Passkey" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByLabel("Passkey Name")).ToHaveValueAsync("Chrome on Linux");
        await Button(window, "Add Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Recovery codes" })).ToBeVisibleAsync();
        // Each on a line of its own, and all of them in sight.
        Assert.True(await window.Page.Locator("pre.codes").EvaluateAsync<bool>("e => getComputedStyle(e).whiteSpace === 'pre' && e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth"));
        await window.AssertAccessibleAsync();
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByText("10 codes left.")).ToBeVisibleAsync();
        await window.AssertAccessibleAsync();

        // The same device a second time: the browser itself says no.
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "Add Passkey" }).ClickAsync();
        await Button(window, "Add Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByText("This device has a passkey for your account already.")).ToBeVisibleAsync();

        // By the button. The field proposes nothing as long as the authenticator does not answer by itself.
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", false);
        await SignOutAsync(window);
        await Assertions.Expect(Button(window, "Use a Passkey")).ToBeVisibleAsync();
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", true);
        await Button(window, "Use a Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Welcome, grace" })).ToBeVisibleAsync();

        // After the password.
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", false);
        await SignOutAsync(window);
        await window.Page.GetByLabel("Username").FillAsync("grace");
        await window.Page.GetByLabel("Password").FillAsync(Site.Password);
        await Button(window, "Sign in").ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "One more step" })).ToBeVisibleAsync();
        await window.AssertAccessibleAsync();
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", true);
        await Button(window, "Use a Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Welcome, grace" })).ToBeVisibleAsync();

        // A finger that is not the owner's.
        await SetAsync(authenticator, "setUserVerified", "isUserVerified", false);
        await SignOutAsync(window);
        await Button(window, "Use a Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByText("No passkey was used: it was cancelled, or took too long.")).ToBeVisibleAsync();
        window.AssertNoComplaints();
    }

    [Fact]
    public async Task The_field_for_the_username_proposes_the_passkey_and_choosing_it_signs_in()
    {
        await site.AddMemberAsync("barbara");
        await using var window = await site.OpenAsync(username: "barbara");
        var authenticator = await AddAuthenticatorAsync(window);
        await window.SignInAsync("/account/security/passkeys/add");
        await Button(window, "Add Passkey").ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Recovery codes" })).ToBeVisibleAsync();
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", false);
        await SignOutAsync(window);
        await Assertions.Expect(window.Page.GetByLabel("Username")).ToHaveAttributeAsync("autocomplete", "username webauthn");
        Assert.True(await window.Page.EvaluateAsync<bool>("() => PublicKeyCredential.isConditionalMediationAvailable()"));

        // No button is clicked and nothing typed: the person chooses what the field proposes, which the authenticator of the tests does by itself.
        await SetAsync(authenticator, "setAutomaticPresenceSimulation", "enabled", true);
        await window.Page.GotoAsync("/sign-in?returnUrl=/account/security");
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Signed-in browsers" })).ToBeVisibleAsync();
        window.AssertNoComplaints();
    }

    [Fact]
    public async Task Without_scripts_no_passkey_is_offered_and_the_password_works()
    {
        await using var window = await site.OpenAsync(javaScript: false);
        await window.Page.GotoAsync("/sign-in");
        await Assertions.Expect(Button(window, "Use a Passkey")).Not.ToBeVisibleAsync();
        await window.SignInAsync("/account/security/passkeys/add");
        await Assertions.Expect(window.Page.GetByText("Passkeys need JavaScript")).ToBeVisibleAsync();
    }

    private static async Task SignOutAsync(Window window)
    {
        await window.Page.GotoAsync("/sign-out");
        await window.Page.Locator("main").GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByLabel("Username")).ToBeVisibleAsync();
    }
}
