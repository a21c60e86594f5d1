using System.Net;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.SecondFactors;

/// <summary>The policy's <c>requireTwoFactor</c>, and what an administrator does for those who lost theirs.</summary>
public sealed class RequiredTests(FakeClockFixture fixture) : IClassFixture<FakeClockFixture>
{
    private readonly TestServer _server = fixture.Server;

    private async Task<(User Owner, Browser Browser, App App)> RequireAsync()
    {
        var owner = await _server.NewOwnerAsync();
        var browser = await _server.SignInAsync(owner);
        var app = await _server.SetUpAppAsync(browser);
        await browser.GoAsync("/organization/policy");
        await browser.SubmitAsync("Apply", ("requireTwoFactor", "true"));
        Assert.Contains("The policy was changed", browser.PageText, StringComparison.Ordinal);
        return (owner, browser, app);
    }

    [Fact]
    public async Task Whoever_has_none_cannot_ask_others_for_one_and_the_preview_counts_those_without()
    {
        var owner = await _server.NewOwnerAsync();
        await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], organizationId: owner.OrganizationId);
        using var browser = await _server.SignInAsync(owner);
        await browser.GoAsync("/organization/policy");
        await browser.SubmitAsync("Apply", ("requireTwoFactor", "true"));
        Assert.Equal(HttpStatusCode.Forbidden, browser.Response.StatusCode);
        Assert.Contains("You have no second factor yourself", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Preview", ("requireTwoFactor", "true"));
        Assert.Contains("2 people have no second factor", browser.PageText, StringComparison.Ordinal);

        await _server.SetUpAppAsync(browser);
        await browser.GoAsync("/organization/policy");
        await browser.SubmitAsync("Preview", ("requireTwoFactor", "true"));
        Assert.Contains("1 person has no second factor", browser.PageText, StringComparison.Ordinal);
        await browser.SubmitAsync("Preview", ("requireTwoFactor", "false"));
        Assert.DoesNotContain("no second factor", browser.PageText, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "D17")]
    public async Task Sessions_with_one_factor_end_at_once_and_their_people_set_one_up_before_anything_else()
    {
        var owner = await _server.NewOwnerAsync();
        var member = await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], organizationId: owner.OrganizationId);
        using var old = await _server.SignInAsync(member);
        using var browser = await _server.SignInAsync(owner);
        await _server.SetUpAppAsync(browser);
        await browser.GoAsync("/organization/policy");
        await browser.SubmitAsync("Apply", ("requireTwoFactor", "true"));
        // Whoever has shown two goes on.
        Assert.Contains("The policy was changed", browser.PageText, StringComparison.Ordinal);

        await old.GoAsync("/device");
        Assert.Equal("/sign-in", old.Address.AbsolutePath);
        await _server.GivePasswordAsync(member, old, "/device");
        Assert.Equal("/sign-in/second-factor", old.Address.AbsolutePath);
        Assert.Contains("Your organization asks everybody for a second factor", old.PageText, StringComparison.Ordinal);
        await old.GoAsync("/device");
        Assert.Equal("/sign-in", old.Address.AbsolutePath);
        await old.GoAsync("/sign-in/second-factor?returnUrl=%2Fdevice");
        // A wrong code shows the same key again.
        var key = old.Page.QuerySelector("#totp-key")!.TextContent;
        await old.SubmitAsync("Set Up App", ("Code", "000000"));
        Assert.Equal((HttpStatusCode.BadRequest, key), (old.Response.StatusCode, old.Page.QuerySelector("#totp-key")!.TextContent));
        var app = await _server.SetUpAppAsync(old);
        Assert.Equal(10, app.RecoveryCodes.Count);
        Assert.Equal("/device", old.Page.QuerySelector(".print-off a.button")!.GetAttribute("href"));
        await old.GoAsync("/device");
        Assert.Equal("/device", old.Address.AbsolutePath);
        Assert.Equal("pwd otp mfa", await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == member.Id).Select(s => s.AuthenticationMethods).SingleAsync()));

        // The last one stays.
        await old.GoAsync($"/account/security?remove={Guid.Empty}");
        await old.SubmitAsync("Remove App");
        Assert.Equal(HttpStatusCode.Forbidden, old.Response.StatusCode);
        Assert.Contains("this is your last", old.PageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_alone_adds_no_factor_to_an_account_that_has_one()
    {
        var (owner, browser, app) = await RequireAsync();
        var member = await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], organizationId: owner.OrganizationId);
        using var thief = await _server.GivePasswordAsync(member);
        using var person = await _server.GivePasswordAsync(member);
        await _server.SetUpAppAsync(person);
        Assert.Equal("You are signed in", person.Page.QuerySelector("h1")!.TextContent);
        var late = await _server.SetUpAppAsync(thief);
        Assert.Empty(late.RecoveryCodes);
        Assert.Equal(HttpStatusCode.Conflict, thief.Response.StatusCode);
        Assert.Null(thief.Cookies.GetCookies(_server.Origin)["activate"]);
        browser.Dispose();
    }

    [Fact]
    public async Task An_invited_person_sets_one_up_before_the_first_session()
    {
        var (owner, browser, _) = await RequireAsync();
        await browser.GoAsync("/organization/members/invite");
        var username = $"u{Guid.NewGuid():N}"[..20];
        await browser.SubmitAsync("Invite", ("Username", username), ("Email", $"{username}@example.test"));
        var link = new Uri(browser.Page.QuerySelector("#secret")!.TextContent.Trim());
        using var invited = _server.Browser();
        await invited.GoAsync(link.PathAndQuery);
        await invited.SubmitAsync("Join", ("Password", TestServer.UserPassword), ("Repeat", TestServer.UserPassword));
        Assert.Equal("/sign-in/second-factor", invited.Address.AbsolutePath);
        await _server.SetUpAppAsync(invited);
        await invited.GoAsync("/");
        Assert.Contains($"Welcome, {username}", invited.PageText, StringComparison.Ordinal);
        browser.Dispose();
    }

    [Fact]
    public async Task An_administrator_resets_what_somebody_lost_and_nobody_resets_their_own()
    {
        var owner = await _server.NewOwnerAsync();
        var member = await _server.CreateUserAsync($"u{Guid.NewGuid():N}"[..20], organizationId: owner.OrganizationId);
        using var lost = await _server.SignInAsync(member);
        await _server.SetUpAppAsync(lost);
        var session = await _server.GrantAsync(owner.Id);
        var key = await _server.CreateApiKeyAsync(await _server.GrantAsync(member.Id), "goes on");
        var path = $"/api/v1/organization/members/{member.Id}/reset-second-factor";
        var answer = await _server.PostAsync(path, session, new { });
        Assert.Equal("""{"authenticatorApp":true,"passkeys":0,"recoveryCodes":10}""", answer.Body);
        (await _server.PostAsync($"/api/v1/organization/members/{owner.Id}/reset-second-factor", session, new { })).AssertProblem(403, "own_second_factor");
        (await _server.PostAsync($"/api/v1/organization/members/{owner.Id}/reset-second-factor", await _server.GrantAsync(member.Id), new { })).AssertProblem(403, "insufficient_scope");

        await lost.GoAsync("/");
        Assert.Equal("/sign-in", lost.Address.AbsolutePath);
        using var again = await _server.SignInAsync(member);
        Assert.Equal("/", again.Address.AbsolutePath);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        var told = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.SubjectId == member.Id && e.Type == AuditTypes.MemberSecondFactorReset));
        Assert.Equal((owner.Id, "authenticator app, 0 passkeys, 10 recovery codes"), (told.ActorId, told.Detail));

        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        using var admin = await _server.SignInAsync(owner);
        await admin.GoAsync($"/organization/members/{member.Id}?ask=reset");
        await admin.SubmitAsync("Reset Second Factor");
        Assert.Contains("Reset: 0 passkeys, 0 recovery codes", admin.PageText, StringComparison.Ordinal);
    }
}
