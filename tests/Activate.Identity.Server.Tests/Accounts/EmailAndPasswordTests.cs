using System.Net;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Accounts;

/// <summary>Changing one's e-mail address and password.</summary>
public class EmailAndPasswordTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private const string Confirm = "Confirm your e-mail address";
    private const string NewPassword = "a lathe in the kitchen 5";
    private readonly TestServer _server = shared.Server;

    private async Task<(string Name, Browser Browser)> NewPersonAsync()
    {
        var name = MemberCalls.NewName("mover");
        await _server.CreateUserAsync(name);
        return (name, await _server.SignInAsync(username: name, password: TestServer.UserPassword));
    }

    private Task<(string? Email, bool Confirmed)> EmailAsync(string name) =>
        _server.QueryAsync(async database =>
        {
            var user = await database.Users.AsNoTracking().SingleAsync(u => u.UserName == name);
            return (user.Email, user.EmailConfirmed);
        });

    private async Task<string> AskAsync(Browser browser, string address)
    {
        await browser.GoAsync("/account/profile/email");
        await browser.SubmitAsync("Mail me a link", ("Email", address));
        Assert.Contains("is on its way to", browser.PageText, StringComparison.Ordinal);
        return _server.LinkIn(await _server.MailedAsync(address, Confirm));
    }

    [Fact]
    [Trait("Case", "L7")]
    public async Task An_address_is_confirmed_and_changed_by_the_mailed_link_and_the_old_one_is_told()
    {
        var (name, browser) = await NewPersonAsync();
        var (old, other) = ($"{name}@example.test", $"{name}@new.example.test");
        await browser.GoAsync("/account/profile");
        Assert.Contains("not confirmed", browser.PageText, StringComparison.Ordinal);
        await browser.GoAsync(await AskAsync(browser, old));
        Assert.Equal("/confirm-email", browser.Address.PathAndQuery);
        // Programs that open every link of a mail confirm nothing.
        Assert.Equal((old, false), await EmailAsync(name));
        await browser.SubmitAsync("Confirm");
        Assert.Equal("/account/profile", browser.Address.PathAndQuery);
        Assert.Equal((old, true), await EmailAsync(name));

        // A link to set a password that was mailed to the old address dies with it.
        using var forgot = _server.Browser();
        await forgot.GoAsync("/forgot-password");
        await forgot.SubmitAsync("Mail me a link", ("Account", name));
        var reset = _server.LinkIn(await _server.MailedAsync(old, "Set a new password"));
        var link = await AskAsync(browser, other);
        Assert.Equal((old, true), await EmailAsync(name));
        await browser.GoAsync(link);
        await browser.SubmitAsync("Confirm");
        Assert.Equal((other, true), await EmailAsync(name));
        await forgot.GoAsync(reset);
        Assert.Equal(HttpStatusCode.Forbidden, forgot.Response.StatusCode);
        foreach (var mailbox in (string[])[old, other])
        {
            await _server.MailedAsync(mailbox, "Your e-mail address was changed");
            var mail = Assert.Single(_server.MailTo(mailbox), mail => mail.Subject == "Your e-mail address was changed");
            Assert.Contains($"Now: {other}", mail.TextBody, StringComparison.Ordinal);
        }

        await browser.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.Equal(["email.change_asked", "email.change_asked", "email.changed", "email.confirmed"], await _server.QueryAsync(database =>
            database.AuditEvents.Where(e => e.Type.StartsWith("email.") && database.Users.Any(u => u.Id == e.SubjectId && u.UserName == name)).OrderBy(e => e.Type).Select(e => e.Type).ToListAsync()));
        browser.Dispose();
    }

    [Fact]
    public async Task The_link_alone_gives_a_stranger_nothing_and_asks_for_a_sign_in_without_its_code_in_the_address()
    {
        var (name, browser) = await NewPersonAsync();
        var link = await AskAsync(browser, $"{name}@mistyped.example.test");
        var (_, stranger) = await NewPersonAsync();
        await stranger.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, stranger.Response.StatusCode);
        Assert.Null(stranger.Page.QuerySelector("main form"));
        using var nobody = _server.Browser();
        await nobody.GoAsync(link);
        Assert.Equal("/sign-in?returnUrl=%2Fconfirm-email", nobody.Address.PathAndQuery);
        await nobody.SubmitAsync("Sign in", ("Username", name), ("Password", TestServer.UserPassword));
        Assert.Equal("/confirm-email", nobody.Address.PathAndQuery);
        await nobody.SubmitAsync("Confirm");
        Assert.Equal(($"{name}@mistyped.example.test", true), await EmailAsync(name));
        browser.Dispose();
        stranger.Dispose();
    }

    [Fact]
    [Trait("Case", "W9")]
    public async Task Asking_does_not_tell_whether_somebody_has_the_address_and_its_mailbox_does()
    {
        var (name, browser) = await NewPersonAsync();
        var (taken, other) = await NewPersonAsync();
        var link = await AskAsync(browser, $"{taken.ToUpperInvariant()}@example.test");
        var answer = browser.Page.QuerySelector("main")!.TextContent.Replace(taken.ToUpperInvariant(), "?", StringComparison.Ordinal);
        await AskAsync(browser, $"{name.ToUpperInvariant()}-2@example.test");
        Assert.Equal(answer, browser.Page.QuerySelector("main")!.TextContent.Replace($"{name.ToUpperInvariant()}-2", "?", StringComparison.Ordinal));

        // The newer link replaced the older.
        await browser.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        await browser.GoAsync(await AskAsync(browser, $"{taken.ToUpperInvariant()}@example.test"));
        await browser.SubmitAsync("Confirm");
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Contains("Somebody in this organization has that e-mail address already", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(($"{name}@example.test", false), await EmailAsync(name));
        browser.Dispose();
        other.Dispose();
    }

    [Fact]
    [Trait("Case", "W23")]
    public async Task An_old_sign_in_must_be_renewed_before_the_address_changes_and_links_are_limited()
    {
        var (name, browser) = await NewPersonAsync();
        for (var i = 0; i < 5; i++)
            await AskAsync(browser, $"{name}-{i}@example.test");
        await browser.GoAsync("/account/profile/email");
        await browser.SubmitAsync("Mail me a link", ("Email", $"{name}-6@example.test"));
        Assert.Equal(HttpStatusCode.TooManyRequests, browser.Response.StatusCode);
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        await SignedInAsync(TimeSpan.FromMinutes(9));
        await browser.GoAsync("/account/profile/email");
        await browser.SubmitAsync("Mail me a link", ("Email", "nonsense"));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);

        await SignedInAsync(TimeSpan.FromMinutes(11));
        await browser.GoAsync("/account/profile/email");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        browser.Dispose();

        Task SignedInAsync(TimeSpan ago) => _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == name)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.AuthenticatedAt, _server.Now - ago)));
    }

    [Fact]
    [Trait("Case", "W3")]
    [Trait("Case", "L7")]
    [Trait("Case", "V5")]
    public async Task A_password_is_changed_by_whoever_knows_the_old_one_and_other_browsers_are_signed_out()
    {
        var (name, browser) = await NewPersonAsync();
        using var other = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        await browser.GoAsync("/account/security/password?changed=1");
        Assert.DoesNotContain("is changed", browser.PageText, StringComparison.Ordinal);
        await ChangeAsync("not my password at all", NewPassword);
        Assert.Contains("That is not your password", browser.PageText, StringComparison.Ordinal);
        await ChangeAsync(TestServer.UserPassword, "short");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        var before = browser.Cookies.GetCookieHeader(_server.Origin);
        await _server.RegisterApplicationAsync($"app-{name}", "s3cret");
        var tokens = await _server.ConnectAsync(other, $"app-{name}", "s3cret");
        await ChangeAsync(TestServer.UserPassword, NewPassword);
        Assert.Contains("Your password is changed", browser.PageText, StringComparison.Ordinal);
        Assert.NotEqual(before, browser.Cookies.GetCookieHeader(_server.Origin));
        Assert.Equal("invalid_grant", (await _server.RefreshAsync($"app-{name}", "s3cret", tokens.Text("refresh_token"))).Error);
        await other.GoAsync("/account/profile");
        Assert.Equal("/sign-in", other.Address.AbsolutePath);
        using (await _server.SignInAsync(username: name, password: NewPassword))
            await _server.MailedAsync($"{name}@example.test", "Your password was changed");

        // A stolen session is no place to guess in.
        for (var i = 0; i < 5; i++)
            await ChangeAsync($"guess number {i} of many", "quite another password 7");
        await ChangeAsync(NewPassword, "quite another password 7");
        Assert.Equal(HttpStatusCode.TooManyRequests, browser.Response.StatusCode);
        using (await _server.SignInAsync(username: name, password: NewPassword))
            browser.Dispose();

        async Task ChangeAsync(string current, string password)
        {
            await browser.GoAsync("/account/security/password");
            await browser.SubmitAsync("Change password", ("Current", current), ("Password", password), ("Repeat", password));
        }
    }
}
