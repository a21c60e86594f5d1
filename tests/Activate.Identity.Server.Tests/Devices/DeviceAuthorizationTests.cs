using System.Net.Http;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

/// <summary>What a device asks for, and what it is answered (RFC 8628 §3.1, §3.2).</summary>
public sealed class DeviceAuthorizationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = shared.Server;

    [Fact, Trait("Case", "D1")]
    public async Task The_answer_has_every_field_of_the_RFC_and_is_not_stored_by_caches()
    {
        var answer = (await _server.StartDeviceAsync()).Answer;
        var members = answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal);
        Assert.Equal(["device_code", "expires_in", "interval", "user_code", "verification_uri", "verification_uri_complete"], members);
        Assert.Matches("^[A-Za-z0-9_-]{64}$", answer.Text("device_code"));
        Assert.Matches("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", answer.Text("user_code"));
        Assert.Equal($"{_server.Origin.GetLeftPart(UriPartial.Authority)}/device", answer.Text("verification_uri"));
        Assert.Equal($"{answer.Text("verification_uri")}?user_code={answer.Text("user_code")}", answer.Text("verification_uri_complete"));
        Assert.Equal(600, answer.Json.GetProperty("expires_in").GetInt32());
        Assert.Equal(5, answer.Json.GetProperty("interval").GetInt32());
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType!.MediaType);
    }

    [Fact, Trait("Case", "D1")]
    public async Task Neither_code_can_be_read_from_the_database()
    {
        var login = await _server.StartDeviceAsync(deviceName: shared.NewName("device"));
        var rows = await _server.QueryAsync(database => database.DeviceRequests.AsNoTracking().ToListAsync());
        var code = System.Text.Encoding.ASCII.GetBytes(login.UserCode.Replace("-", "", StringComparison.Ordinal));
        Assert.DoesNotContain(rows, row => row.UserCodeHash.SequenceEqual(System.Security.Cryptography.SHA256.HashData(code)) || row.UserCodeHash.AsSpan().IndexOf(code) >= 0);
        Assert.Contains(rows, row => row.DeviceCodeHash.SequenceEqual(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(login.DeviceCode))));
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(login.DeviceCode, StringComparison.Ordinal) || line.Contains(login.UserCode, StringComparison.Ordinal));
    }

    [Theory, Trait("Case", "D14")]
    [InlineData("Host", "evil.test")]
    [InlineData("X-Forwarded-Host", "evil.test")]
    [InlineData("Forwarded", "host=evil.test;proto=https")]
    [InlineData("X-Original-Host", "evil.test")]
    public async Task No_header_steers_the_verification_address(string header, string value)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/connect/device") { Content = new FormUrlEncodedContent([new("client_id", TestServer.Cli)]) };
        if (header == "Host")
            request.Headers.Host = value;
        else
            request.Headers.Add(header, value);
        var answer = await Answer.FromAsync(await client.SendAsync(request));
        Assert.DoesNotContain("evil", answer.Body, StringComparison.Ordinal);
        if (header == "Host")
            Assert.Equal(400, answer.Status);
        else
            Assert.Equal($"{_server.Origin.GetLeftPart(UriPartial.Authority)}/device", answer.Text("verification_uri"));
    }

    public static TheoryData<string, string, bool> Wishes => new()
    {
        { "device_name", "login-node-07", true },
        { "device_name", "Ångström’s laptop", true },
        { "device_name", new string('n', 64), true },
        { "device_name", "", true },
        { "device_name", new string('n', 65), false },
        { "device_name", "   ", false },
        { "device_name", "a\nb", false },
        { "device_name", "a\0b", false },
        { "device_name", "a\u202Eb", false },
        { "device_name", "a\u200Bb", false },
        { "device_name", new string('n', 100_000), false },
        { "lifetime_hours", "1", true },
        { "lifetime_hours", "24", true },
        { "lifetime_hours", "", true },
        { "lifetime_hours", "0", false },
        { "lifetime_hours", "25", false },
        { "lifetime_hours", "-1", false },
        { "lifetime_hours", "+1", false },
        { "lifetime_hours", "1.5", false },
        { "lifetime_hours", "1e1", false },
        { "lifetime_hours", " 1", false },
        { "lifetime_hours", "1h", false },
        { "lifetime_hours", "\u0663", false },
        { "lifetime_hours", "99999999999999999999", false },
        { "lifetime_hours", "null", false },
    };

    [Theory, Trait("Case", "D1"), MemberData(nameof(Wishes))]
    public async Task A_wish_is_taken_or_refused_with_invalid_request(string field, string value, bool taken)
    {
        var answer = await _server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli), (field, value)]);
        Assert.Equal((taken ? 200 : 400, taken ? null : "invalid_request"), (answer.Status, answer.Error));
        // The framework refuses a NUL before anybody knows which field it is in.
        if (!taken && !value.Contains('\0', StringComparison.Ordinal))
            Assert.Contains(field, answer.Text("error_description"), StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "B7")]
    [InlineData("client_id", "nobody", "invalid_client")]
    [InlineData("client_id", "", "invalid_client")]
    [InlineData("scope", "root", "invalid_scope")]
    [InlineData("resource", "https://jupyter.example.test/", "invalid_target")]
    [InlineData("scope", "offline_access", "invalid_scope")]
    [InlineData("scope", "authorized-keys:read", "invalid_scope")]
    [InlineData("client_secret", "x", "invalid_client")]
    public async Task A_refusal_is_JSON_with_an_error_of_the_RFC(string field, string value, string error)
    {
        var fields = new Dictionary<string, string> { ["client_id"] = TestServer.Cli, [field] = value };
        var answer = await _server.PostFormAsync("/connect/device", fields.Select(f => (f.Key, f.Value)));
        Assert.True(error == answer.Error, answer.ToString());
        Assert.False(answer.Has("error_uri"));
        Assert.InRange(answer.Status, 400, 401);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "B9")]
    public async Task A_scope_named_five_hundred_times_is_one_scope()
    {
        var login = await _server.StartDeviceAsync(string.Join(' ', Enumerable.Repeat("openid", 500)));
        Assert.Equal("authorization_pending", (await _server.PollAsync(login)).Error);
        Assert.True(await _server.QueryAsync(database => database.DeviceRequests.AnyAsync(r => r.Scopes == "openid" && r.Status == DeviceRequestStatus.Pending)));
    }

    [Fact, Trait("Case", "D1")]
    public async Task Without_a_scope_the_default_is_asked_for()
    {
        var login = await _server.StartDeviceAsync();
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
            await TestServer.ApproveAsync(browser, login);
        var answer = await _server.PollAsync(login);
        Assert.Equal("platform credentials:read", answer.Text("scope"));
        Assert.Equal("Bearer", answer.Text("token_type"));
        Assert.False(answer.Has("refresh_token"));
        Assert.False(answer.Has("id_token"));
        Assert.InRange(answer.Json.GetProperty("expires_in").GetInt32(), (24 * 3600) - 60, 24 * 3600);
    }
}

