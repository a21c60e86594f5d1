using Activate.Identity.Testing;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>Every page in light and dark, narrow and wide: no violation of axe's rules, nothing wider than the window, no complaint of the browser. With SCREENSHOTS=FOLDER it keeps pictures.</summary>
public sealed class LookTests(Site site) : IClassFixture<Site>
{
    // The site, and what is on it, is shared by the tests of the class.
    private static bool s_filled;
    private static string? s_portal;
    private static string? s_notebook;

    private static readonly string? s_pictures = Environment.GetEnvironmentVariable("SCREENSHOTS");

    /// <summary>The rules of axe that colors or width decide.</summary>
    private static readonly string[] s_looks = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"];

    /// <summary>Every scheme and every width, each once: colors depend on the one, layout on the other. All four with LONG=1.</summary>
    private static bool InThisRun(ColorScheme scheme, int width) => Tools.FullSize || scheme == ColorScheme.Light == (width == 1280);

    [Fact]
    public async Task Every_page_is_sound_in_light_and_dark_narrow_and_wide()
    {
        await FillAsync();
        foreach (var scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (var width in (int[])[360, 1280])
            {
                if (!InThisRun(scheme, width))
                    continue;
                await using var window = await site.OpenAsync(width: width, scheme: scheme);
                await CheckAsync("sign-in", page => page.GotoAsync("/sign-in"));
                await CheckAsync("sign-in-refused", async page =>
                {
                    await page.GetByLabel("Username").FillAsync("nobody");
                    await page.GetByLabel("Password").FillAsync("wrong password");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
                });
                await CheckAsync("forgot-password-refused", async page =>
                {
                    await page.GotoAsync("/forgot-password");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Mail me a link" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Type your username or your e-mail address.")).ToBeVisibleAsync();
                });
                await CheckAsync("forgot-password-asked", async page =>
                {
                    await page.GetByLabel("Username or e-mail address").FillAsync("nobody");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Mail me a link" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("a mail with a link is on its way")).ToBeVisibleAsync();
                });
                await CheckAsync("reset-password-refused", page => page.GotoAsync("/reset-password"));
                await CheckAsync("sign-in-with", page => page.GotoAsync("/sign-in-with"));
                await CheckAsync("sign-in-with-refused", page => page.GotoAsync("/sign-in-with?organization=!"));
                await CheckAsync("sign-in-organization-none", page => page.GotoAsync("/sign-in/nobody-of-this-name"));
                await CheckAsync("sign-in-callback-refused", page => page.GotoAsync("/sign-in/callback"));
                await CheckAsync("not-found", page => page.GotoAsync("/no-such-page"));
                await window.SignInAsync();
                await CheckAsync("start", page => page.GotoAsync("/"));
                await CheckAsync("menu", async page => await page.Locator("summary", new() { HasTextString = Site.Username }).ClickAsync());
                await CheckAsync("profile", page => page.GotoAsync("/account/profile"));
                await CheckAsync("change-password-refused", async page =>
                {
                    await page.GotoAsync("/account/security/password");
                    await page.GetByLabel("New password").FillAsync("short");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Change password" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("A password has at least 12 characters.")).ToBeVisibleAsync();
                });
                var mailbox = $"ada-{scheme}-{width}@example.test".ToLowerInvariant();
                await CheckAsync("email", page => page.GotoAsync("/account/profile/email"));
                await CheckAsync("email-asked", async page =>
                {
                    await page.GetByLabel("E-mail", new() { Exact = true }).FillAsync(mailbox);
                    await page.GetByRole(AriaRole.Button, new() { Name = "Mail me a link" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("A mail with a link is on its way to")).ToBeVisibleAsync();
                });
                var confirm = await site.LinkMailedAsync(mailbox, "Confirm your e-mail address");
                await CheckAsync("email-confirm", page => page.GotoAsync(confirm));
                await CheckAsync("profile-confirmed", page => page.GetByRole(AriaRole.Button, new() { Name = "Confirm" }).ClickAsync());
                await CheckAsync("email-confirm-refused", page => page.GotoAsync("/confirm-email"));
                await CheckAsync("security", page => page.GotoAsync("/account/security"));
                await CheckAsync("security-passkey-add", page => page.GotoAsync("/account/security/passkeys/add"));
                await CheckAsync("security-app", page => page.GotoAsync("/account/security/authenticator"));
                await CheckAsync("security-app-refused", async page =>
                {
                    await page.GetByLabel("Code", new() { Exact = true }).FillAsync("000000");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Set Up App" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("This code is not right.")).ToBeVisibleAsync();
                });
                await CheckAsync("authentication", page => page.GotoAsync("/account/authentication"));
                await CheckAsync("api-keys", page => page.GotoAsync("/account/authentication/api-keys"));
                await CheckAsync("api-keys-delete", async page => await page.GetByRole(AriaRole.Button, new() { Name = "Delete nightly backup" }).ClickAsync());
                await CheckAsync("api-keys-add", page => page.GotoAsync("/account/authentication/api-keys/add"));
                await CheckAsync("api-keys-add-refused", async page =>
                {
                    await page.Locator("summary", new() { HasTextString = "Scopes" }).ClickAsync();
                    await page.GetByLabel("Change your organization").CheckAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                    // What was chosen is in sight.
                    await Assertions.Expect(page.GetByLabel("Change your organization")).ToBeCheckedAsync();
                });
                await CheckAsync("api-keys-shown", async page =>
                {
                    await page.GetByLabel("Key Name").FillAsync($"gone {scheme} {width}");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Copy" }).ClickAsync();
                });
                await CheckAsync("api-keys-deleted", async page =>
                {
                    await page.GotoAsync("/account/authentication/api-keys");
                    await page.GetByRole(AriaRole.Button, new() { Name = $"Delete gone {scheme} {width}" }).ClickAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Delete API Key" }).ClickAsync();
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
                await CheckAsync("applications", page => page.GotoAsync("/organization/applications"));
                await CheckAsync("applications-add", page => page.GotoAsync("/organization/applications/add"));
                await CheckAsync("applications-add-refused", async page =>
                {
                    await page.GetByLabel("Name", new() { Exact = true }).FillAsync($"Portal {scheme} {width}");
                    await page.GetByLabel("Redirect URIs").FillAsync("http://portal.example.test/callback");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Application" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Plain http would show codes to the network")).ToBeVisibleAsync();
                });
                await CheckAsync("applications-shown", async page =>
                {
                    await page.GetByLabel("Redirect URIs").FillAsync("https://portal.example.test/callback");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Application" }).ClickAsync();
                    await page.GetByRole(AriaRole.Button, new() { Name = "Copy" }).ClickAsync();
                });
                await CheckAsync("application", page => page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync());
                await CheckAsync("application-suspended", page => page.GetByRole(AriaRole.Button, new() { Name = "Suspend" }).ClickAsync());
                await CheckAsync("application-delete", page => page.GetByRole(AriaRole.Link, new() { Name = "Delete…" }).ClickAsync());
                var invited = $"look-{scheme}-{width}".ToLowerInvariant();
                await CheckAsync("members-invite-refused", async page =>
                {
                    await page.GotoAsync("/organization/members/invite");
                    await page.GetByLabel("Username").FillAsync("Capital");
                    await page.GetByLabel("E-mail").FillAsync($"{invited}@example.test");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Invite" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("lower-case letters a-z")).ToBeVisibleAsync();
                });
                string? link = null;
                await CheckAsync("members-invited", async page =>
                {
                    await page.GetByLabel("Username").FillAsync(invited);
                    await page.GetByLabel("E-mail").FillAsync($"{invited}@example.test");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Invite" }).ClickAsync();
                    link = await page.Locator("#secret").TextContentAsync();
                });
                await CheckAsync("members-import-checked", async page =>
                {
                    await page.GotoAsync("/organization/members/import");
                    await page.GetByLabel("People").FillAsync($"username,email\n{invited},{invited}@example.test\n{invited.Replace("look", "list", StringComparison.Ordinal)},{invited}-2@example.test\nNobody,nothing");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Check" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Nothing is changed yet.")).ToBeVisibleAsync();
                });
                await CheckAsync("members-imported", page => page.GetByRole(AriaRole.Button, new() { Name = "Invite", Exact = true }).ClickAsync());
                await CheckAsync("members", page => page.GotoAsync("/organization/members"));
                await CheckAsync("members-remove", async page => await page.GetByRole(AriaRole.Button, new() { Name = $"Remove {invited}" }).ClickAsync());
                await CheckAsync("member", async page =>
                {
                    await page.GotoAsync($"/organization/members?search={invited}");
                    await page.GetByRole(AriaRole.Link, new() { Name = invited }).ClickAsync();
                });
                await CheckAsync("member-disable", page => page.GetByRole(AriaRole.Link, new() { Name = "Disable…" }).ClickAsync());
                var robot = $"robot-{scheme}-{width}".ToLowerInvariant();
                await CheckAsync("service-accounts-add-refused", async page =>
                {
                    await page.GotoAsync("/organization/service-accounts/add");
                    await page.GetByLabel("Username").FillAsync(robot);
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Account" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Say what the account is for.")).ToBeVisibleAsync();
                });
                await CheckAsync("service-account", async page =>
                {
                    await page.GetByLabel("Description").FillAsync("copies results to the archive every night");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Account" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("The account is there.")).ToBeVisibleAsync();
                });
                await CheckAsync("service-account-key-shown", async page =>
                {
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                    await page.GetByLabel("Key Name").FillAsync("nightly");
                    await page.Locator("summary", new() { HasTextString = "Addresses" }).ClickAsync();
                    await page.GetByLabel("Only from").FillAsync("192.0.2.0/24\n2001:db8:1111:2222:3333:4444:5555:6666");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Key" }).ClickAsync();
                    await Assertions.Expect(page.Locator("#secret")).ToBeVisibleAsync();
                });
                await CheckAsync("service-account-key", page => page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync());
                await CheckAsync("api-key", async page =>
                {
                    await page.GotoAsync("/account/authentication/api-keys");
                    await page.Locator("table.list th a").First.ClickAsync();
                });
                await CheckAsync("service-accounts", page => page.GotoAsync("/organization/service-accounts"));
                await CheckAsync("service-accounts-delete", async page => await page.GetByRole(AriaRole.Button, new() { Name = $"Delete {robot}" }).ClickAsync());
                await CheckAsync("providers-add", page => page.GotoAsync("/organization/sign-in/add"));
                await CheckAsync("providers-add-refused", async page =>
                {
                    await page.GetByLabel("Name", new() { Exact = true }).FillAsync($"University {scheme} {width}");
                    await page.GetByLabel("Issuer").FillAsync("http://login.example.test");
                    await page.GetByLabel("Client ID").FillAsync("activate");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Provider" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("An issuer is reached by https only").First).ToBeVisibleAsync();
                });
                await CheckAsync("provider", async page =>
                {
                    await page.GetByLabel("Issuer").FillAsync("https://login.example.test");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Provider" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Saved. It counts for the next sign-in.")).ToBeVisibleAsync();
                });
                await CheckAsync("provider-checked", async page =>
                {
                    await page.GetByRole(AriaRole.Button, new() { Name = "Check" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Wrong:")).ToBeVisibleAsync();
                });
                await CheckAsync("providers", page => page.GotoAsync("/organization/sign-in"));
                await CheckAsync("providers-delete", async page => await page.GetByRole(AriaRole.Button, new() { Name = $"Delete University {scheme} {width}" }).ClickAsync());
                await CheckAsync("security-connections", page => page.GotoAsync("/account/security"));
                await CheckAsync("clusters-add-refused", async page =>
                {
                    await page.GotoAsync("/organization/clusters/add");
                    await page.GetByLabel("Name", new() { Exact = true }).FillAsync(robot);
                    await page.GetByLabel("Address").FillAsync("login.frontier.example.test");
                    await page.GetByLabel("Who may log in").SelectOptionAsync("users");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Cluster" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Name 1 to 5000 people")).ToBeVisibleAsync();
                });
                await CheckAsync("clusters-shown", async page =>
                {
                    await page.GetByLabel("Who may log in").SelectOptionAsync("everyone");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Add Cluster" }).ClickAsync();
                    await Assertions.Expect(page.Locator("#secret")).ToBeVisibleAsync();
                });
                await CheckAsync("cluster", page => page.GetByRole(AriaRole.Link, new() { Name = "Done" }).ClickAsync());
                await CheckAsync("cluster-account-refused", async page =>
                {
                    await page.GetByLabel("Unix accounts of other names").FillAsync("nobody-here=x4711");
                    await page.GetByRole(AriaRole.Button, new() { Name = "Save Accounts" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("Nobody of your organization has the username").First).ToBeVisibleAsync();
                });
                await CheckAsync("clusters", page => page.GotoAsync("/organization/clusters"));
                await CheckAsync("clusters-delete", async page => await page.GetByRole(AriaRole.Button, new() { Name = $"Delete {robot}" }).ClickAsync());
                await CheckAsync("certificate-authorities", page => page.GotoAsync("/organization/ssh-certificates"));
                await CheckAsync("certificate-authorities-made", async page =>
                {
                    // At most eight at once, and each look makes one: refused is a look, too.
                    await page.GetByRole(AriaRole.Button, new() { Name = "Make New Authority" }).ClickAsync();
                    await Assertions.Expect(page.GetByText("The new authority was made.").Or(page.GetByText("8 authorities are trusted already."))).ToBeVisibleAsync();
                });
                await CheckAsync("leave", page => page.GotoAsync("/account/profile/leave"));
                await CheckAsync("organizations-add", page => page.GotoAsync("/operator/organizations/add"));
                await CheckAsync("organizations", page => page.GotoAsync("/operator/organizations"));
                await CheckAsync("credentials", page => page.GotoAsync("/organization/credentials"));
                await CheckAsync("credentials-end", async page => await page.GetByRole(AriaRole.Button, new() { NameRegex = new("^End ") }).First.ClickAsync());
                await CheckAsync("credentials-end-all", page => page.GotoAsync("/organization/credentials?kind=apiKey&end=all"));
                await CheckAsync("consents", page => page.GotoAsync("/organization/consents"));
                await CheckAsync("credentials-none", page => page.GotoAsync("/organization/credentials?owner=nobody"));
                await CheckAsync("audit", page => page.GotoAsync("/organization/audit"));
                await CheckAsync("audit-none", page => page.GotoAsync("/organization/audit?type=signing_key.rotated&actor=nobody"));
                await CheckAsync("audit-refused", page => page.GotoAsync("/organization/audit?from=yesterday"));
                await CheckAsync("device", page => page.GotoAsync("/device"));
                await CheckAsync("device-phone", page => page.Locator("summary", new() { HasTextString = "phone" }).ClickAsync());
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
                await CheckAsync("allow", page => page.GotoAsync(Authorize(s_notebook!)));
                await CheckAsync("allow-more", page => page.GotoAsync(Authorize(s_portal!, "openid profile email offline_access platform credentials:write organization:read")));
                await CheckAsync("allow-command-line", page => page.GotoAsync(
                    $"/connect/authorize?client_id=activate-cli&response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%3A40123%2Fcallback&scope=platform+credentials%3Awrite&code_challenge={Testing.Pkce.New().Challenge}&code_challenge_method=S256&state=s&device_name=login-node-07.cluster.example.test&lifetime_hours=3"));
                await CheckAsync("allow-refused", page => page.GotoAsync("/connect/authorize?client_id=nobody&response_type=code"));
                await CheckAsync("connected-apps", page => page.GotoAsync("/account/connected-apps"));
                await CheckAsync("connected-apps-disconnect", async page => await page.GetByRole(AriaRole.Button, new() { Name = "Disconnect Observatory Portal" }).ClickAsync());
                await CheckAsync("connected-apps-end", async page =>
                {
                    await page.GotoAsync("/account/connected-apps");
                    await page.GetByRole(AriaRole.Button, new() { NameRegex = new("^End ") }).First.ClickAsync();
                });
                await CheckSecondFactorAsync();
                await CheckAsync("sign-out", page => page.GotoAsync("/sign-out"));
                await CheckAsync("logout", page => page.GotoAsync("/connect/logout"));
                await CheckAsync("logout-done", async page =>
                {
                    await page.GetByRole(AriaRole.Button, new() { Name = "Yes, sign out" }).ClickAsync();
                    await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "You are signed out" })).ToBeVisibleAsync();
                    await Assertions.Expect(page.Locator(".menu")).ToHaveCountAsync(0);
                });
                // Three links an hour are mailed to one person, and with LONG=1 this is the fourth look.
                if (scheme == ColorScheme.Light || width == 360)
                {
                    await CheckAsync("reset-password", async page =>
                    {
                        await page.GotoAsync("/forgot-password");
                        await page.GetByLabel("Username or e-mail address").FillAsync(mailbox);
                        await page.GetByRole(AriaRole.Button, new() { Name = "Mail me a link" }).ClickAsync();
                        await page.GotoAsync(await site.LinkMailedAsync(mailbox, "Set a new password"));
                        await Assertions.Expect(page.GetByLabel("New password")).ToBeVisibleAsync();
                    });
                }

                window.AssertNoComplaints();

                // Somebody with an app, whom nobody else of this run signs in as.
                async Task CheckSecondFactorAsync()
                {
                    var name = $"app-{scheme}-{width}".ToLowerInvariant();
                    await site.AddMemberAsync(name);
                    await using var own = await site.OpenAsync(width: width, scheme: scheme, username: name);
                    await own.SignInAsync("/account/security/authenticator");
                    var key = await own.Page.Locator("#totp-key").TextContentAsync();
                    Task CheckOwnAsync(string picture, Func<IPage, Task> go) => CheckInAsync(own, picture, go);
                    await CheckOwnAsync("recovery-codes", async page =>
                    {
                        await page.GetByLabel("Code", new() { Exact = true }).FillAsync(TotpOf(key!));
                        await page.GetByRole(AriaRole.Button, new() { Name = "Set Up App" }).ClickAsync();
                        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Recovery codes" })).ToBeVisibleAsync();
                    });
                    var code = (await own.Page.Locator("pre.codes").TextContentAsync())!.Split('\n')[0];
                    await own.Page.EmulateMediaAsync(new() { Media = Media.Print });
                    // On the paper: what they are, whose, where and of when, the ten of them, and nothing else.
                    var paper = (await own.Page.Locator("body").InnerTextAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                    Assert.Equal(12, paper.Length);
                    Assert.Equal(("Recovery codes", code), (paper[0], paper[2]));
                    Assert.StartsWith($"Of {name} at {site.Origin.Authority}, made on {TimeProvider.System.GetUtcNow():yyyy-MM-dd} (UTC).", paper[1], StringComparison.Ordinal);
                    await KeepPictureAsync(own.Page, $"recovery-codes-print-{scheme}-{width}");
                    await own.Page.EmulateMediaAsync(new() { Media = Media.Screen });
                    await CheckOwnAsync("security-two-factors", page => page.GotoAsync("/account/security"));
                    await CheckOwnAsync("security-app-remove", page => page.GetByRole(AriaRole.Button, new() { Name = "Remove App" }).Or(page.GetByRole(AriaRole.Link, new() { Name = "Remove App" })).First.ClickAsync());
                    await CheckOwnAsync("recovery-codes-new", page => page.GotoAsync("/account/security/recovery-codes"));
                    await CheckOwnAsync("second-step", async page =>
                    {
                        await page.GotoAsync("/sign-in?reauthenticate=1");
                        await page.GetByLabel("Password").FillAsync(Site.Password);
                        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
                        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "One more step" })).ToBeVisibleAsync();
                    });
                    await CheckOwnAsync("second-step-refused", async page =>
                    {
                        await page.GetByLabel("Code", new() { Exact = true }).FillAsync("000000");
                        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
                        await Assertions.Expect(page.GetByText("This code is not right, or was used before.")).ToBeVisibleAsync();
                    });
                    await own.Page.GetByLabel("Code", new() { Exact = true }).FillAsync(code);
                    await own.Page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
                    await Assertions.Expect(own.Page.GetByRole(AriaRole.Heading, new() { Name = $"Welcome, {name}" })).ToBeVisibleAsync();
                    own.AssertNoComplaints();
                }

                Task CheckAsync(string name, Func<IPage, Task> go) => CheckInAsync(window, name, go);

                async Task CheckInAsync(Window opened, string name, Func<IPage, Task> go)
                {
                    await go(opened.Page);
                    try
                    {
                        await opened.Page.WaitForLoadStateAsync(options: new() { Timeout = 20_000 });
                    }
                    catch (TimeoutException)
                    {
                        // Playwright misses the event now and then, and would wait for it in vain.
                        Assert.Equal("complete", await opened.Page.EvaluateAsync<string>("() => document.readyState"));
                    }

                    await KeepPictureAsync(opened.Page, $"{name}-{scheme}-{width}");
                    await AssertLightAsync(opened.Page, name);
                    // The second time it is the same page in other colors and another width.
                    await opened.AssertAccessibleAsync(Tools.FullSize || scheme == ColorScheme.Light ? [] : s_looks);
                    await AssertFitsAsync(opened.Page, name);
                }
            }
        }
    }

    /// <summary>The check of the others can fail.</summary>
    [Fact]
    public async Task A_page_that_hides_something_from_a_screen_reader_is_told()
    {
        await using var window = await site.OpenAsync();
        await window.Page.GotoAsync("/sign-in");
        await window.AssertAccessibleAsync();
        await window.Page.EvaluateAsync("() => document.querySelector('main').append(document.createElement('button'))");
        var told = await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => window.AssertAccessibleAsync());
        Assert.Contains("button-name", told.Message, StringComparison.Ordinal);
    }

    /// <summary>Between narrow and wide there are all the others, down to the 320 px of WCAG 1.4.10.</summary>
    [Fact]
    public async Task The_lists_fit_in_windows_of_every_width()
    {
        await FillAsync();
        await using var window = await site.OpenAsync();
        await window.SignInAsync();
        await window.Page.GotoAsync("/organization/applications");
        var application = await window.Page.GetByRole(AriaRole.Link, new() { Name = "Observatory Portal" }).GetAttributeAsync("href");
        foreach (var path in (string[])["/sign-in?reauthenticate=1", "/", "/forgot-password", "/account/profile", "/account/profile/email", "/no-such-page", "/device", "/account/authentication", "/account/security", "/account/security/password", "/account/security/authenticator", "/account/security/passkeys/add", "/account/authentication/api-keys", "/account/authentication/ssh-keys", "/account/authentication/api-keys/add",
            "/organization/policy", "/account/connected-apps", "/organization/applications", "/organization/applications/add", application!,
            "/organization/members", "/organization/members/invite", "/organization/members/import", "/organization/clusters", "/organization/clusters/add", "/organization/ssh-certificates", "/organization/credentials", "/organization/consents", "/organization/audit", "/account/profile/leave", "/operator/organizations", "/operator/organizations/add", Authorize(s_notebook!),
            "/connect/logout"])
        {
            await window.Page.GotoAsync(path);
            for (var width = 320; width <= 1300; width += Tools.FullSize ? 49 : 490)
            {
                await window.Page.SetViewportSizeAsync(width, 740);
                await AssertFitsAsync(window.Page, $"{path} at {width}");
            }
        }
    }

    [Fact]
    public async Task Without_scripts_the_dialog_stands_over_its_page()
    {
        await FillAsync();
        foreach (var width in (int[])[360, 1280])
        {
            await using var window = await site.OpenAsync(javaScript: false, width: width);
            await window.SignInAsync("/account/authentication/api-keys");
            await window.Page.GetByRole(AriaRole.Button, new() { Name = "Delete nightly backup" }).ClickAsync();
            await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToBeInViewportAsync();
            await Assertions.Expect(window.Page.GetByRole(AriaRole.Link, new() { Name = "Cancel" })).ToBeFocusedAsync();
            if (s_pictures is not null)
                await window.Page.ScreenshotAsync(new() { Path = Path.Combine(s_pictures, $"scriptless-delete-light-{width}.png") });
            await window.Page.GetByRole(AriaRole.Link, new() { Name = "Cancel" }).ClickAsync();
            await Assertions.Expect(window.Page.GetByRole(AriaRole.Dialog)).ToHaveCountAsync(0);
        }
    }

    /// <summary>Whatever else is not there.</summary>
    [Fact]
    public async Task While_the_database_is_locked_a_page_says_so_and_leads_back()
    {
        foreach (var (scheme, width) in ((ColorScheme, int)[])[(ColorScheme.Light, 1280), (ColorScheme.Dark, 360)])
        {
            await using var window = await site.OpenAsync(width: width, scheme: scheme);
            await window.Page.GotoAsync("/sign-in");
            await window.Page.GetByLabel("Username").FillAsync(Site.Username);
            await window.Page.GetByLabel("Password").FillAsync(Site.Password);
            await using (await site.LockDatabaseAsync())
            {
                await window.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
                await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Back in a moment" })).ToBeVisibleAsync();
                await KeepPictureAsync(window.Page, $"database-away-{scheme}-{width}");
                await window.AssertAccessibleAsync();
                await AssertFitsAsync(window.Page, "database-away");
            }

            await window.Page.GetByRole(AriaRole.Link, new() { Name = "Try again" }).ClickAsync();
            await window.TypePasswordAsync();
        }
    }

    [Fact]
    public async Task The_keyboard_skips_to_the_content_and_opens_and_closes_the_menu()
    {
        await using var window = await site.OpenAsync();
        await window.SignInAsync("/organization/members");
        var page = window.Page;
        Task<string> FocusAsync() => page.EvaluateAsync<string>("() => document.activeElement.textContent.trim()");
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the content", await FocusAsync());
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Skip to the content" })).ToBeInViewportAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("Tab");
        Assert.True(await page.EvaluateAsync<bool>("() => !!document.activeElement.closest('main')"));

        await page.GotoAsync("/organization/members");
        while (await FocusAsync() != Site.Username)
            await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        var places = await page.Locator(".menu a").AllInnerTextsAsync();
        foreach (var place in places)
        {
            await page.Keyboard.PressAsync("Tab");
            Assert.Equal(place, await FocusAsync());
        }

        await page.Keyboard.PressAsync("Escape");
        Assert.Equal(Site.Username, await FocusAsync());
        await Assertions.Expect(page.Locator(".menu .items")).Not.ToBeVisibleAsync();
        window.AssertNoComplaints();
    }

    /// <summary>A picture for those who look, of the whole page.</summary>
    private static Task KeepPictureAsync(IPage page, string name) =>
        s_pictures is null ? Task.CompletedTask : page.ScreenshotAsync(new() { Path = Path.Combine(s_pictures, $"{name}.png".ToLowerInvariant()), FullPage = true });

    /// <summary>Over the wire, with stylesheet, scripts and icon: for a train, and a hotel's network.</summary>
    private static async Task AssertLightAsync(IPage page, string name)
    {
        var bytes = await page.EvaluateAsync<int>("() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((sum, it) => sum + it.encodedBodySize, 0)");
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes,6} bytes: {name}");
        Assert.InRange(bytes, 1, 60 * 1024);
    }

    private static async Task AssertFitsAsync(IPage page, string name)
    {
        var overflow = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.True(overflow <= 0, $"{name} is {overflow} px wider than its window.");
    }

    /// <summary>What somebody new sees.</summary>
    private async Task EmptyAsync()
    {
        foreach (var scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (var width in (int[])[360, 1280])
            {
                if (!InThisRun(scheme, width))
                    continue;
                await using var window = await site.OpenAsync(width: width, scheme: scheme);
                await window.SignInAsync();
                foreach (var (list, path) in new[]
                {
                    ("api-keys", "/account/authentication/api-keys"), ("ssh-keys", "/account/authentication/ssh-keys"), ("connected-apps", "/account/connected-apps"), ("applications", "/organization/applications"),
                    ("clusters", "/organization/clusters"), ("service-accounts", "/organization/service-accounts"), ("consents", "/organization/consents"),
                })
                {
                    await window.Page.GotoAsync(path);
                    await Assertions.Expect(window.Page.Locator(".empty").First).ToBeVisibleAsync();
                    await window.AssertAccessibleAsync();
                    await AssertFitsAsync(window.Page, $"{list}, empty");
                    await KeepPictureAsync(window.Page, $"{list}-empty-{scheme}-{width}");
                }
            }
        }
    }

    /// <summary>Something to look at, once for all tests of the class; before it the same pages without anything.</summary>
    private async Task FillAsync()
    {
        if (s_filled)
            return;
        s_filled = true;
        await EmptyAsync();
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

        // One application is connected, the other is yet to be asked about.
        await using var notebook = new Portal(site.Origin);
        await window.RegisterAsync(notebook, "Notebooks of the department of meteorology and oceanography", "See your e-mail address", "Use the ACTIVATE platform as you");
        s_notebook = $"client_id={notebook.ClientId}&redirect_uri={Uri.EscapeDataString(notebook.RedirectUri)}";
        await using var portal = new Portal(site.Origin);
        await window.RegisterAsync(portal, "Observatory Portal", "See your e-mail address", "Stay signed in when you are away", "Use the ACTIVATE platform as you",
            "Create and delete your API keys, tokens and SSH keys", "See your organization, its members and its policy");
        s_portal = $"client_id={portal.ClientId}&redirect_uri={Uri.EscapeDataString(portal.RedirectUri)}";
        await window.Page.GotoAsync(portal.Home);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await Assertions.Expect(window.Page.GetByRole(AriaRole.Heading, new() { Name = "Welcome, ada" })).ToBeVisibleAsync();
        await site.LoginWithDeviceAsync(window);
    }

    /// <summary>The code of now for a key as the page shows it.</summary>
    private static string TotpOf(string base32)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(base32.Where(char.IsAsciiLetterOrDigit).Select(c => Convert.ToString(Alphabet.IndexOf(c, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        var key = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2)).ToArray();
        return Core.SecondFactors.Totp.CodeAt(key, Core.SecondFactors.Totp.StepAt(TimeProvider.System.GetUtcNow().UtcDateTime));
    }

    private static string Authorize(string client, string scope = "openid profile email platform") =>
        $"/connect/authorize?{client}&response_type=code&scope={Uri.EscapeDataString(scope)}&code_challenge={Testing.Pkce.New().Challenge}&code_challenge_method=S256&state=s";
}
