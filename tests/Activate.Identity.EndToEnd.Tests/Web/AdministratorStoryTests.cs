using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>What administrators do in the browser, from the first invitation to the proof of what happened.</summary>
public sealed class AdministratorStoryTests(Site site) : IClassFixture<Site>
{
    [Fact]
    public async Task A_member_is_invited_joins_is_made_administrator_and_is_disabled()
    {
        await using var owner = await site.OpenAsync();
        await owner.SignInAsync("/organization/members");
        var page = owner.Page;
        await ButtonAsync(page, "Invite");
        await page.GetByLabel("Username").FillAsync("grace");
        await page.GetByLabel("E-mail").FillAsync("grace@example.test");
        await ButtonAsync(page, "Invite");
        var link = await page.Locator("#secret").InnerTextAsync();
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByText(link)).ToHaveCountAsync(0);

        await using var grace = await site.OpenAsync(username: "grace");
        await grace.Page.GotoAsync(link);
        Assert.DoesNotContain("code=", grace.Page.Url, StringComparison.Ordinal);
        await grace.AssertAccessibleAsync();
        await grace.Page.GetByLabel("Password", new() { Exact = true }).FillAsync(Site.Password);
        await grace.Page.GetByLabel("Repeat password").FillAsync("something else entirely");
        await ButtonAsync(grace.Page, "Join");
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Alert)).ToBeVisibleAsync();
        await grace.Page.GetByLabel("Password", new() { Exact = true }).FillAsync(Site.Password);
        await grace.Page.GetByLabel("Repeat password").FillAsync(Site.Password);
        await ButtonAsync(grace.Page, "Join");
        await grace.Page.GotoAsync("/organization/members");
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Button, new() { Name = "Invite", Exact = true })).ToHaveCountAsync(0);

        await page.GotoAsync("/organization/members");
        await page.GetByRole(AriaRole.Link, new() { Name = "grace", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Combobox, new() { Name = "Role" }).SelectOptionAsync("admin");
        await ButtonAsync(page, "Save");
        await grace.Page.ReloadAsync();
        await Assertions.Expect(grace.Page.GetByRole(AriaRole.Button, new() { Name = "Invite", Exact = true })).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Disable…" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Disable" }).ClickAsync();
        await Assertions.Expect(page.GetByText("disabled", new() { Exact = true })).ToBeVisibleAsync();
        await grace.Page.GotoAsync("/organization/members");
        await Assertions.Expect(grace.Page.GetByLabel("Password")).ToBeVisibleAsync();

        // And afterwards it can be shown.
        await page.GotoAsync("/organization/audit?subject=grace");
        foreach (var what in (string[])["Member invited", "Invitation accepted", "Member role changed", "Member disabled"])
            await Assertions.Expect(page.GetByRole(AriaRole.Rowheader).Filter(new() { HasTextString = what })).ToHaveCountAsync(1);
        owner.AssertNoComplaints();
    }

    [Fact]
    public async Task Whom_a_stricter_policy_hits_is_seen_while_it_is_typed_and_only_Apply_changes_anything()
    {
        await using var owner = await site.OpenAsync();
        await owner.SignInAsync("/account/authentication/api-keys/add");
        var page = owner.Page;
        await page.GetByLabel("Key Name").FillAsync("nightly");
        await page.GetByLabel("Expiration").SelectOptionAsync(new SelectOptionValue { Label = "No expiration" });
        await ButtonAsync(page, "Add Key");

        await page.GotoAsync("/organization/policy");
        var preview = page.GetByRole(AriaRole.Region, new() { Name = "Preview: what would be shortened" });
        await Assertions.Expect(preview).ToBeHiddenAsync();
        var keys = page.GetByRole(AriaRole.Group, new() { Name = "API keys" });
        await keys.GetByLabel("Longest life in days").FillAsync("7");
        await Assertions.Expect(preview.GetByText("Nothing: no credential that exists would end sooner.")).ToBeVisibleAsync();
        await page.GetByLabel("Shorten those beyond a maximum").CheckAsync();
        await Assertions.Expect(preview.GetByText("1 API key would end sooner. Nothing is changed yet.")).ToBeVisibleAsync();
        await Assertions.Expect(preview.GetByRole(AriaRole.Cell, new() { Name = "nightly" })).ToBeVisibleAsync();
        await owner.AssertAccessibleAsync();
        await keys.GetByLabel("Default in days").FillAsync("30");
        await page.GetByRole(AriaRole.Group, new() { Name = "Credentials that exist" }).GetByLabel("Days of grace").FillAsync("3");
        await Assertions.Expect(preview.GetByRole(AriaRole.Cell, new() { Name = "nightly" })).ToBeVisibleAsync();

        await page.GotoAsync("/account/authentication/api-keys");
        var expires = page.GetByRole(AriaRole.Row).Filter(new() { HasTextString = "nightly" }).Locator("[data-label=Expires]");
        await Assertions.Expect(expires).ToContainTextAsync("never");

        await page.GotoAsync("/organization/policy");
        await keys.GetByLabel("Longest life in days").FillAsync("7");
        await page.GetByLabel("Shorten those beyond a maximum").CheckAsync();
        await Assertions.Expect(preview.GetByText("1 API key would end sooner.")).ToBeVisibleAsync();
        await ButtonAsync(page, "Apply");
        await Assertions.Expect(page.GetByText("The policy was changed.")).ToBeVisibleAsync();
        await page.GotoAsync("/account/authentication/api-keys");
        await Assertions.Expect(expires).ToContainTextAsync("in 7 days");
        owner.AssertNoComplaints();
    }

    [Fact]
    public async Task A_service_account_gets_a_keeper_and_a_key_and_its_key_is_found_explained_and_ended()
    {
        await using var owner = await site.OpenAsync();
        await owner.SignInAsync("/organization/service-accounts");
        var page = owner.Page;
        await ButtonAsync(page, "Add Account");
        await page.GetByLabel("Username").FillAsync("archiver");
        await page.GetByLabel("Description").FillAsync("copies results to the archive every night");
        await page.GetByLabel("Keepers").FillAsync(site.Owner);
        await ButtonAsync(page, "Add Account");
        await ButtonAsync(page, "Add Key");
        await page.GetByLabel("Key Name").FillAsync("archive-host");
        await ButtonAsync(page, "Add Key");
        var key = await page.Locator("#secret").InnerTextAsync();
        Assert.Equal(200, await MeAsync(key));

        await page.GotoAsync("/organization/credentials");
        await page.Locator("#main summary").Filter(new() { HasTextString = "Filter" }).ClickAsync();
        await page.GetByLabel("Owner").FillAsync("archiver");
        await ButtonAsync(page, "Show");
        await Assertions.Expect(page.GetByRole(AriaRole.Rowheader, new() { Name = "archiver" })).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Link, new() { Name = "Why archive-host of archiver ends then" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Why “archive-host” of archiver ends" })).ToBeVisibleAsync();
        await owner.AssertAccessibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "End archive-host of archiver" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button).First.ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        Assert.Equal(401, await MeAsync(key));
        owner.AssertNoComplaints();
    }

    private async Task<int> MeAsync(string key) => (await site.ApiAsync(HttpMethod.Get, "/api/v1/me", key)).Status;

    private static Task ButtonAsync(IPage page, string name) => page.Locator("#main").GetByRole(AriaRole.Button, new() { Name = name, Exact = true }).ClickAsync();
}
