using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Accounts;

public sealed partial class SignInTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task Somebody_who_signs_in_sees_who_they_are_and_gets_303()
    {
        using var browser = _server.Browser();
        await browser.GoAsync("/");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        await browser.SubmitAsync("Sign in", follow: false, ("Username", "Ada"), ("Password", TestServer.OwnerPassword));
        Assert.Equal(HttpStatusCode.SeeOther, browser.Response.StatusCode);
        await browser.GoAsync("/");
        Assert.Contains("Hydrology Lab", browser.PageText, StringComparison.Ordinal);
        Assert.Contains("owner, operator of this server", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_that_needs_a_sign_in_is_shown_after_it()
    {
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in?returnUrl=%2Fsign-out%3Fa%3Dhttps%253A%252F%252Fx.test");
        await browser.SubmitAsync("Sign in", follow: false, ("Username", TestServer.OwnerName), ("Password", TestServer.OwnerPassword));
        Assert.Equal("/sign-out?a=https%3A%2F%2Fx.test", browser.Response.Headers.Location?.ToString());
    }

    [Theory, Trait("Case", "W7")]
    [InlineData("//evil.test")]
    [InlineData("/%5Cevil.test")]
    [InlineData("/%09/evil.test")]
    [InlineData("https:evil.test")]
    [InlineData("https://evil.test/")]
    [InlineData("/%255cevil.test")]
    [InlineData("%09//evil.test")]
    [InlineData("@evil.test")]
    [InlineData("/@evil.test")]
    [InlineData("%252F%252Fevil.test")]
    [InlineData("/%252F/evil.test")]
    [InlineData("/%252Fevil.test")]
    [InlineData("///evil.test")]
    [InlineData("/./%2Fevil.test")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a%0D%0ALocation:%20//evil.test")]
    [InlineData("%20//evil.test")]
    [InlineData("/?%5C%5C%22%3E")]
    [InlineData("%EF%BC%8F%EF%BC%8Fevil.test")]
    public async Task A_return_address_that_could_lead_elsewhere_leads_to_the_start_page(string returnUrl)
    {
        using var browser = _server.Browser();
        await browser.GoAsync($"/sign-in?returnUrl={returnUrl}");
        await browser.SubmitAsync("Sign in", follow: false, ("Username", TestServer.OwnerName), ("Password", TestServer.OwnerPassword));
        Assert.Equal("/", browser.Response.Headers.Location?.ToString());
        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, $"/sign-in?returnUrl={returnUrl}")));
        Assert.Equal("/", browser.Response.Headers.Location?.ToString());
    }

    [Fact, Trait("Case", "W9")]
    public async Task Wrong_unknown_locked_disabled_and_suspended_are_answered_alike()
    {
        var other = await _server.CreateOrganizationAsync("w9-other");
        foreach (var name in new[] { "w9wrong", "w9locks", "w9disab" })
            await _server.CreateUserAsync(name);
        await _server.CreateUserAsync("w9suspe", organizationId: other.Id);
        await _server.CreateUserAsync("w9servi", kind: Data.Accounts.UserKind.ServiceAccount);
        await _server.SetDisabledAsync("w9disab");
        await _server.SetSuspendedAsync("w9-other");
        for (var i = 0; i < SignInTries.OfNetwork; i++)
            await AnswerAsync("w9locks", "wrong password");

        var answers = new List<string>
        {
            await AnswerAsync("w9wrong", "wrong password"),
            await AnswerAsync("w9nobod", TestServer.UserPassword),
            await AnswerAsync("w9locks", TestServer.UserPassword),
            await AnswerAsync("w9disab", TestServer.UserPassword),
            await AnswerAsync("w9suspe", TestServer.UserPassword),
            await AnswerAsync("w9servi", TestServer.UserPassword),
            await AnswerAsync("daemon7", TestServer.UserPassword),
        };
        Assert.Contains("Username or password is wrong", answers[0], StringComparison.Ordinal);
        Assert.Single(answers.Distinct());
    }

    /// <summary>Status, headers and body with what is different at every request left out.</summary>
    private async Task<string> AnswerAsync(string username, string password)
    {
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in");
        await browser.SubmitAsync("Sign in", ("Username", username), ("Password", password));
        var headers = browser.Response.Headers.Concat(browser.Response.Content.Headers).Where(header => header.Key != "Date")
            .Select(header => $"{header.Key}: {string.Join(',', header.Value)}").Order(StringComparer.Ordinal);
        return $"{browser.Response.StatusCode}\n{string.Join('\n', headers)}\n{Nonces().Replace(browser.Body, "").Replace(username, "(name)", StringComparison.Ordinal)}";
    }

    [GeneratedRegex("value=\"CfDJ[^\"]*\"|data-options=\"[^\"]*\"")]
    private static partial Regex Nonces();

    [Fact, Trait("Case", "W3")]
    public async Task Every_sign_in_makes_a_fresh_key_and_ends_the_session_before_it()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        var first = browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value;
        await browser.GoAsync("/sign-in?reauthenticate=1");
        Assert.Contains("Confirm it is you", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(TestServer.OwnerName, browser.Page.QuerySelector("#Username")!.GetAttribute("value"));
        await browser.SubmitAsync("Sign in", ("Password", TestServer.OwnerPassword));
        Assert.NotEqual(first, browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value);
        Assert.Equal("/", browser.Address.AbsolutePath);

        using var copy = _server.Browser();
        copy.Cookies.Add(_server.Origin, new Cookie("activate", first));
        await copy.GoAsync("/");
        Assert.Equal("/sign-in", copy.Address.AbsolutePath);
    }

    [Fact, Trait("Case", "W3")]
    public async Task A_key_that_somebody_planted_is_not_taken_over()
    {
        using var browser = _server.Browser();
        var planted = new string('A', 43);
        browser.Cookies.Add(_server.Origin, new Cookie("activate", planted));
        await browser.SignInAsync();
        Assert.NotEqual(planted, browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value);
        using var thief = _server.Browser();
        thief.Cookies.Add(_server.Origin, new Cookie("activate", planted));
        await thief.GoAsync("/");
        Assert.Equal("/sign-in", thief.Address.AbsolutePath);
    }

    [Fact]
    public async Task After_signing_out_no_copy_of_the_cookie_works()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        var key = browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value;
        await browser.GoAsync("/sign-out");
        Assert.Contains("Sign out", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/");
        Assert.Equal("/", browser.Address.AbsolutePath);
        await browser.SubmitAsync("Sign out");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate"]);

        using var copy = _server.Browser();
        copy.Cookies.Add(_server.Origin, new Cookie("activate", key));
        await copy.GoAsync("/");
        Assert.Equal("/sign-in", copy.Address.AbsolutePath);
    }

    [Fact, Trait("Case", "W22")]
    public async Task A_password_counts_whichever_way_its_accents_are_typed()
    {
        await _server.CreateUserAsync("zoe", password: "Crème brûlée für Zoë \U0001F9C1".Normalize(NormalizationForm.FormD));
        using var browser = _server.Browser();
        await browser.SignInAsync("zoe", "Crème brûlée für Zoë \U0001F9C1".Normalize(NormalizationForm.FormC));
        Assert.Contains("Welcome, zoe", browser.PageText, StringComparison.Ordinal);
        using var other = _server.Browser();
        await other.SignInAsync("zoe", "Creme brulee fur Zoe \U0001F9C1");
        Assert.Contains("Username or password is wrong", other.PageText, StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "W22")]
    [InlineData(1024 * 1024, "That form is out of date")]
    [InlineData(200 * 1024, "Username or password is wrong")]
    public async Task An_enormous_password_is_refused(int length, string text)
    {
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in");
        await browser.SubmitAsync("Sign in", ("Username", TestServer.OwnerName), ("Password", new string('x', length)));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Contains(text, browser.PageText, StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "B4")]
    [InlineData("ada\0", "That form is out of date")]
    [InlineData("\uD800")]
    [InlineData("ＡＤＡ")]
    [InlineData("аda")]
    [InlineData("ada\u200B")]
    [InlineData("a'; DROP TABLE Users;--")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task Odd_usernames_are_nobody(string username, string text = "Username or password is wrong")
    {
        using var browser = _server.Browser();
        await browser.SignInAsync(username);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.Contains(text, browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_in_the_address_does_not_count()
    {
        using var browser = _server.Browser();
        await browser.GoAsync($"/sign-in?Username={TestServer.OwnerName}&Password={Uri.EscapeDataString(TestServer.OwnerPassword)}");
        await browser.SubmitAsync("Sign in");
        Assert.Contains("Type your password", browser.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signing_in_and_out_is_audited_with_the_user_as_actor()
    {
        var user = await _server.CreateUserAsync("audited");
        using var browser = _server.Browser();
        await browser.SignInAsync("audited", "wrong password");
        await browser.SignInAsync("audited", TestServer.UserPassword);
        await browser.SubmitAsync("Sign out");
        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.ActorId == user.Id).OrderBy(e => e.At).ToListAsync());
        Assert.Equal([AuditTypes.SignInFailed, AuditTypes.SignedIn, AuditTypes.SignedOut], events.Select(e => e.Type));
        Assert.All(events, e => Assert.Equal((user.OrganizationId, "127.0.0.1"), (e.OrganizationId, e.Address)));
        Assert.Equal([false, true, true], events.Select(e => e.Succeeded));
    }

    [Fact, Trait("Case", "L1")]
    public async Task Passwords_and_cookie_keys_are_in_no_log_and_only_hashed_in_the_database()
    {
        const string right = "canary right 8341 mole";
        const string wrong = "canary wrong 7712 vole";
        await _server.CreateUserAsync("canary", Role.Admin, password: right);
        using var browser = _server.Browser();
        await browser.SignInAsync("canary", wrong);
        await browser.SignInAsync(wrong, "canary");
        await browser.SignInAsync("canary", right);
        var key = browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value;
        await browser.GoAsync($"/sign-in?returnUrl={key}");
        await browser.GoAsync("/");
        await browser.SubmitAsync("Sign out");
        foreach (var secret in new[] { right, wrong, key })
        {
            Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(secret, StringComparison.Ordinal));
            Assert.False(await _server.QueryAsync(database => database.AuditEvents.AnyAsync(e => e.Detail != null && e.Detail.Contains(secret))));
        }

        var hash = await _server.QueryAsync(database => database.Users.Where(u => u.UserName == "canary").Select(u => u.PasswordHash).SingleAsync());
        Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", hash, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_api_takes_no_cookie()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        await browser.GoAsync("/api/v1/me");
        Assert.NotEqual(HttpStatusCode.OK, browser.Response.StatusCode);
    }
}
