using System.Net;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.SecondFactors;

[Trait("Database", "Differs")]
public sealed class PasskeyTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string Refused = "This passkey was not accepted";
    private readonly TestServer _server = fixture.Server;

    private static SoftAuthenticator NewAuthenticator(TestServer server) => new() { Origin = server.Origin.GetLeftPart(UriPartial.Authority) };

    private static async Task AddAsync(Browser browser, SoftAuthenticator authenticator, string name = "laptop")
    {
        await browser.GoAsync("/account/security/passkeys/add");
        await browser.SubmitAsync("Add Passkey", ("Name", name), ("Credential", authenticator.Create(browser)));
    }

    private async Task<(User User, Browser Browser, SoftAuthenticator Authenticator)> WithPasskeyAsync()
    {
        var user = await _server.NewOwnerAsync();
        var browser = await _server.SignInAsync(user);
        var authenticator = NewAuthenticator(_server);
        await AddAsync(browser, authenticator);
        Assert.Equal(10, Fixtures.CodesOf(browser).Count);
        return (user, browser, authenticator);
    }

    private async Task<Browser> SignInAsync(SoftAuthenticator authenticator, string path = "/", TestServer? server = null)
    {
        var browser = (server ?? _server).Browser();
        await browser.GoAsync($"/sign-in?returnUrl={Uri.EscapeDataString(path)}");
        return await browser.SubmitAsync("Use a Passkey", ("Credential", authenticator.Get(browser)));
    }

    [Fact]
    public async Task A_passkey_signs_in_by_itself_as_two_factors_and_the_password_needs_it_from_then_on()
    {
        var (user, browser, authenticator) = await WithPasskeyAsync();
        using var mine = await SignInAsync(authenticator, "/account/security");
        Assert.Equal("/account/security", mine.Address.AbsolutePath);
        Assert.Equal("laptop", mine.Page.QuerySelector("table.list th bdi")!.TextContent);
        Assert.Contains("with two factors", mine.PageText, StringComparison.Ordinal);
        Assert.Equal(["pop user mfa", "pwd pop user mfa"],
            await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id).Select(s => s.AuthenticationMethods).OrderBy(m => m).ToListAsync()));

        using var password = await _server.GivePasswordAsync(user);
        Assert.Equal("/sign-in/second-factor", password.Address.AbsolutePath);
        await password.SubmitAsync("Use a Passkey", ("Credential", authenticator.Get(password)));
        Assert.Equal("/", password.Address.AbsolutePath);
        browser.Dispose();
        authenticator.Dispose();
    }

    [Fact]
    public async Task An_answer_counts_once_and_only_for_the_page_that_asked()
    {
        var (user, browser, authenticator) = await WithPasskeyAsync();
        using var first = _server.Browser();
        await first.GoAsync("/sign-in");
        var request = first.FormRequest("Use a Passkey", ("Credential", authenticator.Get(first)));
        var again = first.FormRequest("Use a Passkey", ("Credential", authenticator.Get(first)));
        await first.SendAsync(request, follow: true);
        Assert.Equal("/", first.Address.AbsolutePath);
        await first.SubmitAsync("Sign out");
        // A fresh signature for a spent challenge.
        await first.SendAsync(again, follow: true);
        Assert.Contains(Refused, first.PageText, StringComparison.Ordinal);
        Assert.Null(first.Cookies.GetCookies(_server.Origin)["activate"]);

        // What the sign-in page asked answers no second step, whose challenge names the person.
        using var signIn = _server.Browser();
        await signIn.GoAsync("/sign-in");
        var ticket = signIn.Page.QuerySelector("form[data-passkey] [name=Ticket]")!.GetAttribute("value")!;
        var credential = authenticator.Get(signIn);
        using var second = await _server.GivePasswordAsync(user);
        await second.SubmitAsync("Use a Passkey", ("Credential", credential), ("Ticket", ticket));
        Assert.Contains(Refused, second.PageText, StringComparison.Ordinal);

        // Somebody else's passkey is no second step of this account.
        var (_, others, foreign) = await WithPasskeyAsync();
        await second.SubmitAsync("Use a Passkey", ("Credential", foreign.Get(second)));
        Assert.Contains(Refused, second.PageText, StringComparison.Ordinal);
        others.Dispose();
        foreign.Dispose();
        browser.Dispose();
        authenticator.Dispose();
    }

    [Fact]
    public async Task A_passkey_without_its_owner_of_another_site_with_an_old_counter_or_of_nobody_is_refused()
    {
        var (user, browser, authenticator) = await WithPasskeyAsync();
        async Task RefusedAsync(Action<SoftAuthenticator> change, SoftAuthenticator? other = null)
        {
            var used = other ?? authenticator;
            change(used);
            using var refused = await SignInAsync(used);
            Assert.Equal(HttpStatusCode.BadRequest, refused.Response.StatusCode);
            Assert.Contains(Refused, refused.PageText, StringComparison.Ordinal);
            Assert.Null(refused.Cookies.GetCookies(_server.Origin)["activate"]);
            (used.UserVerified, used.Origin) = (true, _server.Origin.GetLeftPart(UriPartial.Authority));
        }

        await RefusedAsync(a => a.UserVerified = false);
        await RefusedAsync(a => a.Origin = "https://evil.test");
        await RefusedAsync(a => a.Origin = "http://localhost.evil.test");
        using (var stranger = NewAuthenticator(_server))
            await RefusedAsync(_ => { }, stranger);
        authenticator.Counter = 7;
        using (var used = await SignInAsync(authenticator))
            Assert.Equal("/", used.Address.AbsolutePath);
        await RefusedAsync(a => a.Counter = 3);
        authenticator.Counter = 20;
        await _server.SetDisabledAsync(user.UserName!);
        await RefusedAsync(_ => { });
        await _server.SetDisabledAsync(user.UserName!, false);
        using var back = await SignInAsync(authenticator);
        Assert.Equal("/", back.Address.AbsolutePath);

        // Nor is one made without its owner's finger, face or PIN.
        using var careless = NewAuthenticator(_server);
        careless.UserVerified = false;
        await AddAsync(back, careless);
        Assert.Contains("No passkey was added", back.PageText, StringComparison.Ordinal);
        foreach (var nonsense in (string[])["", "{}", "null", "[]", "x", """{"id":"AAAA","type":"public-key"}""", new string('x', 40_000)])
        {
            using var broken = _server.Browser();
            await broken.GoAsync("/sign-in");
            await broken.SubmitAsync("Use a Passkey", ("Credential", nonsense));
            Assert.Equal(HttpStatusCode.BadRequest, broken.Response.StatusCode);
        }

        browser.Dispose();
        authenticator.Dispose();
    }

    [Fact, Trait("Case", "W12")]
    public async Task Wrong_passwords_do_not_keep_a_passkey_out()
    {
        var (user, browser, authenticator) = await WithPasskeyAsync();
        using var stranger = _server.Browser();
        for (var i = 0; i < 12; i++)
            await stranger.SignInAsync(user.UserName!, "wrong password");
        using var mine = await SignInAsync(authenticator);
        Assert.Equal("/", mine.Address.AbsolutePath);
        browser.Dispose();
        authenticator.Dispose();
    }

    [Fact]
    public async Task Passkeys_are_named_renamed_and_deleted()
    {
        var (user, browser, authenticator) = await WithPasskeyAsync();
        using var second = NewAuthenticator(_server);
        await AddAsync(browser, second, "security key");
        Assert.Empty(Fixtures.CodesOf(browser));
        Assert.Contains("The passkey was added", browser.PageText, StringComparison.Ordinal);
        var row = browser.Page.QuerySelectorAll("table.list tr").Single(tr => tr.TextContent.Contains("security key", StringComparison.Ordinal));
        await browser.GoAsync(row.QuerySelector("a")!.GetAttribute("href")!);
        await browser.SubmitAsync("Save", ("Name", "yellow key"));
        Assert.Contains("yellow key", browser.PageText, StringComparison.Ordinal);
        var ask = browser.Page.QuerySelectorAll("table.list tr").Single(tr => tr.TextContent.Contains("yellow key", StringComparison.Ordinal)).QuerySelector("a.danger")!.GetAttribute("href")!;
        await browser.GoAsync($"/account/security{ask}");
        await browser.SubmitAsync("Delete Passkey");
        Assert.Contains("The passkey was removed", browser.PageText, StringComparison.Ordinal);
        using var gone = await SignInAsync(second);
        Assert.Contains(Refused, gone.PageText, StringComparison.Ordinal);
        using var kept = await SignInAsync(authenticator);
        Assert.Equal("/", kept.Address.AbsolutePath);
        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.ActorId == user.Id).OrderBy(e => e.At).ThenBy(e => e.Id).Select(e => e.Type).ToListAsync());
        Assert.Equal([AuditTypes.SignedIn, AuditTypes.SecondFactorAdded, AuditTypes.SecondFactorAdded, AuditTypes.PasskeyRenamed, AuditTypes.SecondFactorRemoved, AuditTypes.SignedIn], events);

        // Of somebody else there is none.
        var (_, other, foreign) = await WithPasskeyAsync();
        var id = row.QuerySelector("a")!.GetAttribute("href")!;
        await other.GoAsync(id);
        Assert.Equal(HttpStatusCode.NotFound, other.Response.StatusCode);
        other.Dispose();
        foreign.Dispose();
        browser.Dispose();
        authenticator.Dispose();
    }

    [Fact]
    public async Task One_challenge_answered_at_once_on_two_nodes_signs_in_once()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = TestDatabases.OnAServer });
        using var authenticator = NewAuthenticator(server);
        using (var browser = await server.SignInAsync())
            await AddAsync(browser, authenticator);
        using var page = server.Browser();
        await page.GoAsync("/sign-in");
        var copies = Enumerable.Range(0, 4).Select(i => (Request: page.FormRequest("Use a Passkey", ("Credential", authenticator.Get(page))), Browser: server.Browser(i % 2))).ToList();
        foreach (System.Net.Cookie cookie in page.Cookies.GetCookies(server.Origin))
            copies.ForEach(copy => copy.Browser.Cookies.Add(server.Origin, new Cookie(cookie.Name, cookie.Value)));
        await Task.WhenAll(copies.Select(copy => copy.Browser.SendAsync(copy.Request)));
        Assert.All(copies, copy => Assert.InRange((int)copy.Browser.Response.StatusCode, 200, 499));
        Assert.Single(copies, copy => copy.Browser.Cookies.GetCookies(server.Origin)["activate"] is not null);
    }

    [Fact]
    public async Task Browsers_are_listed_in_words_and_signed_out_one_by_one_or_all()
    {
        var user = await _server.NewOwnerAsync();
        using var mine = await _server.SignInAsync(user);
        using var second = await _server.SignInAsync(user);
        using var third = await _server.SignInAsync(user);
        await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.UserAgent, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")));
        await mine.GoAsync("/account/security");
        var rows = mine.Page.QuerySelectorAll("section[aria-labelledby=sessions] tbody tr");
        Assert.Equal(3, rows.Length);
        Assert.All(rows, row => Assert.Contains("Firefox on Linux", row.TextContent, StringComparison.Ordinal));
        Assert.Contains("this one", rows[0].TextContent, StringComparison.Ordinal);
        Assert.Null(rows[0].QuerySelector("form"));
        await mine.SubmitAsync("Sign Out");
        Assert.Contains("Signed out: 1 browser session", mine.PageText, StringComparison.Ordinal);
        await second.GoAsync("/");
        await third.GoAsync("/");
        Assert.Single((Browser[])[second, third], browser => browser.Address.AbsolutePath == "/sign-in");
        await mine.SubmitAsync("Sign Out All Others");
        await second.GoAsync("/");
        await third.GoAsync("/");
        Assert.All((Browser[])[second, third], browser => Assert.Equal("/sign-in", browser.Address.AbsolutePath));
        await mine.GoAsync("/account/security");
        Assert.Equal("/account/security", mine.Address.AbsolutePath);

        // Nobody ends another's.
        using var other = await _server.SignInAsync(await _server.NewOwnerAsync());
        var id = await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id).Select(s => s.Id).SingleAsync());
        await other.GoAsync("/account/security");
        var request = other.FormRequest("Sign out", ("!id", id.ToString()));
        request.RequestUri = new Uri(_server.Origin, "/account/security?handler=End");
        await other.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, other.Response.StatusCode);
        await mine.GoAsync("/");
        Assert.Equal("/", mine.Address.AbsolutePath);
    }
}
