using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>Every page in light and dark, narrow and wide: no violation of axe's rules, nothing wider than the window, no complaint of the browser. With SCREENSHOTS=FOLDER it keeps pictures.</summary>
public sealed class LookTests(Site site) : IClassFixture<Site>
{
    private static readonly string? s_pictures = Environment.GetEnvironmentVariable("SCREENSHOTS");

    [Fact]
    public async Task Every_page_is_sound_in_light_and_dark_narrow_and_wide()
    {
        await FillAsync();
        foreach (var scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (var width in (int[])[360, 1280])
            {
                await using var window = await site.OpenAsync(width: width, scheme: scheme);
                await CheckAsync("sign-in", page => page.GotoAsync("/sign-in"));
                await window.SignInAsync();
                await CheckAsync("start", page => page.GotoAsync("/"));
                await CheckAsync("menu", async page => await page.Locator("summary", new() { HasTextString = Site.Username }).ClickAsync());
                await CheckAsync("profile", page => page.GotoAsync("/account/profile"));
                await CheckAsync("api-keys", page => page.GotoAsync("/account/authentication/api-keys"));
                await CheckAsync("api-keys-delete", async page => await page.GetByRole(AriaRole.Button, new() { Name = "Delete nightly backup" }).ClickAsync());
                await CheckAsync("api-keys-add", page => page.GotoAsync("/account/authentication/api-keys/add"));
                await CheckAsync("api-keys-add-refused", async page =>
                {
                    await page.Locator("summary", new() { HasTextString = "Scopes" }).ClickAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                });
                await CheckAsync("token-add", page => page.GotoAsync("/account/authentication/api-keys/generate-token"));
                await CheckAsync("token-shown", async page => await page.GetByRole(AriaRole.Button, new() { Name = "Add Token" }).ClickAsync());
                await CheckAsync("token-again", page => page.ReloadAsync());
                await CheckAsync("ssh-keys", page => page.GotoAsync("/account/authentication/ssh-keys"));
                await CheckAsync("ssh-keys-add", page => page.GotoAsync("/account/authentication/ssh-keys/add"));
                await CheckAsync("ssh-keys-add-refused", async page =>
                {
                    await page.GetByLabel("Key Name").FillAsync("oops");
                    await page.GetByLabel("Key", new() { Exact = true }).FillAsync("-----BEGIN OPENSSH PRIVATE KEY-----\nnothing\n-----END OPENSSH PRIVATE KEY-----");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("This is a PRIVATE key. It was not stored.")).ToBeVisibleAsync();
                    Assert.Equal("", await page.GetByLabel("Key", new() { Exact = true }).InputValueAsync());
                });
                await CheckAsync("ssh-keys-delete", async page =>
                {
                    await page.GotoAsync("/account/authentication/ssh-keys");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Delete laptop" }).ClickAsync();
                });
                await CheckAsync("policy", page => page.GotoAsync("/organization/policy"));
                await CheckAsync("policy-preview", async page =>
                {
                    await page.GetByLabel("Longest life in days").First.FillAsync("3");
                    await page.GetByLabel("Shorten those beyond a maximum").CheckAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Preview" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("would end sooner. Nothing is changed yet.")).ToBeVisibleAsync();
                });
                await CheckAsync("device", page => page.GotoAsync("/device"));
                await CheckAsync("device-asks", async page =>
                {
                    using var client = Testing.TestServer.ClientOf(site.Origin, site.Origin.Port);
                    var answer = await Testing.Answer.FromAsync(await client.PostAsync("/connect/device", new FormUrlEncodedContent(new Dictionary<string, string>
                    {
                        ["client_id"] = "activate-cli", ["scope"] = "platform credentials:read credentials:write", ["device_name"] = "login-node-07",
                    })));
                    await page.GetByLabel("Code").FillAsync(answer.Text("user_code"));
                    await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
                });
                await CheckAsync("sign-out", page => page.GotoAsync("/sign-out"));
                window.AssertNoComplaints();

                async Task CheckAsync(string name, Func<IPage, Task> go)
                {
                    await go(window.Page);
                    await window.Page.WaitForLoadStateAsync();
                    if (s_pictures is not null)
                        await window.Page.ScreenshotAsync(new() { Path = Path.Combine(s_pictures, $"{name}-{scheme}-{width}.png".ToLowerInvariant()), FullPage = true });
                    await window.AssertAccessibleAsync();
                    var overflow = await window.Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
                    Assert.True(overflow <= 0, $"{name} is {overflow} px wider than {width}.");
                }
            }
        }
    }

    /// <summary>Some keys to look at.</summary>
    private async Task FillAsync()
    {
        await using var window = await site.OpenAsync();
        await window.SignInAsync("/account/authentication/api-keys/add");
        foreach (var (name, expiration) in new[] { ("nightly backup", "30 days"), ("a rather long name for a key of the continuous integration", "No expiration"), ("notebook", "7 days") })
        {
            await window.Page.GotoAsync("/account/authentication/api-keys/add");
            await window.Page.GetByLabel("Key Name").FillAsync(name);
            await window.Page.GetByLabel("Expiration").SelectOptionAsync(new SelectOptionValue { Label = expiration });
            await window.Page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
            await Assertions.Expect(window.Page.Locator("#secret")).ToBeVisibleAsync();
        }

        foreach (var name in (string[])["laptop", "desk at the institute"])
        {
            await window.Page.GotoAsync("/account/authentication/ssh-keys/add");
            await window.Page.GetByLabel("Key Name").FillAsync(name);
            await window.Page.GetByLabel("Key", new() { Exact = true }).FillAsync(SshLines.New());
            await window.Page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
            await Assertions.Expect(window.Page.GetByText("The key was added.")).ToBeVisibleAsync();
        }
    }
}
