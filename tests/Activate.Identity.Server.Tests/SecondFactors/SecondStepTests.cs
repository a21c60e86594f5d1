using System.Net;
using Activate.Identity.Core.SecondFactors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.SecondFactors;

public sealed class SecondStepTests(FakeClockFixture fixture) : IClassFixture<FakeClockFixture>
{
    private readonly TestServer _server = fixture.Server;

    [Fact, Trait("Case", "D17")]
    public async Task After_the_password_nobody_is_signed_in_until_the_code_is_given()
    {
        var user = await _server.NewOwnerAsync();
        using var first = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(first);
        _server.Clock!.Advance(TimeSpan.FromMinutes(1));
        var login = await _server.StartDeviceAsync();

        using var browser = await _server.GivePasswordAsync(user, path: "/device");
        Assert.Equal("/sign-in/second-factor", browser.Address.AbsolutePath);
        Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate"]);
        Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate-device"]);
        var handle = browser.Cookies.GetCookies(_server.Origin)["activate-second-step"]!.Value;
        foreach (var path in (string[])["/", "/account/security", "/account/authentication/api-keys", $"/device?user_code={login.UserCode}", "/organization/policy"])
        {
            await browser.GoAsync(path);
            Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        }

        // The handle is no session's key.
        using var thief = _server.Browser();
        thief.Cookies.Add(_server.Origin, new Cookie("activate", handle));
        await thief.GoAsync("/");
        Assert.Equal("/sign-in", thief.Address.AbsolutePath);

        await browser.GoAsync("/sign-in/second-factor?returnUrl=%2Fdevice");
        await browser.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal("/device", browser.Address.AbsolutePath);
        Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate-second-step"]);
        var methods = await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id).OrderByDescending(s => s.Id).Select(s => s.AuthenticationMethods).FirstAsync());
        Assert.Equal("pwd otp mfa", methods);
        Assert.False(await _server.QueryAsync(database => database.PendingSignIns.AnyAsync(p => p.UserId == user.Id)));
    }

    [Theory, Trait("Case", "W3")]
    [EachDatabase]
    public async Task One_code_and_one_pending_sign_in_make_one_session_on_two_nodes(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true, Nodes = 2, Database = provider });
        var user = await server.NewOwnerAsync();
        using var first = await server.SignInAsync(user);
        var app = await server.SetUpAppAsync(first);
        server.Clock!.Advance(TimeSpan.FromMinutes(1));

        // One code, several pending sign-ins.
        var browsers = new List<Browser>();
        for (var i = 0; i < 4; i++)
            browsers.Add(await server.GivePasswordAsync(user, node: i % 2));
        await Task.WhenAll(browsers.Select(browser => browser.GiveCodeAsync(app.CodeAt(server.Now))));
        Assert.Single(browsers, browser => browser.Address.AbsolutePath == "/");
        Assert.Equal(3, browsers.Count(browser => browser.PageText.Contains("was used before", StringComparison.Ordinal)));

        // One pending sign-in, several good codes: the app's and two on paper.
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var origin = await server.GivePasswordAsync(user);
        var copies = new[] { app.CodeAt(server.Now), app.RecoveryCodes[0], app.RecoveryCodes[1] }.Select(code => (Request: origin.FormRequest("Continue", ("Code", code)), Browser: server.Browser())).ToList();
        foreach (System.Net.Cookie cookie in origin.Cookies.GetCookies(server.Origin))
            copies.ForEach(copy => copy.Browser.Cookies.Add(server.Origin, new Cookie(cookie.Name, cookie.Value)));
        await Task.WhenAll(copies.Select((copy, i) => copy.Browser.At(i % 2).SendAsync(copy.Request)));
        Assert.Single(copies, copy => copy.Browser.Cookies.GetCookies(server.Origin)["activate"] is not null);
        browsers.ForEach(browser => browser.Dispose());
    }

    [Fact, Trait("Case", "W3")]
    public async Task A_code_works_once_and_none_that_is_older_works_after_it()
    {
        var user = await _server.NewOwnerAsync();
        using var first = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(first);

        // The one that proved the app is used up.
        using var browser = await _server.GivePasswordAsync(user);
        await browser.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        _server.Clock!.Advance(TimeSpan.FromSeconds(90));
        await browser.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal("/", browser.Address.AbsolutePath);

        using var again = await _server.GivePasswordAsync(user);
        await again.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Contains("was used before", again.PageText, StringComparison.Ordinal);
        await again.GiveCodeAsync(app.CodeAt(_server.Now.AddSeconds(-30)));
        Assert.Contains("was used before", again.PageText, StringComparison.Ordinal);
        await again.GiveCodeAsync(app.CodeAt(_server.Now.AddSeconds(30)));
        Assert.Equal("/", again.Address.AbsolutePath);
    }

    [Fact]
    public async Task A_recovery_code_works_once_and_is_told_of()
    {
        var user = await _server.NewOwnerAsync();
        using var first = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(first);
        Assert.Equal(10, app.RecoveryCodes.Count);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        using var browser = await _server.GivePasswordAsync(user);
        await browser.GiveCodeAsync(app.RecoveryCodes[3].ToUpperInvariant().Replace('-', ' '));
        Assert.Equal("/", browser.Address.AbsolutePath);
        Assert.Equal("pwd mfa", await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.UserId == user.Id).OrderByDescending(s => s.Id).Select(s => s.AuthenticationMethods).FirstAsync()));
        await browser.GoAsync("/account/security");
        Assert.Contains("9 codes left", browser.PageText, StringComparison.Ordinal);

        using var again = await _server.GivePasswordAsync(user);
        await again.GiveCodeAsync(app.RecoveryCodes[3]);
        Assert.Equal(HttpStatusCode.BadRequest, again.Response.StatusCode);
        Assert.Single(await _server.QueryAsync(database => database.AuditEvents.Where(e => e.ActorId == user.Id && e.Type == AuditTypes.RecoveryCodeUsed).ToListAsync()));

        // New ones end the old ones; the form sent again makes none.
        await browser.GoAsync("/account/security/recovery-codes");
        var request = browser.FormRequest("Make New Codes");
        var twice = browser.FormRequest("Make New Codes");
        await browser.SendAsync(request);
        var codes = Fixtures.CodesOf(browser);
        Assert.Equal(10, codes.Count);
        await browser.SendAsync(twice);
        Assert.Equal(HttpStatusCode.Conflict, browser.Response.StatusCode);
        Assert.Empty(Fixtures.CodesOf(browser));
        await again.GiveCodeAsync(app.RecoveryCodes[4]);
        Assert.Equal(HttpStatusCode.BadRequest, again.Response.StatusCode);
        await again.GiveCodeAsync(codes[9]);
        Assert.Equal("/", again.Address.AbsolutePath);
    }

    [Fact]
    public async Task A_pending_sign_in_ends_after_ten_minutes_with_the_password_and_with_the_account()
    {
        var user = await _server.NewOwnerAsync();
        using var first = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(first);

        async Task OverAsync(Func<Task> meanwhile)
        {
            using var browser = await _server.GivePasswordAsync(user);
            Assert.Equal("/sign-in/second-factor", browser.Address.AbsolutePath);
            await meanwhile();
            _server.Clock!.Advance(TimeSpan.FromSeconds(60));
            await browser.GiveCodeAsync(app.CodeAt(_server.Now));
            Assert.Equal("/sign-in", browser.Address.AbsolutePath);
            Assert.Null(browser.Cookies.GetCookies(_server.Origin)["activate"]);
        }

        await OverAsync(() => Task.Run(() => _server.Clock!.Advance(TimeSpan.FromMinutes(9))));
        await OverAsync(() => _server.SetDisabledAsync(user.UserName!));
        await _server.SetDisabledAsync(user.UserName!, false);
        await OverAsync(() => _server.QueryAsync(database => database.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, u => u.PasswordHash + "="))));
    }

    [Fact]
    public async Task Wrong_codes_are_few_and_cost_no_password_try_nor_the_owners_own_device()
    {
        var user = await _server.NewOwnerAsync();
        using var owner = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(owner);
        using var thief = await _server.GivePasswordAsync(user);
        for (var i = 0; i < 5; i++)
        {
            await thief.GiveCodeAsync("000000");
            Assert.Equal(HttpStatusCode.BadRequest, thief.Response.StatusCode);
        }

        _server.Clock!.Advance(TimeSpan.FromMinutes(1));
        await thief.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal(HttpStatusCode.TooManyRequests, thief.Response.StatusCode);
        Assert.Equal("600", thief.Response.Headers.GetValues("Retry-After").Single());

        // The owner, who has signed in with this browser before.
        await owner.GoAsync("/sign-in?reauthenticate=1");
        await owner.SubmitAsync("Sign in", ("Password", TestServer.UserPassword));
        await owner.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal("/", owner.Address.AbsolutePath);

        // Ten minutes later five more, and twenty in a day.
        for (var round = 0; round < 3; round++)
        {
            _server.Clock.Advance(TimeSpan.FromMinutes(10));
            using var next = await _server.GivePasswordAsync(user);
            for (var i = 0; i < 5; i++)
                await next.GiveCodeAsync("000000");
            Assert.Equal(HttpStatusCode.BadRequest, next.Response.StatusCode);
        }

        _server.Clock.Advance(TimeSpan.FromMinutes(10));
        using var last = await _server.GivePasswordAsync(user);
        await last.GiveCodeAsync(app.CodeAt(_server.Now));
        Assert.Equal(HttpStatusCode.TooManyRequests, last.Response.StatusCode);
        Assert.Equal(20, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.ActorId == user.Id && e.Type == AuditTypes.SecondFactorFailed)));
    }

    [Fact, Trait("Case", "C1")]
    public async Task Keys_and_codes_are_in_no_row_and_no_log()
    {
        var user = await _server.NewOwnerAsync();
        using var browser = await _server.SignInAsync(user);
        var app = await _server.SetUpAppAsync(browser);
        var handle = (await _server.GivePasswordAsync(user)).Cookies.GetCookies(_server.Origin)["activate-second-step"]!.Value;
        var dump = await _server.DumpStorageAsync();
        foreach (var secret in (string[])[Totp.Text(app.Key), System.Text.Encoding.Latin1.GetString(app.Key), Convert.ToHexString(app.Key), Convert.ToBase64String(app.Key), handle,
                     .. app.RecoveryCodes, .. app.RecoveryCodes.Select(code => code.Replace("-", "", StringComparison.Ordinal))])
        {
            Assert.DoesNotContain(secret, dump, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(secret, StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact, Trait("Case", "W23")]
    public async Task Setting_up_and_removing_need_a_sign_in_of_the_last_ten_minutes()
    {
        var user = await _server.NewOwnerAsync();
        using var browser = await _server.SignInAsync(user);
        await _server.SetUpAppAsync(browser);
        await browser.GoAsync($"/account/security?remove={Guid.Empty}");
        var remove = browser.FormRequest("Remove App");
        _server.Clock!.Advance(TimeSpan.FromMinutes(11));
        foreach (var path in (string[])["/account/security/authenticator", "/account/security/passkeys/add", "/account/security/recovery-codes"])
        {
            await browser.GoAsync(path);
            Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        }

        await browser.SendAsync(remove);
        Assert.StartsWith("/sign-in?reauthenticate=1", browser.Response.Headers.Location?.ToString(), StringComparison.Ordinal);
        Assert.True(await _server.QueryAsync(database => database.TotpKeys.AnyAsync(key => key.UserId == user.Id)));
    }

    [Fact]
    public async Task The_first_factor_signs_other_browsers_out_and_moves_this_one_to_a_new_key_and_removing_the_last_voids_the_codes()
    {
        var user = await _server.NewOwnerAsync();
        using var other = await _server.SignInAsync(user);
        using var browser = await _server.SignInAsync(user);
        var before = browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value;
        await _server.SetUpAppAsync(browser);
        Assert.NotEqual(before, browser.Cookies.GetCookies(_server.Origin)["activate"]!.Value);
        await other.GoAsync("/");
        Assert.Equal("/sign-in", other.Address.AbsolutePath);

        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        await browser.GoAsync($"/account/security?remove={Guid.Empty}");
        await browser.SubmitAsync("Remove App");
        Assert.Contains("The authenticator app was removed", browser.PageText, StringComparison.Ordinal);
        Assert.False(await _server.QueryAsync(database => database.RecoveryCodes.AnyAsync(code => code.UserId == user.Id)));
        using var plain = await _server.SignInAsync(user);
        Assert.Equal("/", plain.Address.AbsolutePath);
    }
}
