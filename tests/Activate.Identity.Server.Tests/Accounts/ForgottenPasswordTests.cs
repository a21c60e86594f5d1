using System.Net;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Server.Tests.Members;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Accounts;

public class ForgottenPasswordTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private const string Subject = "Set a new password";
    private const string NewPassword = "a lathe in the kitchen 5";
    private readonly TestServer _server = shared.Server;

    private async Task<string> NewPersonAsync(bool confirmed = true)
    {
        var name = MemberCalls.NewName("forgetful");
        await _server.CreateUserAsync(name);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == name).ExecuteUpdateAsync(set => set.SetProperty(u => u.EmailConfirmed, confirmed)));
        return name;
    }

    private async Task<Browser> AskAsync(string account)
    {
        var browser = _server.Browser();
        await browser.GoAsync("/forgot-password");
        await browser.SubmitAsync("Mail me a link", ("Account", account));
        // The limit by network address is a test of its own.
        await _server.QueryAsync(database => database.Throttles.Where(t => t.Key.StartsWith("reset-from")).ExecuteDeleteAsync());
        return browser;
    }

    private async Task<string> LinkAsync(string name)
    {
        using var asked = await AskAsync(name);
        return _server.LinkIn(await _server.MailedAsync($"{name}@example.test", Subject));
    }

    private static Task<Browser> SetAsync(Browser browser, string password = NewPassword) => browser.SubmitAsync("Set password", ("Password", password), ("Repeat", password));

    [Fact]
    [Trait("Case", "W8")]
    [Trait("Case", "W20")]
    [Trait("Case", "T7")]
    [Trait("Case", "V5")]
    public async Task The_link_sets_a_password_once_signs_every_browser_and_application_out_and_leaves_keys_alone()
    {
        var name = await NewPersonAsync();
        var user = await _server.QueryAsync(database => database.Users.AsNoTracking().SingleAsync(u => u.UserName == name));
        var key = await _server.CreateApiKeyAsync(await _server.GrantAsync(user.Id), "nightly");
        using var before = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var (app, pkce) = ($"app-{name}", Pkce.New());
        await _server.RegisterApplicationAsync(app, "s3cret", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        var tokens = await _server.ConnectAsync(before, app, "s3cret");
        var code = await _server.GetCodeAsync(before, app, pkce);
        var (fetched, waiting) = (await _server.StartDeviceAsync(), await _server.StartDeviceAsync());
        await TestServer.ApproveAsync(before, fetched);
        await TestServer.ApproveAsync(before, waiting);
        var login = (await _server.PollAsync(fetched)).Text("access_token");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", tokens.Text("access_token"))).Status);

        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in");
        Assert.Equal("/forgot-password", browser.Page.QuerySelector("main a[href='/forgot-password']")!.GetAttribute("href"));
        var link = await LinkAsync(name);
        await browser.GoAsync(link);
        // The code is in no address that is shown, and nothing happened by looking.
        Assert.Equal("/reset-password", browser.Address.PathAndQuery);
        Assert.Contains(name, browser.PageText, StringComparison.Ordinal);
        await before.GoAsync("/account/profile");
        Assert.Equal("/account/profile", before.Address.AbsolutePath);

        await SetAsync(browser, "short");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        await SetAsync(browser);
        Assert.Contains("Your new password is set", browser.PageText, StringComparison.Ordinal);
        Assert.Equal(("invalid_grant", "invalid_grant", "invalid_grant"), ((await _server.RefreshAsync(app, "s3cret", tokens.Text("refresh_token"))).Error,
            (await _server.RedeemAsync(app, "s3cret", code, pkce)).Error, (await _server.PollAsync(waiting)).Error));
        Assert.Equal((401, 200), ((await _server.GetAsync("/api/v1/me", tokens.Text("access_token"))).Status, (await _server.GetAsync("/api/v1/me", login)).Status));
        // Nobody is signed in by it: whatever else the sign-in asks for, it still asks.
        await browser.GoAsync("/account/profile");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        await before.GoAsync("/account/profile");
        Assert.Equal("/sign-in", before.Address.AbsolutePath);
        using (var old = await _server.Browser().SignInAsync(name, TestServer.UserPassword))
            Assert.Equal("/sign-in", old.Address.AbsolutePath);
        using (await _server.SignInAsync(username: name, password: NewPassword))
            Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);

        using var again = _server.Browser();
        await again.GoAsync(link);
        Assert.Equal(HttpStatusCode.Forbidden, again.Response.StatusCode);
        Assert.Null(again.Page.QuerySelector("main form"));
        Assert.Contains("keys and device logins", (await _server.MailedAsync($"{name}@example.test", "A new password was set")).TextBody, StringComparison.Ordinal);
        Assert.Equal(["password.reset", "password.reset_mailed"], await _server.QueryAsync(database =>
            database.AuditEvents.Where(e => e.SubjectId == user.Id && e.Type.StartsWith("password.")).OrderBy(e => e.Type).Select(e => e.Type).ToListAsync()));
    }

    [Fact]
    [Trait("Case", "W9")]
    [Trait("Case", "F12")]
    public async Task The_answer_is_the_same_whoever_is_asked_for_and_only_confirmed_addresses_of_people_in_good_standing_get_mail()
    {
        var known = await NewPersonAsync();
        var unconfirmed = await NewPersonAsync(confirmed: false);
        var disabled = await NewPersonAsync();
        await _server.SetDisabledAsync(disabled);
        var (_, _, session) = await _server.AddOrganizationAsync();
        var invited = MemberCalls.NewName("invited");
        await _server.InvitedAsync(session, invited);
        string? first = null;
        foreach (var account in (string[])[known, $"{known.ToUpperInvariant()}@Example.test", unconfirmed, $"{unconfirmed}@example.test", disabled, invited, "nobody-at-all", "nobody@example.test", "<svg onload>", new string('a', 5000)])
        {
            using var answer = await AskAsync(account);
            Assert.Equal(HttpStatusCode.OK, answer.Response.StatusCode);
            first ??= answer.Body;
            Assert.Equal(first, answer.Body);
        }

        await _server.AllMailSentAsync();
        Assert.Equal(2, _server.MailTo($"{known}@example.test").Count(mail => mail.Subject == Subject));
        foreach (var other in (string[])[unconfirmed, disabled, invited, "nobody"])
            Assert.DoesNotContain(_server.MailTo($"{other}@example.test"), mail => mail.Subject == Subject);
        using var empty = await AskAsync(" ");
        Assert.Equal(HttpStatusCode.BadRequest, empty.Response.StatusCode);
    }

    [Fact]
    public async Task One_address_in_two_organizations_gets_a_link_for_each_account_and_each_opens_its_own()
    {
        var name = await NewPersonAsync();
        var organization = await _server.CreateOrganizationAsync(MemberCalls.NewName("elsewhere"));
        var other = MemberCalls.NewName("forgetful");
        await _server.CreateUserAsync(other, organizationId: organization.Id);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == other).ExecuteUpdateAsync(set => set
            .SetProperty(u => u.Email, $"{name}@example.test").SetProperty(u => u.NormalizedEmail, $"{name}@example.test".ToUpperInvariant()).SetProperty(u => u.EmailConfirmed, true)));
        using var asked = await AskAsync($"{name}@example.test");
        await _server.AllMailSentAsync();
        foreach (var account in (string[])[name, other])
        {
            var mail = Assert.Single(_server.MailTo($"{name}@example.test"), mail => mail.Subject == Subject && mail.TextBody!.Contains($"Account: {account}", StringComparison.Ordinal));
            using var browser = _server.Browser();
            await browser.GoAsync(_server.LinkIn(mail));
            Assert.Contains($"For the account {account} at", browser.PageText, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_link_lives_for_an_hour_and_dies_with_another_reset()
    {
        var name = await NewPersonAsync();
        var (first, second) = (await LinkAsync(name), await LinkAsync(name));
        Assert.NotEqual(first, second);
        using var browser = _server.Browser();
        await browser.GoAsync(second);
        await SetAsync(browser);
        using var late = _server.Browser();
        await late.GoAsync(first);
        Assert.Equal(HttpStatusCode.Forbidden, late.Response.StatusCode);

        var third = await LinkAsync(name);
        _server.Clock!.Advance(TimeSpan.FromMinutes(59));
        using var old = _server.Browser();
        await old.GoAsync(third);
        Assert.Equal(HttpStatusCode.OK, old.Response.StatusCode);
        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        await SetAsync(old);
        Assert.Equal(HttpStatusCode.Forbidden, old.Response.StatusCode);
        // Nor does it let in somebody who was disabled meanwhile.
        var fourth = await LinkAsync(name);
        await _server.SetDisabledAsync(name);
        await old.GoAsync(fourth);
        Assert.Equal(HttpStatusCode.Forbidden, old.Response.StatusCode);
    }

    [Fact]
    public async Task Nobodys_mailbox_is_filled_and_nobody_asks_for_ever()
    {
        var name = await NewPersonAsync();
        for (var i = 0; i < 5; i++)
        {
            using var asked = await AskAsync(name);
        }

        await _server.AllMailSentAsync();
        Assert.Equal(3, _server.MailTo($"{name}@example.test").Count(mail => mail.Subject == Subject));

        using var browser = _server.Browser();
        for (var i = 0; i < 30; i++)
        {
            await browser.GoAsync("/forgot-password");
            await browser.SubmitAsync("Mail me a link", ("Account", $"nobody-{i}"));
            Assert.Equal(HttpStatusCode.OK, browser.Response.StatusCode);
        }

        await browser.GoAsync("/forgot-password");
        await browser.SubmitAsync("Mail me a link", ("Account", name));
        Assert.Equal(HttpStatusCode.TooManyRequests, browser.Response.StatusCode);
        await _server.QueryAsync(database => database.Throttles.Where(t => t.Key.StartsWith("reset-from")).ExecuteDeleteAsync());
    }

    [Fact]
    [Trait("Case", "W8")]
    public async Task No_header_of_the_request_changes_where_the_link_leads()
    {
        var name = await NewPersonAsync();
        using var browser = _server.Browser();
        await browser.GoAsync("/forgot-password");
        var request = browser.FormRequest("Mail me a link", ("Account", name));
        foreach (var header in (string[])["X-Forwarded-Host", "X-Original-Host", "X-Forwarded-Server"])
            request.Headers.Add(header, "evil.example.test");
        request.Headers.Add("Forwarded", "host=evil.example.test");
        await browser.SendAsync(request);
        var mail = await _server.MailedAsync($"{name}@example.test", Subject);
        _server.LinkIn(mail);
        Assert.DoesNotContain("evil", mail.TextBody + mail.HtmlBody, StringComparison.Ordinal);
    }
}

/// <summary>Two nodes, one database, the same moment.</summary>
public class ForgottenPasswordRaceTests
{
    [Theory]
    [Trait("Case", "R7")]
    [EachDatabase]
    public async Task Of_many_who_use_a_link_at_once_one_sets_the_password(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database, Nodes = 2 });
        await server.QueryAsync(db => db.Users.ExecuteUpdateAsync(set => set.SetProperty(u => u.EmailConfirmed, true)));
        using var asking = server.Browser(1);
        await asking.GoAsync("/forgot-password");
        await asking.SubmitAsync("Mail me a link", ("Account", TestServer.OwnerEmail));
        var link = server.LinkIn(await server.MailedAsync(TestServer.OwnerEmail, "Set a new password"));
        var browsers = Enumerable.Range(0, 8).Select(i => server.Browser(i % 2)).ToList();
        foreach (var browser in browsers)
            await browser.GoAsync(link);
        var answers = await ApiCalls.TogetherAsync(8, async i =>
        {
            var tries = 0;
            do
                await browsers[i].SubmitAsync("Set password", follow: false, ("Password", $"a lathe in kitchen {i}"), ("Repeat", $"a lathe in kitchen {i}"));
            // On a busy machine one may be asked to come again; its link may have been used meanwhile.
            while (++tries < 5 && (int)browsers[i].Response.StatusCode == 503 && (int)(await browsers[i].GoAsync(link)).Response.StatusCode == 200);
            return await Answer.FromAsync(browsers[i].Response);
        });
        Assert.Equal([303, .. Enumerable.Repeat(403, 7)], answers.Select(answer => answer.Status).Order());
        var winner = Array.FindIndex(answers, answer => answer.Status == 303);
        using var signedIn = await server.SignInAsync(password: $"a lathe in kitchen {winner}");
        Assert.Equal(1, await server.QueryAsync(db => db.AuditEvents.CountAsync(e => e.Type == "password.reset")));
        foreach (var browser in browsers)
            browser.Dispose();
    }
}
