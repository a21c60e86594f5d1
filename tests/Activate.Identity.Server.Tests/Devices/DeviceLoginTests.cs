using System.Net.Http;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Devices;

[Trait("Database", "Differs")]
public class DeviceLoginTests
{
    [Fact]
    public async Task A_device_login_with_three_hours_gives_a_token_of_10800_seconds_that_works()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var login = await server.StartDeviceAsync(TestServer.ManageScopes, "login-node-07");
        Assert.Equal(5, login.Answer.Json.GetProperty("interval").GetInt32());
        Assert.Equal("authorization_pending", (await server.PollAsync(login)).Error);
        using var browser = await server.SignInAsync();
        await TestServer.ApproveAsync(browser, login, 3);
        Assert.Contains("Device connected", browser.PageText, StringComparison.Ordinal);
        var answer = await server.PollAsync(login);
        Assert.True(answer.Status == 200, answer.ToString() + string.Join('\n', server.Logs.Lines.TakeLast(5)));
        Assert.Equal(10800, answer.Json.GetProperty("expires_in").GetInt32());
        var me = await server.ApiAsync(HttpMethod.Get, "/api/v1/me", answer.Text("access_token"));
        Assert.True(me.Status == 200, me.ToString());
        var key = await server.CreateApiKeyAsync(answer.Text("access_token"), "nightly");
        me = await server.ApiAsync(HttpMethod.Get, "/api/v1/me", key.Key);
        Assert.Equal("apiKey", me.Json.GetProperty("credential").GetProperty("kind").GetString());
        me = await server.ApiAsync(HttpMethod.Get, "/api/v1/me", TestServer.Basic(key.Key), null);
        Assert.Equal(200, me.Status);
        var again = await server.PollAsync(login);
        Assert.Equal(answer.Text("access_token"), again.Text("access_token"));
        Assert.True((await server.ApiAsync(HttpMethod.Get, "/api/v1/api-keys", key.Key)).Status == 200);
        Assert.Equal(204, (await server.ApiAsync(HttpMethod.Delete, $"/api/v1/api-keys/{key.Id}", answer.Text("access_token"))).Status);
        Assert.Equal(401, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", key.Key)).Status);
    }
}
