using System.Net.Http;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>Signing in at a provider: who comes in, as what, and under which name.</summary>
public sealed class ExternalSignInTests(SsoServer fixture) : IClassFixture<SsoServer>, IAsyncLifetime
{
    private readonly TestServer _server = fixture.Server;
    private FakeProvider _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await FakeProvider.StartAsync();

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Fact]
    public async Task The_first_sign_in_makes_an_account_and_the_next_finds_it()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("Grace.Hopper");
        var begun = await sso.BeginAsync(_server.Browser());
        // What a client owes a provider: code, PKCE, state, nonce, the one redirect URI.
        Assert.Equal(("code", "S256", "activate", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/sign-in/callback"),
            (TestServer.Parameter(begun, "response_type"), TestServer.Parameter(begun, "code_challenge_method"), TestServer.Parameter(begun, "client_id"), TestServer.Parameter(begun, "redirect_uri")));
        Assert.Equal("openid profile email", string.Join(' ', TestServer.Parameter(begun, "scope").Split(' ').OrderBy(scope => "ope".IndexOf(scope[0], StringComparison.Ordinal))));
        Assert.Equal(43, TestServer.Parameter(begun, "code_challenge").Length);

        using var browser = _server.Browser();
        await sso.SignInAsync(_provider, Sso.Person("1", name), browser, $"{sso.Path}?returnUrl=%2Faccount%2Fsecurity");
        Assert.Equal("/account/security", browser.Address.AbsolutePath);
        var user = (await sso.UserOfAsync("1"))!;
        Assert.Equal((name.ToLowerInvariant().Replace('.', '-'), "Grace Hopper", $"{name}@example.org", Role.Member, false), (user.UserName, user.DisplayName, user.Email, user.Role, user.EmailConfirmed));
        Assert.Null(user.PasswordHash);
        Assert.Equal(user.UserName, await Sso.WhoAsync(browser));
        Assert.Contains("code_verifier", _provider.TokenRequests.Last().Keys);

        using var other = await sso.SignInAsync(_provider, Sso.Person("1", "another-name-by-now"));
        Assert.Equal(user.UserName, await Sso.WhoAsync(other));
        Assert.Equal(2, await sso.PeopleAsync());
        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.SubjectId == user.Id).OrderBy(e => e.Type).Select(e => e.Type).ToListAsync());
        Assert.Equal([AuditTypes.ExternalLoginConnected, AuditTypes.MemberJoined, AuditTypes.SignedIn, AuditTypes.SignedIn], events);
        Assert.Contains("Sign in with your organization", (await other.SubmitAsync("Sign out")).PageText, StringComparison.Ordinal);
        await other.GoAsync("/sign-in");
        Assert.Equal(sso.Path, other.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Sign in with your organization").GetAttribute("href"));
    }

    [Fact]
    [Trait("Case", "O14")]
    public async Task An_address_that_somebody_has_opens_nobodys_account()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", "mallory", sso.Owner.Email, ("email_verified", true)));
        // Not even where the domain is right: the owner's is example.test.
        await Sso.AssertRefusedAsync(browser, "in none of the domains");
        await sso.ChangeAsync(new { allowedDomains = new[] { "example.test" } });
        using var again = await sso.SignInAsync(_provider, Sso.Person("1", "mallory", sso.Owner.Email));
        await Sso.AssertRefusedAsync(again, "an address alone opens no account", 409);
        Assert.Equal(1, await sso.PeopleAsync());
        // Nor by a name: the account is another, with a number.
        using var named = await sso.SignInAsync(_provider, Sso.Person("2", sso.Owner.UserName!, $"{fixture.NewName("m")}@example.test"));
        Assert.Equal($"{sso.Owner.UserName}2", await Sso.WhoAsync(named));
    }

    [Fact]
    public async Task Another_subject_with_the_same_address_is_another_person()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("dup");
        using var first = await sso.SignInAsync(_provider, Sso.Person("1", name));
        Assert.Equal(name, await Sso.WhoAsync(first));
        using var second = await sso.SignInAsync(_provider, Sso.Person("2", name));
        await Sso.AssertRefusedAsync(second, "an address alone opens no account", 409);
        // Subjects are compared byte for byte, whatever the database thinks of case.
        using var third = await sso.SignInAsync(_provider, Sso.Person("a", fixture.NewName("dup")));
        using var fourth = await sso.SignInAsync(_provider, Sso.Person("A", fixture.NewName("dup")));
        Assert.NotEqual(await Sso.WhoAsync(third), await Sso.WhoAsync(fourth));
    }

    [Theory]
    [InlineData("email_verified", false, "does not say that yours is verified")]
    [InlineData("email_verified", null, "does not say that yours is verified")]
    [InlineData("email", "grace@evil.test", "in none of the domains")]
    [InlineData("email", null, "does not say that yours is verified")]
    public async Task An_address_that_is_unverified_or_foreign_lets_nobody_in(string claim, object? value, string words)
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", more: (claim, value)));
        await Sso.AssertRefusedAsync(browser, words);
        Assert.Equal(1, await sso.PeopleAsync());
        Assert.Equal("sign_in.failed", await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == sso.Organization.Id && !e.Succeeded).Select(e => e.Type).SingleAsync()));
    }

    [Fact]
    public async Task Verified_and_address_come_from_the_same_answer()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        _provider.UserInfo = new() { ["sub"] = "1", ["email"] = "grace@example.org", ["email_verified"] = true };
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", email: "grace@example.org", more: [("email_verified", null)]));
        await Sso.AssertRefusedAsync(browser, "does not say that yours is verified");
        // An ID token without an address: that of the userinfo endpoint counts.
        var name = fixture.NewName("info");
        _provider.UserInfo["email"] = $"{name}@example.org";
        using var other = await sso.SignInAsync(_provider, Sso.Person("1", name, more: [("email", null), ("email_verified", null)]));
        Assert.Equal(name, await Sso.WhoAsync(other));
    }

    [Fact]
    public async Task Whoever_leaves_the_required_group_does_not_come_in_any_more()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { allowedDomains = Array.Empty<string>(), requiredClaim = new { name = "groups", value = "hpc" } });
        var name = fixture.NewName("member");
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("groups", new[] { "staff", "hpc" })));
        Assert.Equal(name, await Sso.WhoAsync(browser));
        using var later = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("groups", new[] { "staff" })));
        await Sso.AssertRefusedAsync(later, "you are not among them");
    }

    [Fact]
    public async Task Groups_give_roles_anew_each_time_but_owners_stay()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { groupsClaim = "groups", roles = new Dictionary<string, string> { ["hpc-admins"] = "admin" } });
        var name = fixture.NewName("role");
        using var member = await sso.SignInAsync(_provider, Sso.Person("1", name));
        Assert.Equal(Role.Member, (await sso.UserOfAsync("1"))!.Role);
        using var admin = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("groups", "hpc-admins")));
        Assert.Equal(Role.Admin, (await sso.UserOfAsync("1"))!.Role);
        using var without = await sso.SignInAsync(_provider, Sso.Person("1", name));
        Assert.Equal(Role.Member, (await sso.UserOfAsync("1"))!.Role);
        await _server.QueryAsync(database => database.Users.Where(user => user.UserName == name).ExecuteUpdateAsync(set => set.SetProperty(user => user.Role, Role.Owner)));
        using var owner = await sso.SignInAsync(_provider, Sso.Person("1", name));
        Assert.Equal(Role.Owner, (await sso.UserOfAsync("1"))!.Role);
        Assert.Equal(2, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.OrganizationId == sso.Organization.Id && e.Type == AuditTypes.MemberRoleChanged)));
    }

    [Fact]
    public async Task Usernames_are_unix_safe_and_never_used_again()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var root = await sso.SignInAsync(_provider, Sso.Person("1", "root", $"{fixture.NewName("r")}@example.org"));
        Assert.Matches("^root[0-9]+$", await Sso.WhoAsync(root));
        var name = fixture.NewName("gone");
        using var first = await sso.SignInAsync(_provider, Sso.Person("2", name));
        var id = (await sso.UserOfAsync("2"))!.Id;
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/organization/members/{id}", sso.Session)).Status);
        using var second = await sso.SignInAsync(_provider, Sso.Person("2", name));
        Assert.Equal($"{name}2", await Sso.WhoAsync(second));
    }

    [Fact]
    [Trait("Case", "R7")]
    public async Task Two_browsers_at_once_make_one_account()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("twice");
        _provider.Claims = Sso.Person("1", name);
        var nonces = new Dictionary<string, string>();
        var begun = new List<(Browser Browser, Uri At)>();
        for (var i = 0; i < 4; i++)
        {
            var browser = _server.Browser();
            begun.Add((browser, await sso.BeginAsync(browser)));
        }

        // The provider keeps nonces apart by the code.
        _provider.Sign = claims =>
        {
            claims["nonce"] = nonces[_provider.TokenRequests.Last()["code"]];
            return _provider.SignWith(_provider.Credentials(), claims);
        };
        using var turn = new SemaphoreSlim(1);
        _provider.Mood = async context =>
        {
            if (context.Request.Path != "/token")
                return false;
            await turn.WaitAsync();
            context.Response.OnCompleted(() =>
            {
                turn.Release();
                return Task.CompletedTask;
            });
            return false;
        };
        var answers = await ApiCalls.TogetherAsync(begun.Count, i =>
        {
            var (browser, at) = begun[i];
            lock (nonces)
                nonces[$"code-{i}"] = TestServer.Parameter(at, "nonce");
            var path = Sso.CallbackOf(_provider, at).Replace("code-1", $"code-{i}", StringComparison.Ordinal);
            return _server.SendAsync(browser, new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, path)));
        });
        Assert.All(answers, answer => Assert.True(answer.Status == 303, answer.ToString()));
        Assert.Equal(2, await sso.PeopleAsync());
        Assert.Equal(name, (await sso.UserOfAsync("1"))!.UserName);
        begun.ForEach(one => one.Browser.Dispose());
    }

    [Fact]
    public async Task The_session_says_how_one_signed_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("amr");
        async Task<string> MethodsAsync()
        {
            var user = (await sso.UserOfAsync("1"))!.Id;
            return await _server.QueryAsync(database => database.BrowserSessions.Where(session => session.UserId == user).OrderByDescending(session => session.Id).Select(session => session.AuthenticationMethods).FirstAsync());
        }

        using var plain = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("amr", new[] { "pwd", "otp", "mfa" })));
        Assert.Equal("fed", await MethodsAsync());
        await sso.ChangeAsync(new { trustsMfa = true });
        using var trusted = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("amr", new[] { "pwd", "otp", "mfa", "own-thing" })));
        Assert.Equal("fed pwd otp mfa", await MethodsAsync());
        using var one = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("amr", new[] { "pwd" })));
        Assert.Equal("fed pwd", await MethodsAsync());
        await sso.ChangeAsync(new { mfaContexts = new[] { "urn:gold" } });
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        Assert.Equal("urn:gold", TestServer.Parameter(begun, "acr_values"));
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", name, more: ("acr", "urn:gold")));
        Assert.Equal("fed mfa", await MethodsAsync());
    }

    [Fact]
    public async Task A_policy_of_two_factors_is_met_by_a_trusted_provider_or_here()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        await _server.QueryAsync(database => database.Organizations.Where(row => row.Id == sso.Organization.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Policy, """{"requireTwoFactor":true}""")));
        var name = fixture.NewName("two");
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("amr", new[] { "mfa" })), path: $"{sso.Path}?returnUrl=%2Fdevice");
        Assert.Equal("/sign-in/second-factor", browser.Address.AbsolutePath);
        Assert.Contains("Set up a second factor", browser.PageText, StringComparison.Ordinal);
        Assert.Null(await Sso.WhoAsync(browser));
        await sso.ChangeAsync(new { trustsMfa = true });
        using var trusted = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("amr", new[] { "mfa" })), path: $"{sso.Path}?returnUrl=%2Fdevice");
        Assert.Equal("/device", trusted.Address.AbsolutePath);
    }

    [Fact]
    [Trait("Case", "W23")]
    public async Task What_needs_a_recent_sign_in_needs_one_at_the_provider()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("recent");
        long At(int minutes) => DateTimeOffset.UtcNow.AddMinutes(-minutes).ToUnixTimeSeconds();
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", name, more: ("auth_time", At(120))));
        await browser.GoAsync("/account/security/authenticator");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        var again = browser.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Sign in with your organization").GetAttribute("href")!;
        var begun = await sso.BeginAsync(browser, again);
        Assert.Equal(("login", "0"), (TestServer.Parameter(begun, "prompt"), TestServer.Parameter(begun, "max_age")));
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", name, more: ("auth_time", At(120))));
        Assert.Contains("did not ask you again", browser.PageText, StringComparison.Ordinal);
        begun = await sso.BeginAsync(browser, again);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", name, more: ("auth_time", At(0))));
        Assert.Equal("/account/security/authenticator", browser.Address.AbsolutePath);
        // Somebody else at the provider is not the one who is asked.
        begun = await sso.BeginAsync(browser, again);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("2", fixture.NewName("recent"), more: ("auth_time", At(0))));
        Assert.Contains("not signed in any more as whoever started this", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(name, await Sso.WhoAsync(browser));
    }

    [Fact]
    public async Task A_provider_that_does_not_say_when_it_asked_gives_no_recent_sign_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", fixture.NewName("unknown")));
        await browser.GoAsync("/account/security/authenticator");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
    }

    [Fact]
    public async Task A_sign_in_there_that_is_older_than_sessions_may_be_is_asked_for_again()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        await _server.QueryAsync(database => database.Organizations.Where(row => row.Id == sso.Organization.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Policy, """{"webSessions":{"maximumHours":8}}""")));
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        Assert.Equal("28800", TestServer.Parameter(begun, "max_age"));
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", more: ("auth_time", DateTimeOffset.UtcNow.AddHours(-9).ToUnixTimeSeconds())));
        await Sso.AssertRefusedAsync(browser, "a sign-in lasts 8 hours");
    }

    [Fact]
    public async Task An_account_is_connected_by_its_owner_alone_and_disconnected()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("own");
        await _server.CreateUserAsync(name, organizationId: sso.Organization.Id);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        await browser.GoAsync("/account/security");
        await browser.SubmitAsync("Connect");
        var next = browser.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Continue").GetAttribute("href")!;
        Assert.Contains(next, browser.Response.Headers.GetValues("Refresh").Single(), StringComparison.Ordinal);
        var begun = await sso.BeginAsync(browser, next);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", "whatever", "elsewhere@evil.test", ("auth_time", DateTimeOffset.UtcNow.ToUnixTimeSeconds())));
        Assert.Contains("Your account is connected to Example University", browser.PageText, StringComparison.Ordinal);
        // From now on it opens that account, whatever its rules say of strangers.
        using var other = await sso.SignInAsync(_provider, Sso.Person("1", "whatever", "elsewhere@evil.test"));
        Assert.Equal(name, await Sso.WhoAsync(other));

        // Nobody else can have it, and a link without the owner's ticket connects nothing.
        var second = fixture.NewName("own");
        await _server.CreateUserAsync(second, organizationId: sso.Organization.Id);
        using var thief = await _server.SignInAsync(username: second, password: TestServer.UserPassword);
        await thief.GoAsync(next);
        Assert.Contains("belongs to somebody else", thief.PageText, StringComparison.Ordinal);
        await thief.GoAsync("/account/security");
        await thief.SubmitAsync("Connect");
        begun = await sso.BeginAsync(thief, thief.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Continue").GetAttribute("href")!);
        await sso.ComeBackAsync(thief, _provider, begun, Sso.Person("1"));
        Assert.Contains("Another account here is connected", thief.PageText, StringComparison.Ordinal);

        await browser.GoAsync("/account/security");
        await browser.SubmitAsync("Disconnect");
        Assert.Contains("not connected to Example University any more", browser.PageText, StringComparison.Ordinal);
        await _server.AllMailSentAsync();
        Assert.Equal(["Another way to sign in", "A way to sign in was removed"], _server.MailTo($"{name}@example.test").Select(mail => mail.Subject));
        using var gone = await sso.SignInAsync(_provider, Sso.Person("1", "whatever", "elsewhere@evil.test"));
        await Sso.AssertRefusedAsync(gone, "in none of the domains");
    }

    [Fact]
    public async Task The_only_way_in_is_not_disconnected()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", fixture.NewName("only"), more: ("auth_time", DateTimeOffset.UtcNow.ToUnixTimeSeconds())));
        await browser.GoAsync("/account/security");
        Assert.Contains("Your account has no password", browser.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("Change Password", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Disconnect");
        Assert.Contains("the only way to sign in to your account", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "O3")]
    public async Task An_invitation_is_taken_up_at_the_provider_whatever_its_rules()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, new { allowedDomains = Array.Empty<string>() });
        var name = fixture.NewName("guest");
        var invited = await _server.PostAsync("/api/v1/organization/members", sso.Session, new { username = name, email = $"{name}@elsewhere.test" });
        using var browser = _server.Browser();
        await browser.GoAsync(new Uri(invited.Text("invitationUrl")).PathAndQuery);
        var join = browser.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Join with Example University").GetAttribute("href")!;
        var begun = await sso.BeginAsync(browser, join);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", "anything", "any@evil.test", ("email_verified", false)));
        Assert.Equal(name, await Sso.WhoAsync(browser));
        // Once: whoever else comes with the link is a stranger.
        using var late = _server.Browser();
        await late.GoAsync(new Uri(invited.Text("invitationUrl")).PathAndQuery);
        begun = await sso.BeginAsync(late, join);
        await sso.ComeBackAsync(late, _provider, begun, Sso.Person("2", "mallory"));
        Assert.Contains("This invitation was used", late.PageText, StringComparison.Ordinal);
        using var again = await sso.SignInAsync(_provider, Sso.Person("1", "anything", "any@evil.test"));
        Assert.Equal(name, await Sso.WhoAsync(again));
    }

    [Fact]
    public async Task A_disabled_account_stays_out()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("stopped");
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", name));
        await _server.SetDisabledAsync(name);
        using var later = await sso.SignInAsync(_provider, Sso.Person("1", name));
        await Sso.AssertRefusedAsync(later, "Your account here is disabled");
    }

    [Fact]
    [Trait("Case", "W9")]
    public async Task Organizations_that_are_not_there_suspended_or_without_a_provider_answer_alike()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        await sso.ChangeAsync(new { enabled = false });
        var suspended = await Sso.NewAsync(_server, _provider.Issuer);
        await _server.SetSuspendedAsync(suspended.Organization.Slug);
        var (without, _, _) = await _server.AddOrganizationAsync();
        var answers = new HashSet<string>();
        foreach (var slug in (string[])[sso.Organization.Slug, suspended.Organization.Slug, without.Slug, "nobody-of-this-name"])
        {
            using var browser = _server.Browser();
            await browser.GoAsync($"/sign-in/{slug}");
            Assert.Equal(404, (int)browser.Response.StatusCode);
            answers.Add(browser.Body);
        }

        Assert.Single(answers);
    }

    [Fact]
    public async Task The_organization_is_asked_for_and_the_page_goes_on_by_itself()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in?returnUrl=%2Fdevice");
        await browser.GoAsync(browser.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Sign in with your organization").GetAttribute("href")!);
        // The form is a GET: its answer is a page of ours, which browsers let lead anywhere.
        await browser.GoAsync($"/sign-in-with?returnUrl=%2Fdevice&organization={sso.Organization.Slug.ToUpperInvariant()}");
        Assert.Equal(200, (int)browser.Response.StatusCode);
        var next = browser.Page.QuerySelectorAll("a").Single(a => a.TextContent == "Continue").GetAttribute("href")!;
        Assert.Equal($"0; url={next}", browser.Response.Headers.GetValues("Refresh").Single());
        await sso.SignInAsync(_provider, Sso.Person("1", fixture.NewName("asked")), browser, next);
        Assert.Equal("/device", browser.Address.AbsolutePath);
        await browser.GoAsync("/sign-in-with?organization=%3Csvg%20onload%3D1%3E");
        Assert.DoesNotContain("<svg onload", browser.Body, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task With_several_providers_one_chooses()
    {
        await using var other = await FakeProvider.StartAsync();
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var added = await _server.PostAsync(Sso.Providers, sso.Session, new { name = "Guests", issuer = other.Issuer, clientId = "activate" });
        using var browser = _server.Browser();
        await browser.GoAsync($"{sso.Path}?returnUrl=%2Fdevice");
        var links = browser.Page.QuerySelectorAll("main a.button").ToDictionary(a => a.TextContent, a => a.GetAttribute("href")!);
        Assert.Equal(["Example University", "Guests"], links.Keys);
        Assert.StartsWith(other.Issuer, (await sso.BeginAsync(browser, links["Guests"])).ToString(), StringComparison.Ordinal);
        Assert.StartsWith(_provider.Issuer, (await sso.BeginAsync(browser, links["Example University"])).ToString(), StringComparison.Ordinal);
        Assert.Equal(204, (await _server.DeleteAsync($"{Sso.Providers}/{added.Text("id")}", sso.Session)).Status);
        Assert.StartsWith(_provider.Issuer, (await sso.BeginAsync(browser)).ToString(), StringComparison.Ordinal);
    }
}
