using System.Net.Http;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>The device waits, and fetches its token (RFC 8628 §3.4, §3.5).</summary>
[Trait("Database", "Differs")]
public sealed class DevicePollingTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private readonly TestServer _server = shared.Server;

    private void Wait(double seconds) => _server.Clock!.Advance(TimeSpan.FromSeconds(seconds));

    private async Task ApproveAsync(DeviceLogin login, int? hours = null)
    {
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            await TestServer.ApproveAsync(browser, login, hours);
            Assert.Contains("Device connected", browser.PageText, StringComparison.Ordinal);
        }
    }

    [Fact, Trait("Case", "D2")]
    public async Task Polling_too_fast_is_answered_slow_down_and_each_adds_five_seconds_on_every_node()
    {
        var login = await _server.StartDeviceAsync();
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
        Wait(1);
        Assert.Equal("slow_down", (await _server.PollAsync(login, node: 1)).Error); // now 10 s
        Wait(9.9);
        Assert.Equal("slow_down", (await _server.PollAsync(login)).Error); // now 15 s
        Wait(15);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login, node: 1)).Error);
        Wait(14.9);
        Assert.Equal("slow_down", (await _server.PollAsync(login)).Error); // still 15 s were due; now 20 s
        Wait(20);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D2")]
    public async Task One_device_that_polls_too_fast_slows_no_other()
    {
        var (fast, calm) = (await _server.StartDeviceAsync(), await _server.StartDeviceAsync());
        await _server.PollAsync(fast);
        Assert.Equal("slow_down", (await _server.PollAsync(fast)).Error);
        Assert.Equal("authorization_pending", (await _server.PollAsync(calm)).Error);
        Wait(5);
        Assert.Equal("authorization_pending", (await _server.PollAsync(calm, node: 1)).Error);
    }

    [Fact, Trait("Case", "D2")]
    public async Task An_approved_device_gets_its_token_however_fast_it_polls()
    {
        var login = await _server.StartDeviceAsync();
        await _server.PollAsync(login);
        await _server.PollAsync(login);
        await ApproveAsync(login);
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
    }

    [Fact, Trait("Case", "D5")]
    public async Task A_scope_that_was_not_approved_is_refused_at_the_poll()
    {
        var login = await _server.StartDeviceAsync("openid platform");
        await ApproveAsync(login);
        var answer = await _server.PostFormAsync("/connect/token",
            [("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", login.DeviceCode), ("scope", "openid platform organization:write")]);
        Assert.Equal(400, answer.Status);
        Assert.False(answer.Has("access_token"));
        answer = await _server.PollAsync(login);
        Assert.Equal("openid platform", answer.Text("scope"));
        var me = await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", answer.Text("access_token"));
        Assert.Equal(["openid", "platform"], me.Json.GetProperty("credential").GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()));
    }

    [Fact, Trait("Case", "D12")]
    public async Task The_code_lives_for_exactly_its_ten_minutes()
    {
        var login = await _server.StartDeviceAsync();
        Wait(599);
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
        Wait(2);
        Assert.Equal("expired_token", (await _server.PollAsync(login)).Error);
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            await browser.GoAsync("/device");
            await browser.SubmitAsync("Continue", ("code", login.UserCode));
            Assert.Contains("This code has expired", browser.PageText, StringComparison.Ordinal);
        }
    }

    [Fact, Trait("Case", "D12")]
    public async Task An_approval_that_comes_too_late_says_so_and_gives_nothing()
    {
        var login = await _server.StartDeviceAsync();
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            await browser.GoAsync($"/device?user_code={login.UserCode}");
            await browser.SubmitAsync("Continue");
            Wait(601);
            await browser.SubmitAsync("Allow");
            Assert.Contains("This code has expired", browser.PageText, StringComparison.Ordinal);
        }

        Assert.Equal("expired_token", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D12")]
    public async Task An_approved_code_that_nobody_fetches_expires_too()
    {
        var login = await _server.StartDeviceAsync();
        await ApproveAsync(login);
        Wait(601);
        Assert.Equal("expired_token", (await _server.PollAsync(login)).Error);
    }

    [Fact, Trait("Case", "D15")]
    public async Task A_poll_repeated_because_the_answer_was_lost_gets_the_same_token_for_a_minute_on_every_node()
    {
        var login = await _server.StartDeviceAsync("openid platform");
        await ApproveAsync(login, 2);
        var token = (await _server.PollAsync(login)).Text("access_token");
        Wait(59);
        var again = await _server.PollAsync(login, node: 1);
        Assert.Equal(token, again.Text("access_token"));
        Assert.Equal(7200 - 59, again.Json.GetProperty("expires_in").GetInt32());
        Wait(2);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login)).Error);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login, node: 1)).Error);
        // The session is not half dead: it works to its end, and not a second longer.
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token)).Status);
        Wait(7200 - 62);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token, node: 1)).Status);
        Wait(1);
        Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token)).Status);
        Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token, node: 1)).Status);
    }

    [Fact, Trait("Case", "D15")]
    public async Task A_repeated_poll_does_not_bring_back_a_session_that_was_ended()
    {
        var login = await _server.StartDeviceAsync("platform credentials:read");
        await ApproveAsync(login);
        var token = (await _server.PollAsync(login)).Text("access_token");
        Assert.Equal(200, (await _server.PostFormAsync("/connect/revoke", [("token", token), ("client_id", TestServer.Cli)])).Status);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login)).Error);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login, node: 1)).Error);
    }

    [Theory, Trait("Case", "B7")]
    [InlineData(null, "invalid_request")]
    [InlineData("", "invalid_request")]
    [InlineData("x", "invalid_grant")]
    [InlineData("ey.ey.ey", "invalid_grant")]
    [InlineData("a\u0000b", "invalid_request")]
    [InlineData("\uD800", "invalid_grant")]
    public async Task A_device_code_that_is_none_is_refused(string? code, string error)
    {
        List<(string, string)> fields = [("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli)];
        if (code is not null)
            fields.Add(("device_code", code == "\uD800" ? "\uFFFD" : code));
        var answer = await _server.PostFormAsync("/connect/token", fields);
        Assert.Equal((400, error), (answer.Status, answer.Error));
    }

    [Fact, Trait("Case", "B2")]
    public async Task A_huge_device_code_is_refused_like_any_unknown_one()
    {
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", new string('x', 200_000))]);
        Assert.Equal((400, "invalid_grant"), (answer.Status, answer.Error));
        answer = await _server.PostFormAsync("/connect/token", [("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", new string('x', 300_000))]);
        Assert.Equal((413, "invalid_request"), (answer.Status, answer.Error));
    }

    [Fact, Trait("Case", "A6")]
    public async Task Another_client_learns_nothing_about_a_device_code()
    {
        var other = shared.NewName("device-app");
        await _server.RegisterApplicationAsync(other, deviceFlow: true);
        var login = await _server.StartDeviceAsync();
        Assert.Equal("invalid_grant", (await _server.PollAsync(login, clientId: other)).Error);
        await ApproveAsync(login);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login, clientId: other)).Error);
        Assert.Equal(200, (await _server.PollAsync(login)).Status);
        Assert.Equal("invalid_grant", (await _server.PollAsync(login, clientId: other)).Error);
    }

    [Fact, Trait("Case", "I6")]
    public async Task Who_is_disabled_between_approval_and_poll_gets_nothing()
    {
        var login = await _server.StartDeviceAsync();
        var (username, browser) = await shared.NewUserAsync();
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        await _server.SetDisabledAsync(username);
        Assert.Equal("access_denied", (await _server.PollAsync(login)).Error);
        Assert.False(await _server.QueryAsync(database => database.TokenGrants.AnyAsync(g => g.Owner!.UserName == username)));
    }

    [Fact, Trait("Case", "O11")]
    public async Task An_application_suspended_between_approval_and_poll_gets_nothing()
    {
        var client = shared.NewName("device-app");
        await _server.RegisterApplicationAsync(client, deviceFlow: true);
        var start = await _server.PostFormAsync("/connect/device", [("client_id", client), ("scope", "platform")]);
        var login = new DeviceLogin(start.Text("device_code"), start.Text("user_code"), start);
        await ApproveAsync(login);
        await _server.SuspendApplicationAsync(client);
        var answer = await _server.PollAsync(login, clientId: client);
        Assert.False(answer.Has("access_token"));
        Assert.InRange(answer.Status, 400, 401);
        Assert.False(await _server.QueryAsync(database => database.TokenGrants.AnyAsync(g => g.ClientId == client)));
    }
}
