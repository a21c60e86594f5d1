using System.Net;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.ApiKeys;

/// <summary>The pages of API keys, tokens and SSH keys: what they make once, show once, and to whom.</summary>
[Trait("Database", "Differs")]
public class PagesOfKeysTests(SharedNodes fixture) : IClassFixture<SharedNodes>
{
    private const string Keys = "/account/authentication/api-keys";
    private const string AddKey = $"{Keys}/add";
    private const string AddToken = $"{Keys}/generate-token";
    private const string SshKeys = "/account/authentication/ssh-keys";
    private const string Evil = "<svg onload=alert(1)>\"'&";

    private readonly TestServer _server = fixture.Server;

    [Theory]
    [Trait("Case", "K6")]
    [InlineData(AddKey, "Add Key")]
    [InlineData(AddToken, "Add Token")]
    public async Task A_form_sent_again_makes_nothing_and_shows_nothing_on_no_node(string path, string button)
    {
        var (username, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(path);
        (string, string)[] fields = path == AddKey ? [("Name", "nightly")] : [];
        var again = () => browser.FormRequest(button, fields);
        var requests = Enumerable.Range(0, 6).Select(_ => again()).ToList();
        await browser.SendAsync(requests[0]);
        var secret = browser.Page.QuerySelector("#secret")?.TextContent.Trim();
        Assert.False(string.IsNullOrEmpty(secret));
        Assert.Equal(200, (int)browser.Response.StatusCode);
        // A reload; another node; a list without the name taken; after the key itself is gone.
        for (var i = 1; i < 5; i++)
        {
            await browser.At(i % 2).SendAsync(requests[i]);
            Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
            Assert.DoesNotContain(secret, browser.Body, StringComparison.Ordinal);
            Assert.Contains("nothing new was made", browser.PageText, StringComparison.Ordinal);
        }

        await _server.QueryAsync(database => database.ApiKeys.Where(k => k.Owner!.UserName == username).ExecuteDeleteAsync());
        await _server.QueryAsync(database => database.TokenGrants.Where(g => g.Owner!.UserName == username).ExecuteDeleteAsync());
        await browser.SendAsync(requests[5]);
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        await browser.GoAsync(Keys);
        Assert.Contains("You have no API keys", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("You have no tokens", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, await _server.DumpStorageAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(secret, _server.Logs.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "R6")]
    public async Task Of_one_form_sent_twenty_times_at_once_to_two_nodes_one_key_comes()
    {
        var (username, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(AddKey);
        var cookies = browser.Cookies.GetCookieHeader(browser.Address);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            using var client = _server.Client(i % 2);
            using var request = browser.FormRequest("Add Key", ("Name", $"name {i}"));
            request.Headers.Add("Cookie", cookies);
            return (int)(await client.SendAsync(request)).StatusCode;
        }));
        Assert.Equal([200, .. Enumerable.Repeat(409, 19)], answers.Order());
        Assert.Equal(1, await _server.QueryAsync(database => database.ApiKeys.CountAsync(k => k.Owner!.UserName == username)));
    }

    [Fact]
    public async Task A_form_belongs_to_whom_it_was_given()
    {
        var (_, ada) = await fixture.NewUserAsync();
        var (_, bob) = await fixture.NewUserAsync();
        await ada.GoAsync(AddKey);
        var form = ada.Page.QuerySelector("input[name=Form]")!.GetAttribute("value")!;
        foreach (var wrong in (string[])[form, "", "nonsense", "AAAA AAAA", "AAAA\n", "====", "ä", form[..^2], form.Insert(8, " "), new string('A', 2000)])
        {
            await bob.GoAsync(AddKey);
            await bob.SubmitAsync("Add Key", ("Name", "stolen form"), ("Form", wrong));
            Assert.Equal(HttpStatusCode.BadRequest, bob.Response.StatusCode);
            Assert.Contains("Nothing was made", bob.PageText, StringComparison.Ordinal);
        }

        // The page that says so is a new form, with what was typed.
        await bob.SubmitAsync("Add Key");
        Assert.NotNull(bob.Page.QuerySelector("#secret"));
    }

    [Fact]
    public async Task What_is_wrong_stands_beside_its_field_and_the_form_may_be_sent_again()
    {
        var (_, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(AddKey);
        await browser.SubmitAsync("Add Key", ("Name", ""), ("Expiration", "7"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Equal("Give it a name.", browser.Page.QuerySelector("#Name-error")?.TextContent.Trim());
        Assert.Equal("7", browser.Page.QuerySelector("#Expiration option[selected]")?.GetAttribute("value"));
        await browser.SubmitAsync("Add Key", ("Name", "nightly"), ("!Expiration", "soon"));
        Assert.Contains("Choose one of the menu", browser.Page.QuerySelector("#Expiration-error")?.TextContent, StringComparison.Ordinal);
        await browser.SubmitAsync("Add Key", ("Name", "nightly"), ("Expiration", "7"));
        Assert.NotNull(browser.Page.QuerySelector("#secret"));
        await browser.GoAsync(AddKey);
        await browser.SubmitAsync("Add Key", ("Name", "NIGHTLY"));
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Contains("already have an API key of that name", browser.Page.QuerySelector("#Name-error")?.TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Scopes_are_offered_as_far_as_the_role_goes_and_a_sensitive_one_needs_a_recent_sign_in()
    {
        var (_, member) = await fixture.NewUserAsync();
        await member.GoAsync(AddKey);
        Assert.Equal(["platform", "credentials:read", "credentials:write", "organization:read"], member.Page.QuerySelectorAll("input[name=Scopes]").Select(box => box.GetAttribute("value")));
        Assert.Equal(["platform", "credentials:read"], member.Page.QuerySelectorAll("input[name=Scopes][checked]").Select(box => box.GetAttribute("value")));
        await member.SubmitAsync("Add Key", ("Name", "x"), ("!Scopes", "organization:write"));
        Assert.Contains("needs the role admin", member.PageText, StringComparison.Ordinal);

        var (username, admin) = await fixture.NewUserAsync(Role.Admin);
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));
        await admin.GoAsync(AddKey);
        await admin.SubmitAsync("Add Key", ("Name", "x"), ("!Scopes", "credentials:write"));
        Assert.Equal(HttpStatusCode.Forbidden, admin.Response.StatusCode);
        var link = admin.Page.QuerySelector("a[href*=reauthenticate]");
        Assert.Equal("/sign-in?reauthenticate=1&returnUrl=%2Faccount%2Fauthentication%2Fapi-keys%2Fadd", link?.GetAttribute("href"));
    }

    [Fact]
    [Trait("Case", "W14")]
    public async Task A_locked_account_makes_nothing_with_an_older_session()
    {
        var (username, browser) = await fixture.NewUserAsync(Role.Owner);
        var forms = new List<(string Path, string Button, (string, string)[] Fields)>
        {
            (AddKey, "Add Key", [("Name", "x")]), (AddToken, "Add Token", []), ($"{SshKeys}/add", "Add Key", [("Name", "x"), ("Key", SshTestKeys.Ed25519())]),
        };
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.LockoutEnd, DateTimeOffset.UtcNow.AddHours(1))));
        foreach (var (path, button, fields) in forms)
        {
            await browser.GoAsync(path);
            await browser.SubmitAsync(button, fields);
            Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
            Assert.Contains("Your account is locked", browser.PageText, StringComparison.Ordinal);
        }

        Assert.Equal(0, await _server.QueryAsync(database => database.ApiKeys.CountAsync(k => k.Owner!.UserName == username)));
        Assert.Equal(0, await _server.QueryAsync(database => database.SshKeys.CountAsync(k => k.Owner!.UserName == username)));
        await browser.GoAsync("/organization/policy");
        Assert.Null(browser.Page.QuerySelector("button[formaction*=Apply]"));
    }

    [Fact]
    public async Task Nobody_sees_or_deletes_what_is_another_users()
    {
        var (_, ada) = await fixture.NewUserAsync();
        var (_, bob) = await fixture.NewUserAsync();
        await ada.GoAsync(AddKey);
        await ada.SubmitAsync("Add Key", ("Name", "adas key"));
        await ada.GoAsync(Keys);
        var id = ada.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")!;
        await bob.GoAsync($"{Keys}?delete={id}");
        Assert.Null(bob.Page.QuerySelector("dialog"));
        Assert.DoesNotContain("adas key", bob.Body, StringComparison.Ordinal);

        // Even with a form of his own.
        await bob.GoAsync(AddKey);
        await bob.SubmitAsync("Add Key", ("Name", "bobs key"));
        await bob.GoAsync(Keys);
        var own = bob.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")!;
        await bob.GoAsync($"{Keys}?delete={own}");
        await bob.SubmitAsync("Delete API Key", ("id", id));
        await ada.GoAsync($"{Keys}?delete={id}");
        Assert.Contains("adas key", ada.Page.QuerySelector("dialog")?.TextContent, StringComparison.Ordinal);
        await ada.SubmitAsync("Delete API Key");
        Assert.Equal("The API key “adas key” was deleted. It works nowhere any more.", ada.Page.QuerySelector("p[role=status]")?.TextContent);
        // Once more, from another tab: nothing is wrong with that.
        await ada.GoAsync($"{Keys}?delete={id}");
        Assert.Equal(200, (int)ada.Response.StatusCode);
    }

    [Theory]
    [Trait("Case", "W1")]
    [InlineData(AddKey)]
    [InlineData(AddToken)]
    [InlineData($"{SshKeys}/add")]
    [InlineData($"{Keys}?handler=DeleteKey")]
    [InlineData($"{SshKeys}?handler=Delete")]
    [InlineData("/organization/policy?handler=Apply")]
    public async Task A_form_without_our_token_is_refused(string path)
    {
        var (_, browser) = await fixture.NewUserAsync(Role.Owner);
        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, path)) { Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["Name"] = "x", ["id"] = Guid.NewGuid().ToString() }) });
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
    }

    [Theory]
    [Trait("Case", "W6")]
    [Trait("Case", "W19")]
    [Trait("Case", "W20")]
    [InlineData("/account/profile")]
    [InlineData(Keys)]
    [InlineData(AddKey)]
    [InlineData(AddToken)]
    [InlineData(SshKeys)]
    [InlineData($"{SshKeys}/add")]
    [InlineData("/organization/policy")]
    public async Task Pages_are_kept_nowhere_framed_by_nobody_and_tell_no_other_site_where_one_comes_from(string path)
    {
        using var stranger = _server.Browser();
        await stranger.GoAsync(path);
        Assert.Equal("/sign-in", stranger.Address.AbsolutePath);
        var (_, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(path);
        Assert.Equal(200, (int)browser.Response.StatusCode);
        Assert.True(browser.Response.Headers.CacheControl?.NoStore);
        Assert.Equal("no-referrer", browser.Response.Headers.GetValues("Referrer-Policy").Single());
        Assert.Equal("DENY", browser.Response.Headers.GetValues("X-Frame-Options").Single());
        var policy = browser.Response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Empty(browser.Page.QuerySelectorAll("[style], [onclick], script:not([src]), style"));
    }

    [Fact]
    [Trait("Case", "W19")]
    [Trait("Case", "W20")]
    [Trait("Case", "L2")]
    public async Task The_page_with_the_secret_is_kept_nowhere_and_its_address_holds_nothing()
    {
        var (_, browser) = await fixture.NewUserAsync();
        foreach (var (path, button) in ((string, string)[])[(AddKey, "Add Key"), (AddToken, "Add Token")])
        {
            await browser.GoAsync(path);
            await browser.SubmitAsync(button, path == AddKey ? [("Name", "nightly")] : []);
            Assert.True(browser.Response.Headers.CacheControl?.NoStore);
            Assert.Equal(path, browser.Address.PathAndQuery);
            Assert.False(browser.Response.Headers.Contains("Set-Cookie"));
            var secret = browser.Page.QuerySelector("#secret")!.TextContent.Trim();
            Assert.All(browser.Page.QuerySelectorAll("a[href], form[action], [src]"), element => Assert.DoesNotContain(secret, element.OuterHtml, StringComparison.Ordinal));
        }
    }

    [Fact]
    [Trait("Case", "W4")]
    public async Task Names_and_comments_are_text_wherever_they_stand()
    {
        var organization = await _server.CreateOrganizationAsync(fixture.NewName("org"), Evil);
        var (username, browser) = await fixture.NewUserAsync(Role.Owner, organization.Id);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.DisplayName, Evil)));
        await browser.GoAsync(AddKey);
        await browser.SubmitAsync("Add Key", ("Name", Evil));
        Harmless(browser);
        await browser.GoAsync($"{SshKeys}/add");
        await browser.SubmitAsync("Add Key", ("Name", Evil), ("Key", SshTestKeys.Ed25519(Evil)));
        Harmless(browser);
        foreach (var list in (string[])[Keys, SshKeys])
        {
            await browser.GoAsync(list);
            Harmless(browser);
            Assert.Contains(browser.Page.QuerySelectorAll("button"), button => button.GetAttribute("aria-label") == $"Delete {Evil}");
            await browser.GoAsync($"{list}?delete={browser.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
            Assert.Contains(Evil, browser.Page.QuerySelector("dialog h2")!.TextContent, StringComparison.Ordinal);
            Harmless(browser);
        }

        foreach (var (path, button) in ((string, string)[])[(AddKey, "Add Key"), ($"{SshKeys}/add", "Add Key")])
        {
            await browser.GoAsync(path);
            await browser.SubmitAsync(button, path == AddKey ? [("Name", new string('x', 70) + Evil), ("!Expiration", Evil)] : [("Name", Evil), ("Key", Evil), ("!Expiration", Evil)]);
            Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
            Harmless(browser);
        }

        foreach (var path in (string[])["/account/profile", "/", "/organization/policy", $"{Keys}?deleted={Uri.EscapeDataString(Evil)}", $"{SshKeys}?added={Uri.EscapeDataString(Evil)}"])
        {
            await browser.GoAsync(path);
            Harmless(browser);
        }

        // What changes the direction of text or draws nothing is no name and no comment.
        foreach (var odd in (string[])["\u202Eevil", "zero\u200Bwidth", "nul\0"])
        {
            await browser.GoAsync($"{SshKeys}/add");
            await browser.SubmitAsync("Add Key", ("Name", "odd"), ("Key", SshTestKeys.Ed25519(odd)));
            Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        }

        static void Harmless(Browser browser)
        {
            Assert.Empty(browser.Page.QuerySelectorAll("[onload]"));
            Assert.DoesNotContain("<svg onload", browser.Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Case", "S6")]
    public async Task A_private_key_in_the_form_is_not_even_shown_back()
    {
        var (_, browser) = await fixture.NewUserAsync();
        await browser.GoAsync($"{SshKeys}/add");
        await browser.SubmitAsync("Add Key", ("Name", "oops"), ("Key", "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-of-the-form\n-----END OPENSSH PRIVATE KEY-----"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Contains("PRIVATE key. It was not stored", browser.PageText, StringComparison.Ordinal);
        Assert.Equal("oops", browser.Page.QuerySelector("#Name")?.GetAttribute("value"));
        Assert.DoesNotContain("canary-of-the-form", browser.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("canary-of-the-form", _server.Logs.ToString(), StringComparison.Ordinal);
        // Nor is a part of one, which nobody can tell from a public key that is broken.
        foreach (var part in (string[])["canary-of-the-form", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjcanary-of-the-form", "ssh-ed25519 canary-of-the-form"])
        {
            foreach (var name in (string[])["oops", ""])
            {
                await browser.SubmitAsync("Add Key", ("Name", name), ("Key", part));
                Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
                Assert.Equal(name, browser.Page.QuerySelector("#Name")?.GetAttribute("value") ?? "");
                Assert.DoesNotContain("canary-of-the-form", browser.Body, StringComparison.Ordinal);
            }
        }

        // A public key stays when something else is wrong.
        var line = SshTestKeys.Ed25519();
        await browser.SubmitAsync("Add Key", ("Name", ""), ("Key", line));
        Assert.Equal(line, browser.Page.QuerySelector("#Key")!.TextContent.Trim());
    }

    [Fact]
    public async Task The_expiration_of_SSH_keys_is_asked_for_only_where_the_policy_has_a_maximum()
    {
        var organization = await _server.CreateOrganizationAsync(fixture.NewName("org"));
        var (username, browser) = await fixture.NewUserAsync(Role.Owner, organization.Id);
        var session = await _server.GrantAsync(await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync()));
        await browser.GoAsync($"{SshKeys}/add");
        Assert.Null(browser.Page.QuerySelector("#Expiration"));
        await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } });
        await browser.GoAsync($"{SshKeys}/add");
        Assert.Equal(["7 days", "30 days"], browser.Page.QuerySelectorAll("#Expiration option").Select(option => option.TextContent));
        await _server.SetPolicyAsync(session, new { apiKeys = new { userChoice = false, defaultDays = 14 }, tokens = new { userChoice = false, defaultHours = 4 } });
        foreach (var (path, text) in ((string, string)[])[(AddKey, "everybody gets 14 days"), (AddToken, "everybody gets 4 hours")])
        {
            await browser.GoAsync(path);
            Assert.Null(browser.Page.QuerySelector("#Expiration"));
            Assert.Contains(text, browser.PageText, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Case", "W4")]
    public async Task After_a_deletion_the_page_names_what_is_gone_and_no_link_makes_it_say_so()
    {
        var (_, ada) = await fixture.NewUserAsync();
        var (_, bob) = await fixture.NewUserAsync();
        await ada.GoAsync(AddKey);
        await ada.SubmitAsync("Add Key", ("Name", Evil));
        await ada.GoAsync(AddToken);
        await ada.SubmitAsync("Add Token");
        await ada.GoAsync($"{SshKeys}/add");
        await ada.SubmitAsync("Add Key", ("Name", Evil), ("Key", SshTestKeys.Ed25519()));
        foreach (var (list, button, expected) in ((string, string, string)[])[
            (Keys, "Delete API Key", $"The API key “{Evil}” was deleted."), (Keys, "Delete Token", "The token “Token of 20"), (SshKeys, "Delete SSH Key", $"The SSH key “{Evil}” was deleted.")])
        {
            await ada.GoAsync(list);
            var id = ada.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")!;
            // Not before, not for somebody else, and not of something else.
            foreach (var (browser, claimed) in ((Browser, string)[])[(ada, id), (ada, Guid.NewGuid().ToString()), (ada, "nonsense")])
                Assert.Null((await browser.GoAsync($"{list}?deleted={claimed}")).Page.QuerySelector("p[role=status]"));
            await ada.GoAsync($"{list}?delete={id}");
            await ada.SubmitAsync(button);
            Assert.StartsWith(expected, ada.Page.QuerySelector("p[role=status]")?.TextContent, StringComparison.Ordinal);
            Assert.Equal($"{list}?deleted={id}", ada.Address.PathAndQuery);
            Assert.Empty(ada.Page.QuerySelectorAll("[onload]"));
            Assert.Null((await bob.GoAsync($"{list}?deleted={id}")).Page.QuerySelector("p[role=status]"));
        }
    }

    [Fact]
    [Trait("Case", "W4")]
    public async Task After_an_SSH_key_was_added_the_page_says_so_and_no_link_makes_it_say_so()
    {
        var (_, ada) = await fixture.NewUserAsync();
        var (_, bob) = await fixture.NewUserAsync();
        foreach (var link in (string[])["?done=added", "?added=true", $"?added={Guid.NewGuid()}"])
            Assert.Null((await ada.GoAsync(SshKeys + link)).Page.QuerySelector("p[role=status]"));
        await ada.GoAsync($"{SshKeys}/add");
        await ada.SubmitAsync("Add Key", ("Name", "laptop"), ("Key", SshTestKeys.Ed25519()));
        Assert.StartsWith("The key was added.", ada.Page.QuerySelector("p[role=status]")?.TextContent, StringComparison.Ordinal);
        var address = ada.Address.PathAndQuery;
        Assert.Null((await bob.GoAsync(address)).Page.QuerySelector("p[role=status]"));
        await ada.GoAsync($"{SshKeys}?delete={ada.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
        await ada.SubmitAsync("Delete SSH Key");
        Assert.Null((await ada.GoAsync(address)).Page.QuerySelector("p[role=status]"));
    }

    [Theory]
    [InlineData(CredentialKind.Token)]
    [InlineData(CredentialKind.ApiKey)]
    public async Task What_lives_is_on_the_page_however_much_ended_after_it(CredentialKind kind)
    {
        var (username, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(kind == CredentialKind.ApiKey ? AddKey : AddToken);
        await browser.SubmitAsync(kind == CredentialKind.ApiKey ? "Add Key" : "Add Token", kind == CredentialKind.ApiKey ? [("Name", "the living one"), ("Expiration", "none")] : []);
        await _server.QueryAsync(async database =>
        {
            var ownerId = await database.Users.Where(u => u.UserName == username).Select(u => u.Id).SingleAsync();
            await database.TokenGrants.Where(g => g.OwnerId == ownerId).ExecuteUpdateAsync(set => set.SetProperty(g => g.Name, "the living one"));
            // Their ids are those of keys made after the living one.
            var (at, ended) = (DateTime.UtcNow.AddMinutes(1), DateTime.UtcNow.AddHours(-1));
            for (var i = 0; i < 1000; i++)
            {
                if (kind == CredentialKind.ApiKey)
                {
                    database.ApiKeys.Add(new ApiKey
                    {
                        Id = Guid.CreateVersion7(at), OwnerId = ownerId, Name = $"ended {i}", NormalizedName = $"ENDED {i}", Last4 = "abcd", Scopes = "platform",
                        CreatedAt = ended.AddHours(-1), ExpiresAt = ended, ExpiresBecause = ExpiresBecause.Requested,
                    });
                }
                else
                {
                    database.TokenGrants.Add(new TokenGrant
                    {
                        Id = Guid.CreateVersion7(at), Kind = kind, OwnerId = ownerId, ClientId = "activate-cli", Name = "ended", Scopes = "platform", CreatedAt = ended.AddHours(-1), ExpiresAt = ended,
                        ExpiresBecause = ExpiresBecause.Requested,
                    });
                }
            }

            return await database.SaveChangesAsync();
        });
        await browser.GoAsync(Keys);
        Assert.Contains("the living one", browser.PageText, StringComparison.Ordinal);
        Assert.StartsWith("the living one", browser.Page.QuerySelector("th[data-label=Name]")!.TextContent.Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_dialog_says_which_key_it_is_and_when_and_from_where_it_was_used()
    {
        var (username, browser) = await fixture.NewUserAsync(Role.Admin);
        await browser.GoAsync(AddKey);
        await browser.SubmitAsync("Add Key", ("Name", "nightly"), ("Scopes", "platform"), ("Scopes", "organization:write"));
        var secret = browser.Page.QuerySelector("#secret")!.TextContent.Trim();
        await browser.GoAsync(Keys);
        Assert.Equal("organization:write", browser.Page.QuerySelector("th[data-label=Name] strong")?.TextContent);
        Assert.Contains("just now", browser.Page.QuerySelector("td[data-label=Created]")?.TextContent, StringComparison.Ordinal);
        await _server.QueryAsync(database => database.ApiKeys.Where(k => k.Owner!.UserName == username).ExecuteUpdateAsync(set => set
            .SetProperty(k => k.LastUsedAt, DateTime.UtcNow.AddHours(-3)).SetProperty(k => k.LastUsedFrom, "192.0.2.7")));
        await browser.GoAsync($"{Keys}?delete={browser.Page.QuerySelector("input[name=delete]")!.GetAttribute("value")}");
        var dialog = browser.Page.QuerySelector("dialog")!.TextContent;
        foreach (var said in (string[])["“nightly”", $"ending in “{secret[^4..]}”", "is refused from that moment on", "It cannot be undone", "3 hours ago", "from 192.0.2.7"])
            Assert.Contains(said, dialog, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Case", "W23")]
    [InlineData(AddKey, "Add Key")]
    [InlineData(AddToken, "Add Token")]
    [InlineData($"{SshKeys}/add", "Add Key")]
    public async Task Who_signed_in_days_ago_proves_again_who_they_are_before_anything_is_added(string path, string button)
    {
        var (username, browser) = await fixture.NewUserAsync();
        (string, string)[] fields = path == AddToken ? [] : path == AddKey ? [("Name", "nightly")] : [("Name", "laptop"), ("Key", SshTestKeys.Ed25519())];
        Task SignedInAsync(TimeSpan ago) => _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == username)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, DateTime.UtcNow - ago)));
        await SignedInAsync(TimeSpan.FromHours(23));
        await browser.GoAsync(path);
        await SignedInAsync(TimeSpan.FromDays(2));
        await browser.SubmitAsync(button, fields);
        Assert.Equal($"/sign-in?reauthenticate=1&returnUrl={Uri.EscapeDataString(path)}", browser.Address.PathAndQuery);
        Assert.Equal(0, await _server.QueryAsync(async database => await database.ApiKeys.CountAsync(k => k.Owner!.UserName == username)
            + await database.TokenGrants.CountAsync(g => g.Owner!.UserName == username) + await database.SshKeys.CountAsync(k => k.Owner!.UserName == username)));
        // Not even the form is shown; the list is, where things can be deleted.
        await browser.GoAsync(path[..path.LastIndexOf('/')]);
        Assert.Equal(HttpStatusCode.OK, browser.Response.StatusCode);
        await browser.GoAsync(path);
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        Assert.Contains("Confirm it is you", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Sign in", ("Password", TestServer.UserPassword));
        Assert.Equal(path, browser.Address.AbsolutePath);
        await browser.SubmitAsync(button, fields);
        Assert.Equal(HttpStatusCode.OK, browser.Response.StatusCode);
    }

    [Fact]
    [Trait("Case", "K6")]
    public async Task A_form_sent_again_after_the_sign_in_grew_old_is_told_that_it_was_sent_before()
    {
        var (username, browser) = await fixture.NewUserAsync();
        await browser.GoAsync(AddKey);
        var again = browser.FormRequest("Add Key", ("Name", "nightly"), ("Scopes", "credentials:write"));
        await browser.SubmitAsync("Add Key", ("Name", "nightly"), ("Scopes", "credentials:write"));
        Assert.NotNull(browser.Page.QuerySelector("#secret"));
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == username)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, s => s.AuthenticatedAt.AddMinutes(-11))));
        await browser.SendAsync(again);
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Contains("nothing new was made", browser.PageText, StringComparison.Ordinal);
    }
}
