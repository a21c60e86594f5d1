using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Testing;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>The manual's page, sentence by sentence. Each sentence is either played or checked; what it says must be so.</summary>
public sealed class ManualTests(Site site) : IClassFixture<Site>
{
    public enum Way
    {
        Mouse,
        WithoutJavaScript,
        KeyboardOnly,
    }

    /// <summary>What is on the page is waited for anyway.</summary>
    private static readonly PageGotoOptions s_begun = new() { WaitUntil = WaitUntilState.Commit };

    private static readonly string[] s_hours = [.. Enumerable.Range(1, 24).Select(hour => hour == 1 ? "1 hour" : $"{hour} hours")];

    [Theory]
    [InlineData(Way.Mouse)]
    [InlineData(Way.WithoutJavaScript)]
    [InlineData(Way.KeyboardOnly)]
    public async Task Managing_API_keys(Way way)
    {
        var manual = new Manual("Managing API Keys");
        await using var window = await site.OpenAsync(javaScript: way != Way.WithoutJavaScript);
        var (page, hands) = (window.Page, HandsFor(window, way));
        await window.SignInAsync();
        var name = $"nightly {way}";

        // Create an API Key
        await manual.SayAsync("Navigate to your account settings (Username > Account).", async () =>
        {
            await hands.ClickAsync(Site.Username);
            await hands.ClickAsync("Account");
        });
        await manual.SayAsync("On the next page, click Authentication.", () => hands.ClickAsync("Authentication"));
        await manual.SayAsync("Click API Keys.", () => hands.ClickAsync("API Keys"));
        await manual.SayAsync("Please note that API keys act as an alternate means to access your account and should be treated with the same care as your login password.", async () =>
            await Assertions.Expect(page.GetByText("API keys act as an alternate means to access your account and should be treated with the same care as your login password.")).ToBeVisibleAsync());
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("Click Add Key.", () => hands.ClickAsync("Add Key"));
        await manual.SayAsync("Enter a Key Name for the new API key.", () => hands.FillAsync("Key Name", name));
        await manual.SayAsync("If your organization permits users to select their own expiration date for API keys, use the Expiration dropdown menu to select when your key will expire.", () => hands.ChooseAsync("Expiration", "7 days"));
        await manual.SayAsync("You can choose no expiration or a date in 7, 30, 60, or 90 days.", async () =>
            Assert.Equal(["No expiration", "7 days", "30 days", "60 days", "90 days"], await page.GetByLabel("Expiration", new() { Exact = true }).Locator("option").AllInnerTextsAsync()));
        await manual.SayAsync("Shorter expiration periods are more secure.", async () => await Assertions.Expect(page.GetByText("Shorter expiration periods are more secure.")).ToBeVisibleAsync());
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("Click Add Key.", () => hands.ClickAsync("Add Key"));
        var key = "";
        await manual.SayAsync("Your new API key will be displayed on the next page.", async () =>
        {
            key = (await page.Locator("#secret").InnerTextAsync()).Trim();
            Assert.StartsWith("pwt_", key, StringComparison.Ordinal);
        });
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("You can use the copy button to copy and save the key in a secure place.", () => CopyAsync(window, hands, way, "Copy", key));
        await manual.SayAsync("You can use an API key to access Parallel Works via its REST API.", async () => Assert.Equal(HttpStatusCode.OK, await MeAsync(key)));
        await manual.SayAsync("Once you refresh or navigate away from this page, you won’t be able to see the key again.", () => NeverAgainAsync(window, hands, key));
        Assert.Equal(1, await CountAsync(page, "/account/authentication/api-keys", name));

        // Delete an API Key
        await manual.SayAsync("Navigate to Account > Authentication > API Keys and click the delete icon to remove an API key from your ACTIVATE account.", async () =>
        {
            await page.GotoAsync("/account/profile");
            await hands.ClickAsync("Authentication");
            await hands.ClickAsync("API Keys");
            await hands.ClickAsync($"Delete {name}");
        });
        await manual.SayAsync("A dialog box will appear with more information about deleting your key.", async () =>
        {
            var dialog = page.GetByRole(AriaRole.Dialog);
            await Assertions.Expect(dialog).ToBeVisibleAsync();
            Assert.Contains(name, await dialog.InnerTextAsync(), StringComparison.Ordinal);
            Assert.Contains("is refused from that moment on", await dialog.InnerTextAsync(), StringComparison.Ordinal);
            await window.AssertAccessibleUnlessScriptlessAsync(way);
        });
        await manual.SayAsync("Click Delete API Key to confirm the deletion.", () => hands.ClickAsync("Delete API Key"));
        await manual.SayAsync("The key will be removed from your account immediately.", async () =>
        {
            await Assertions.Expect(page.GetByText($"The API key “{name}” was deleted.")).ToBeVisibleAsync();
            Assert.Equal(0, await CountAsync(page, "/account/authentication/api-keys", name));
            Assert.Equal(HttpStatusCode.Unauthorized, await MeAsync(key));
        });
        manual.AssertAllSaid();
        window.AssertNoComplaints();
        Assert.DoesNotContain(key, site.Server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Way.Mouse)]
    [InlineData(Way.WithoutJavaScript)]
    [InlineData(Way.KeyboardOnly)]
    public async Task Managing_tokens(Way way)
    {
        var manual = new Manual("Managing Tokens");
        await using var window = await site.OpenAsync(javaScript: way != Way.WithoutJavaScript);
        var (page, hands) = (window.Page, HandsFor(window, way));
        await window.SignInAsync();
        await manual.SayAsync("Navigate to your account settings (Username > Account).", async () =>
        {
            await hands.ClickAsync(Site.Username);
            await hands.ClickAsync("Account");
        });
        await manual.SayAsync("On the next page, click Authentication.", () => hands.ClickAsync("Authentication"));
        await manual.SayAsync("Click API Keys.", () => hands.ClickAsync("API Keys"));
        await manual.SayAsync("Click Generate Token.", () => hands.ClickAsync("Generate Token"));
        await manual.SayAsync("If your organization permits users to select their own expiration date for tokens, use the Expiration dropdown menu to select when your key will expire.", () => hands.ChooseAsync("Expiration", "24 hours"));
        await manual.SayAsync("You can choose from 1 hour up to 24 hours in 1-hour increments.", async () =>
            Assert.Equal(s_hours, await page.GetByLabel("Expiration", new() { Exact = true }).Locator("option").AllInnerTextsAsync()));
        await manual.SayAsync("Shorter expiration periods are more secure.", async () => await Assertions.Expect(page.GetByText("Shorter expiration periods are more secure.")).ToBeVisibleAsync());
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("Click Add Token.", () => hands.ClickAsync("Add Token"));
        var token = "";
        await manual.SayAsync("Your new token will be displayed on the next page.", async () =>
        {
            token = (await page.Locator("#secret").InnerTextAsync()).Trim();
            Assert.StartsWith("ey", token, StringComparison.Ordinal);
        });
        await manual.SayAsync("You can use the copy button to copy and save the key in a secure place.", () => CopyAsync(window, hands, way, "Copy", token));
        await manual.SayAsync("You can create a short-term token and use it to authenticate our CLI after installing locally.", async () =>
        {
            var folder = Directory.CreateTempSubdirectory("actid-");
            var actid = new Actid(folder.FullName);
            Assert.Equal(0, (await actid.RunAsync($"{token}\n", "auth", "token")).Code);
            Assert.Contains(Site.Username, (await actid.RunAsync("", "auth", "status")).Out, StringComparison.Ordinal);
            folder.Delete(recursive: true);
        });
        await manual.SayAsync("These tokens last 24 hours, after which you will need to re-authenticate.", () =>
        {
            var payload = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])).RootElement;
            Assert.Equal(24 * 3600, payload.GetProperty("exp").GetInt64() - payload.GetProperty("iat").GetInt64());
            return Task.CompletedTask;
        });
        await manual.SayAsync("Once you refresh or navigate away from this page, you won’t be able to see the key again.", () => NeverAgainAsync(window, hands, token));
        manual.AssertAllSaid();
        window.AssertNoComplaints();
    }

    [Theory]
    [InlineData(Way.Mouse)]
    [InlineData(Way.WithoutJavaScript)]
    [InlineData(Way.KeyboardOnly)]
    public async Task Managing_SSH_keys(Way way)
    {
        var manual = new Manual("Managing SSH Keys");
        await using var window = await site.OpenAsync(javaScript: way != Way.WithoutJavaScript);
        var (page, hands) = (window.Page, HandsFor(window, way));
        await window.SignInAsync();
        var name = $"laptop {way}";
        var line = SshLines.New();
        await manual.SayAsync("Navigate to your account settings (Username > Account).", async () =>
        {
            await hands.ClickAsync(Site.Username);
            await hands.ClickAsync("Account");
        });
        await manual.SayAsync("On the next page, click Authentication.", () => hands.ClickAsync("Authentication"));
        await manual.SayAsync("Click SSH Keys.", () => hands.ClickAsync("SSH Keys"));
        // That it is so is shown with a real sshd (SshLoginTests).
        await manual.SayAsync("You can add an SSH key to your ACTIVATE account, which will allow you to log in to any active cluster from any device with that SSH key on it.", async () =>
            await Assertions.Expect(page.GetByText("With an SSH key you can log in to any active cluster from any device with that SSH key on it.")).ToBeVisibleAsync());
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("Click Add Key.", () => hands.ClickAsync("Add Key"));
        await manual.SayAsync("Use the Key Name field to give the key a unique name.", () => hands.FillAsync("Key Name", name));
        await manual.SayAsync("Paste your public SSH key in the Key field.", () => hands.FillAsync("Key", line));
        Assert.Equal(0, await page.GetByLabel("Expiration", new() { Exact = true }).CountAsync());
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await manual.SayAsync("Click Add Key.", () => hands.ClickAsync("Add Key"));
        await manual.SayAsync("You can now log in to any active cluster.", async () => await Assertions.Expect(page.GetByText("You can now log in to any active cluster.")).ToBeVisibleAsync());
        await manual.SayAsync("Navigate to the terminal or command line on your device and enter ssh -i /path/to/ssh/private/key username@IPaddress", async () =>
            await Assertions.Expect(page.GetByText($"ssh -i /path/to/ssh/private/key {Site.Username}@IPaddress")).ToBeVisibleAsync());
        await manual.SayAsync("In Account > Authentication > SSH Keys, click the clipboard icon to copy your SSH key to your computer's clipboard.", () => CopyAsync(window, hands, way, $"Copy {name}", line));
        await window.AssertAccessibleUnlessScriptlessAsync(way);

        await hands.ClickAsync($"Delete {name}");
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync(name);
        await window.AssertAccessibleUnlessScriptlessAsync(way);
        await hands.ClickAsync("Delete SSH Key");
        await Assertions.Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasTextString = $"The SSH key “{name}” was deleted." })).ToBeVisibleAsync();
        Assert.Equal(0, await CountAsync(page, "/account/authentication/ssh-keys", name));
        manual.AssertAllSaid();
        window.AssertNoComplaints();
    }

    [Fact]
    public async Task A_dialog_holds_the_focus_and_gives_it_back()
    {
        await using var window = await site.OpenAsync();
        var page = window.Page;
        await window.SignInAsync("/account/authentication/ssh-keys/add");
        await page.GetByLabel("Key Name").FillAsync("to keep");
        await page.GetByLabel("Key", new() { Exact = true }).FillAsync(SshLines.New());
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
        var delete = page.GetByRole(AriaRole.Button, new() { Name = "Delete to keep" });
        foreach (var leave in (string[])["Escape", "Cancel"])
        {
            await delete.ClickAsync();
            await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Cancel" })).ToBeFocusedAsync();
            for (var i = 0; i < 4; i++)
            {
                await page.Keyboard.PressAsync("Tab");
                Assert.True(await page.EvaluateAsync<bool>("() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"));
            }

            if (leave == "Escape")
                await page.Keyboard.PressAsync("Escape");
            else
                await page.GetByRole(AriaRole.Link, new() { Name = "Cancel" }).ClickAsync();
            await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
            await Assertions.Expect(delete).ToBeFocusedAsync();
        }

        await delete.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete SSH Key" }).ClickAsync();
        window.AssertNoComplaints();
    }

    [Fact]
    public async Task A_page_that_is_left_holds_no_secret_even_for_a_browser_that_keeps_it_to_go_back()
    {
        await using var window = await site.OpenAsync();
        var page = window.Page;
        await window.SignInAsync("/account/authentication/api-keys/generate-token");
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Token" }).ClickAsync();
        await Assertions.Expect(page.Locator("#secret")).ToContainTextAsync("ey");
        // As Safari does: the page is put aside as it stands, whatever no-store says, and shown again later.
        await page.EvaluateAsync("() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
        await Assertions.Expect(page.Locator("#secret")).ToBeEmptyAsync();
        window.AssertNoComplaints();
    }

    [Fact]
    [Trait("Case", "W19")]
    public async Task The_back_button_of_a_browser_that_keeps_whole_pages_brings_no_secret_back_and_nothing_after_signing_out()
    {
        await using var window = await site.OpenAsync(keepsPages: true);
        var page = window.Page;
        await window.SignInAsync("/account/profile");
        // It does keep pages: otherwise the rest would prove nothing.
        await page.EvaluateAsync("() => { window.kept = true; }");
        await page.GetByRole(AriaRole.Link, new() { Name = "Authentication" }).ClickAsync();
        await AtAsync("/authentication");
        await BackUntilAsync("window.kept === true");

        await page.GotoAsync("/account/authentication/api-keys/generate-token", s_begun);
        await page.GetByRole(AriaRole.Button, new() { Name = "Add Token" }).ClickAsync();
        var token = await page.Locator("#secret").InnerTextAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync();
        await AtAsync("/api-keys");
        await BackUntilAsync("location.protocol === 'chrome-error:'");
        Assert.DoesNotContain(token, await page.ContentAsync(), StringComparison.Ordinal);

        await page.GotoAsync("/account/authentication/api-keys", s_begun);
        await page.Locator("summary", new() { HasTextString = Site.Username }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await AtAsync("/sign-in");
        await BackUntilAsync("location.pathname === '/sign-in' && location.search.includes('returnUrl')");

        // Not WaitForURL: Playwright waits for the load event, which pages that are kept do not always tell it of.
        Task AtAsync(string path) => Assertions.Expect(page).ToHaveURLAsync(new Regex($"{Regex.Escape(path)}$"));

        async Task BackUntilAsync(string condition)
        {
            await page.EvaluateAsync("() => { setTimeout(() => history.back(), 0); }");
            var last = "";
            for (var tries = 0; tries < 100; tries++)
            {
                await Task.Delay(100);
                try
                {
                    if (await page.EvaluateAsync<bool>($"() => {condition}"))
                        return;
                    last = await page.EvaluateAsync<string>("() => location.href + ' ' + document.title");
                }
                catch (PlaywrightException underWay)
                {
                    last = underWay.Message;
                }
            }

            Assert.Fail($"Going back did not come to {condition}: {last}");
        }
    }

    private static Hands HandsFor(Window window, Way way) => way == Way.KeyboardOnly ? new Keyboard(window.Page) : new Mouse(window.Page);

    private static async Task CopyAsync(Window window, Hands hands, Way way, string button, string expected)
    {
        if (way == Way.WithoutJavaScript)
        {
            // Copying needs a script; the text itself is there to be selected.
            await Assertions.Expect(window.Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true })).ToHaveCountAsync(0);
            Assert.Contains(expected, await window.Page.Locator("main").TextContentAsync(), StringComparison.Ordinal);
            return;
        }

        await hands.ClickAsync(button);
        Assert.Equal(expected, await window.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Status).Filter(new() { HasTextString = "Copied" })).ToHaveCountAsync(1);
    }

    /// <summary>Reload (which sends the form again), leave, come back: the secret is gone, and there is still one of it.</summary>
    private static async Task NeverAgainAsync(Window window, Hands hands, string secret)
    {
        var page = window.Page;
        await page.ReloadAsync();
        Assert.DoesNotContain(secret, await page.ContentAsync(), StringComparison.Ordinal);
        await Assertions.Expect(page.GetByText("nothing new was made")).ToBeVisibleAsync();
        await hands.ClickAsync("Back to API Keys");
        Assert.DoesNotContain(secret, await page.ContentAsync(), StringComparison.Ordinal);
        // The page that showed it is in no cache: the browser cannot show it, and asks before it would send the form again.
        var back = await Assert.ThrowsAsync<PlaywrightException>(() => page.GoBackAsync());
        Assert.Contains("ERR_CACHE_MISS", back.Message, StringComparison.Ordinal);
        // It is still on its way to the page that says so, and takes what comes next for an interruption: until it has come to rest.
        for (var tries = 1; ; tries++)
        {
            try
            {
                await page.GotoAsync("about:blank", s_begun);
                break;
            }
            catch (PlaywrightException) when (tries < 100)
            {
                await Task.Delay(100);
            }
        }
    }

    private static async Task<int> CountAsync(IPage page, string list, string name)
    {
        await page.GotoAsync(list);
        return await page.GetByRole(AriaRole.Rowheader).Filter(new() { HasTextString = name }).CountAsync();
    }

    private async Task<HttpStatusCode> MeAsync(string credential)
    {
        using var client = TestServer.ClientOf(site.Origin, site.Origin.Port);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", credential);
        return (await client.GetAsync("/api/v1/me")).StatusCode;
    }
}

internal static class WindowChecks
{
    /// <summary>axe is itself a script.</summary>
    public static Task AssertAccessibleUnlessScriptlessAsync(this Window window, ManualTests.Way way) => way == ManualTests.Way.WithoutJavaScript ? Task.CompletedTask : window.AssertAccessibleAsync();
}