/// <summary>Too many requests that wait for approval.</summary>
public sealed class DeviceFloodTests
{
    [Fact, Trait("Case", "D16")]
    public async Task An_address_with_too_many_waiting_requests_gets_429_while_people_sign_in_as_ever()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var first = await server.StartDeviceAsync();
        for (var started = 1; started < 200; started++)
            await server.StartDeviceAsync();
        var answer = await server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli)]);
        Assert.Equal(429, answer.Status);
        Assert.Equal("60", answer.Header("Retry-After"));
        Assert.Equal("temporarily_unavailable", answer.Error);
        Assert.Equal(200, await server.QueryAsync(database => database.DeviceRequests.CountAsync()));

        using var browser = await server.SignInAsync();
        await TestServer.ApproveAsync(browser, first);
        Assert.Equal(200, (await server.PollAsync(first)).Status);
        // What is decided waits no more, and leaves its place to another.
        await server.StartDeviceAsync();
        Assert.Equal(429, (await server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli)])).Status);

        server.Clock!.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(200, (await server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli)])).Status);
    }

    [Fact, Trait("Case", "D16"), Trait("Case", "F17")]
    public async Task Requests_that_ended_long_ago_are_deleted_and_the_sessions_they_gave_live_on()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var token = await server.LoginWithDeviceAsync();
        await server.StartDeviceAsync();
        server.Clock!.Advance(TimeSpan.FromHours(2));
        for (var wait = 0; wait < 100 && await server.QueryAsync(database => database.DeviceRequests.AnyAsync()); wait++)
            await Task.Delay(50);
        Assert.Equal(0, await server.QueryAsync(database => database.DeviceRequests.CountAsync()));
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", token)).Status);
    }

    [Fact, Trait("Case", "D16")]
    public async Task With_rate_limits_off_nothing_is_refused()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" } });
        for (var started = 0; started < 201; started++)
            await server.StartDeviceAsync();
    }
}
