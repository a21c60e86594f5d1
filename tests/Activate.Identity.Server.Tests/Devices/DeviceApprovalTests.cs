using System.Net.Http;
using Activate.Identity.Core.Devices;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>The person's side: the page /device shows a request, and allows or denies it once.</summary>
public sealed class DeviceApprovalTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private readonly TestServer _server = shared.Server;

    private static async Task<Browser> EnterAsync(Browser browser, string code)
    {
        await browser.GoAsync("/device");
        return await browser.SubmitAsync("Continue", ("code", code));
    }

    private async Task<(DeviceLogin Login, Browser Browser)> OpenAsync(string scope = "", Role role = Role.Member)
    {
        var login = await _server.StartDeviceAsync(scope);
        var (_, browser) = await shared.NewUserAsync(role);
        await EnterAsync(browser, login.UserCode);
        Assert.Contains("Connect this device?", browser.PageText, StringComparison.Ordinal);
        return (login, browser);
    }

    [Fact, Trait("Case", "D8")]
    public async Task A_link_with_the_code_fills_it_in_and_changes_nothing_and_the_form_then_shows_the_request()
    {
        var login = await _server.StartDeviceAsync("openid platform", "login-node-07");
        var before = await RowAsync("login-node-07");
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync($"/device?user_code={login.UserCode}");
        Assert.Equal(login.UserCode, person.Page.QuerySelector("#code")!.GetAttribute("value"));
        Assert.Contains("Compare it with the one on your device", person.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("login-node-07", person.PageText, StringComparison.Ordinal);
        // Neither do the handlers of the buttons by GET.
        await person.GoAsync($"/device?handler=Allow&user_code={login.UserCode}&code={login.UserCode}&hours=1");
        await person.GoAsync($"/device?handler=Deny&user_code={login.UserCode}&code={login.UserCode}");
        Assert.Equivalent(before, await RowAsync("login-node-07"), strict: true);
        // Nor does the form of a page that such a link opened decide anything.
        await person.GoAsync($"/device?handler=Allow&user_code={login.UserCode}&code={login.UserCode}&hours=1");
        await person.SubmitAsync("Continue");
        var text = person.PageText;
        foreach (var shown in new[] { login.UserCode, "ACTIVATE command line", "“login-node-07”", "127.0.0.1", "2026-11-24", username, TestServer.OrganizationName, "Know who you are", "Use the ACTIVATE platform as you" })
            Assert.Contains(shown, text, StringComparison.Ordinal);
        Assert.Contains("Compare the code", text, StringComparison.Ordinal);
        // To whoever opened it, the link now shows it, and still changes nothing.
        var opened = await RowAsync("login-node-07");
        await person.GoAsync($"/device?user_code={login.UserCode}");
        Assert.Contains("Connect this device?", person.PageText, StringComparison.Ordinal);
        Assert.Equivalent(opened, await RowAsync("login-node-07"), strict: true);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Theory, Trait("Case", "W4")]
    [InlineData("\"><svg onload=alert(1)>")]
    [InlineData("no code at all")]
    public async Task What_a_link_fills_in_is_text_and_no_more(string code)
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync($"/device?user_code={Uri.EscapeDataString(code)}");
        Assert.Equal(200, (int)person.Response.StatusCode);
        Assert.Equal(code, person.Page.QuerySelector("#code")!.GetAttribute("value"));
        Assert.Empty(person.Page.QuerySelectorAll("svg[onload], [role=alert]"));
        await person.GoAsync($"/device?user_code={new string('x', 2000)}");
        Assert.Equal(64, person.Page.QuerySelector("#code")!.GetAttribute("value")!.Length);
    }

    [Fact, Trait("Case", "D8")]
    public async Task Somebody_who_follows_the_link_before_signing_in_comes_back_to_the_request()
    {
        var login = await _server.StartDeviceAsync();
        var name = shared.NewName();
        await _server.CreateUserAsync(name);
        using var browser = _server.Browser();
        await browser.GoAsync($"/device?user_code={login.UserCode}");
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        await browser.SubmitAsync("Sign in", ("Username", name), ("Password", TestServer.UserPassword));
        await browser.SubmitAsync("Continue");
        await browser.SubmitAsync("Allow");
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
    }

    [Theory, Trait("Case", "D9"), Trait("Case", "W1")]
    [InlineData("without the token")]
    [InlineData("with another user's token")]
    [InlineData("as JSON")]
    [InlineData("from another site")]
    public async Task A_decision_that_the_page_did_not_send_is_refused_and_the_request_waits_on(string how)
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var request = person.FormRequest("Allow");
        var fields = System.Web.HttpUtility.ParseQueryString(await request.Content!.ReadAsStringAsync());
        switch (how)
        {
            case "without the token":
                request.Content = new FormUrlEncodedContent([new("code", login.UserCode), new("hours", "1")]);
                break;
            case "with another user's token":
                var (_, other) = await shared.NewUserAsync();
                using (other)
                {
                    await other.GoAsync("/device");
                    var token = other.Page.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value")!;
                    request.Content = new FormUrlEncodedContent([new("code", login.UserCode), new("hours", "1"), new("__RequestVerificationToken", token)]);
                }

                break;
            case "as JSON":
                request.Content = new StringContent($"{{\"code\":\"{login.UserCode}\",\"hours\":1}}", System.Text.Encoding.UTF8, "application/json");
                break;
            default:
                // A foreign page cannot read the form: it has no token, and browsers keep the Strict form cookie from it.
                request.Headers.Add("Origin", "https://evil.test");
                request.Content = new FormUrlEncodedContent([new("code", login.UserCode), new("hours", "1")]);
                break;
        }

        Assert.NotNull(fields["__RequestVerificationToken"]);
        var answer = await _server.SendAsync(person, request);
        Assert.Equal(400, answer.Status);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D9"), Trait("Case", "W6")]
    public async Task The_page_cannot_be_framed_or_kept()
    {
        var (_, browser) = await OpenAsync();
        using var person = browser;
        Assert.Contains("frame-ancestors 'none'", person.Response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("DENY", person.Response.Headers.GetValues("X-Frame-Options").Single());
        Assert.Equal("no-referrer", person.Response.Headers.GetValues("Referrer-Policy").Single());
        Assert.True(person.Response.Headers.CacheControl!.NoStore);
    }

    [Fact, Trait("Case", "D10")]
    public async Task Approving_twice_in_a_row_is_approving_once()
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var (first, second, third) = (person.FormRequest("Allow"), person.FormRequest("Allow"), person.FormRequest("Allow"));
        Assert.Contains("Device connected", (await _server.SendAsync(person, first)).Body, StringComparison.Ordinal);
        Assert.Contains("Device connected", (await _server.SendAsync(person, second)).Body, StringComparison.Ordinal);
        var token = (await _server.PollAsync(login)).Text("access_token");
        // Also once the device has its token: a reload of the page must not end what it gave.
        Assert.Contains("Device connected", (await _server.SendAsync(person, third)).Body, StringComparison.Ordinal);
        await person.GoAsync($"/device?user_code={login.UserCode}");
        Assert.Contains("Device connected", person.PageText, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token)).Status);
    }

    [Fact, Trait("Case", "D10")]
    public async Task Ten_approvals_at_once_are_one()
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => person.FormRequest("Allow")).ToList().Select(request => _server.SendAsync(person, request)));
        Assert.All(answers, answer => Assert.Contains("Device connected", answer.Body, StringComparison.Ordinal));
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
        var code = await RowOfAsync(login);
        Assert.Equal(1, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.SubjectId == code.Id && e.Type == Data.Audit.AuditTypes.DeviceApproved)));
    }

    [Fact, Trait("Case", "D11")]
    public async Task Denied_stays_denied()
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var (deny, allow) = (person.FormRequest("Deny"), person.FormRequest("Allow"));
        Assert.Contains("Denied", (await _server.SendAsync(person, deny)).Body, StringComparison.Ordinal);
        Assert.Equal("access_denied", (await _server.PollAsync(login)).Error);
        Assert.Contains("Denied", (await _server.SendAsync(person, allow)).Body, StringComparison.Ordinal);
        Assert.Equal("access_denied", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D11")]
    public async Task Approved_stays_approved()
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var (deny, allow) = (person.FormRequest("Deny"), person.FormRequest("Allow"));
        await _server.SendAsync(person, allow);
        Assert.Contains("Device connected", (await _server.SendAsync(person, deny)).Body, StringComparison.Ordinal);
        var token = (await _server.PollAsync(login)).Text("access_token");
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token)).Status);
    }

    [Fact, Trait("Case", "D11")]
    public async Task Allow_and_deny_at_once_have_one_outcome_that_page_and_device_agree_on()
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        var requests = Enumerable.Range(0, 8).Select(n => person.FormRequest(n % 2 == 0 ? "Allow" : "Deny")).ToList();
        var answers = await Task.WhenAll(requests.Select(request => _server.SendAsync(person, request)));
        var connected = answers.Count(answer => answer.Body.Contains("Device connected", StringComparison.Ordinal));
        Assert.True(connected is 0 or 8, $"{connected} of 8 pages say connected");
        Assert.Equal(connected == 8 ? null : "access_denied", (await _server.PollAsync(login)).Error);
    }

    public static TheoryData<string, bool> Typings => new()
    {
        { "{0}{1}", true },
        { "{0} {1}", true },
        { "  {0}-{1}  ", true },
        { "{0}--{1}", true },
        { "{0}-{1}\r\n", true },
        { "\t{0}\t{1}", true },
        { "lower", true },
        { "full-width", false },
        { "{0}\u2013{1}", false },
        { "{0}\u00A0{1}", false },
        { "{0}{1}X", false },
        { "{0}", false },
        { "12345678", false },
        { "'; DROP TABLE Users; --", false },
        { "<svg onload=alert(1)>", false },
        { "\uFFFD", false },
    };

    [Theory, Trait("Case", "D13"), MemberData(nameof(Typings))]
    public async Task A_code_may_be_typed_in_any_case_with_dash_or_spaces_in_ASCII_only(string form, bool accepted)
    {
        var login = await _server.StartDeviceAsync();
        var typed = form switch
        {
            "lower" => login.UserCode.ToLowerInvariant(),
            "full-width" => string.Concat(login.UserCode.Select(c => char.IsAsciiLetterUpper(c) ? (char)(c - 'A' + '\uFF21') : c)),
            _ => string.Format(System.Globalization.CultureInfo.InvariantCulture, form, login.UserCode[..4], login.UserCode[5..]),
        };
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, typed);
        Assert.Equal(200, (int)person.Response.StatusCode);
        Assert.Contains(accepted ? "Connect this device?" : "No device is waiting for this code", person.PageText, StringComparison.Ordinal);
        if (accepted)
            Assert.Contains(login.UserCode, person.PageText, StringComparison.Ordinal);
        Assert.Empty(person.Page.QuerySelectorAll("svg[onload]"));
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D17"), Trait("Case", "W14")]
    public async Task A_locked_account_with_an_old_cookie_approves_nothing_until_the_lock_ends()
    {
        var login = await _server.StartDeviceAsync();
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, login.UserCode);
        var until = new DateTimeOffset(_server.Now.AddMinutes(5));
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.LockoutEnd, until)));
        var (early, late) = (person.FormRequest("Allow"), person.FormRequest("Allow"));
        var answer = await _server.SendAsync(person, early);
        Assert.Contains("Your account is locked", answer.Body, StringComparison.Ordinal);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
        _server.Clock!.Advance(TimeSpan.FromMinutes(5));
        Assert.Contains("Device connected", (await _server.SendAsync(person, late)).Body, StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "D17")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_is_disabled_or_signed_out_meanwhile_approves_nothing(bool disabled)
    {
        var login = await _server.StartDeviceAsync();
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, login.UserCode);
        var allow = person.FormRequest("Allow");
        if (disabled)
            await _server.SetDisabledAsync(username);
        else
            await _server.QueryAsync(database => database.BrowserSessions.Where(s => s.User!.UserName == username).ExecuteDeleteAsync());
        var answer = await _server.SendAsync(person, allow);
        Assert.Equal(302, answer.Status);
        Assert.Contains("/sign-in", answer.Header("Location"), StringComparison.Ordinal);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D3")]
    public async Task Only_the_session_that_entered_the_code_first_sees_and_decides_it()
    {
        var (login, browser) = await OpenAsync();
        using var first = browser;
        var (_, second) = await shared.NewUserAsync();
        using (second)
        {
            await EnterAsync(second, login.UserCode);
            Assert.Contains("No device is waiting for this code", second.PageText, StringComparison.Ordinal);
            await second.GoAsync($"/device?user_code={login.UserCode}");
            Assert.DoesNotContain("Connect this device?", second.PageText, StringComparison.Ordinal);
        }

        await first.SubmitAsync("Allow");
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
    }

    [Fact, Trait("Case", "W23")]
    public async Task Sensitive_scopes_are_bold_and_given_only_within_ten_minutes_after_signing_in()
    {
        var login = await _server.StartDeviceAsync("platform credentials:write organization:write");
        var (username, browser) = await shared.NewUserAsync(Role.Admin);
        using var person = browser;
        _server.Clock!.Advance(TimeSpan.FromMinutes(9) + TimeSpan.FromSeconds(50));
        login = await _server.StartDeviceAsync("platform credentials:write organization:write");
        await EnterAsync(person, login.UserCode);
        Assert.Equal(["Create and delete your API keys, tokens and SSH keys", "Change your organization, its members and its policy"],
            person.Page.QuerySelectorAll(".scopes strong").Select(element => element.TextContent));
        _server.Clock.Advance(TimeSpan.FromSeconds(10));
        await person.SubmitAsync("Allow");
        Assert.Equal("/sign-in", person.Address.AbsolutePath);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
        // The new session, and no other than this person's, goes on where the old one was.
        await person.SubmitAsync("Sign in", ("Password", TestServer.UserPassword));
        await person.SubmitAsync("Continue");
        Assert.Contains("Connect this device?", person.PageText, StringComparison.Ordinal);
        await person.SubmitAsync("Allow");
        Assert.Contains("Device connected", person.PageText, StringComparison.Ordinal);
        Assert.Equal("platform credentials:write organization:write", (await _server.PollAsync(login)).Text("scope"));
        Assert.NotNull(username);
    }

    [Fact, Trait("Case", "W23")]
    public async Task Ordinary_scopes_need_no_fresh_sign_in()
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        _server.Clock!.Advance(TimeSpan.FromHours(3));
        var login = await _server.StartDeviceAsync();
        await TestServer.ApproveAsync(person, login);
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
    }

    [Fact, Trait("Case", "O9")]
    public async Task A_member_gets_no_scope_beyond_the_role_and_the_page_does_not_show_it()
    {
        var (login, browser) = await OpenAsync("platform organization:read organization:write audit:read");
        using var person = browser;
        Assert.DoesNotContain("Change your organization", person.PageText, StringComparison.Ordinal);
        Assert.DoesNotContain("audit log", person.PageText, StringComparison.Ordinal);
        await person.SubmitAsync("Allow");
        Assert.Equal("platform organization:read", (await _server.PollAsync(login)).Text("scope"));
    }

    [Fact, Trait("Case", "O9")]
    public async Task Who_is_demoted_between_approval_and_poll_loses_the_scope()
    {
        var login = await _server.StartDeviceAsync("platform organization:write");
        var (username, browser) = await shared.NewUserAsync(Role.Admin);
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.Role, Role.Member)));
        Assert.Equal("platform", (await _server.PollAsync(login)).Text("scope"));
    }

    [Theory, Trait("Case", "W4")]
    [InlineData("<svg onload=alert(1)>")]
    [InlineData("\"><script>alert(1)</script>")]
    [InlineData("'&quot;{{7*7}}")]
    public async Task What_the_device_calls_itself_is_shown_as_text(string name)
    {
        var login = await _server.StartDeviceAsync(deviceName: name);
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, login.UserCode);
        Assert.Contains($"“{name}”", person.PageText, StringComparison.Ordinal);
        Assert.Empty(person.Page.QuerySelectorAll("svg[onload], script:not([src])"));
    }

    [Theory, Trait("Case", "K8")]
    [InlineData("0")]
    [InlineData("25")]
    [InlineData("-1")]
    [InlineData("99999999999")]
    [InlineData("1.5")]
    [InlineData("x")]
    [InlineData("")]
    public async Task A_lifetime_that_is_none_is_refused_and_the_request_waits_on(string hours)
    {
        var (login, browser) = await OpenAsync();
        using var person = browser;
        await person.SubmitAsync("Allow", ("hours", hours));
        Assert.Equal(200, (int)person.Response.StatusCode);
        Assert.NotNull(person.Page.QuerySelector("[role=alert]"));
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "K8")]
    public async Task The_wish_of_the_device_is_preselected_and_the_person_decides()
    {
        var login = await _server.StartDeviceAsync(lifetimeHours: "3");
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await EnterAsync(person, login.UserCode);
        var options = person.Page.QuerySelectorAll("select[name=hours] option");
        Assert.Equal(Enumerable.Range(1, 24).Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture)), options.Select(option => option.GetAttribute("value")));
        Assert.Equal("3", options.Single(option => option.HasAttribute("selected")).GetAttribute("value"));
        await person.SubmitAsync("Allow", ("hours", "5"));
        Assert.Equal(5 * 3600, (await _server.PollAsync(login)).Json.GetProperty("expires_in").GetInt32());
    }

    private Task<DeviceRequest> RowAsync(string deviceName) => _server.QueryAsync(database => database.DeviceRequests.AsNoTracking().SingleAsync(r => r.DeviceName == deviceName));

    private Task<DeviceRequest> RowOfAsync(DeviceLogin login)
    {
        Assert.True(DeviceCode.TryParse(login.DeviceCode, out var code));
        return _server.QueryAsync(database => database.DeviceRequests.AsNoTracking().SingleAsync(r => r.Id == code.Id));
    }
}
