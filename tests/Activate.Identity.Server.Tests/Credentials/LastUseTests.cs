using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Credentials;

public class LastUseTests
{
    [Theory]
    [EachDatabase]
    public async Task The_last_use_of_keys_and_sessions_is_written_on_every_database(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Database = provider });
        var token = await server.LoginWithDeviceAsync();
        var key = await server.CreateApiKeyAsync(token, "nightly");
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", key.Key)).Status);
        await server.FlushLastUsesAsync();
        foreach (var list in new[] { "/api/v1/api-keys", "/api/v1/sessions" })
        {
            var item = (await server.ApiAsync(HttpMethod.Get, list, token)).Json.GetProperty("items")[0];
            Assert.Equal("127.0.0.1", item.GetProperty("lastUsedFrom").GetString());
            Assert.InRange(item.GetProperty("lastUsedAt").GetDateTime(), item.GetProperty("createdAt").GetDateTime(), DateTime.MaxValue);
        }
    }
}
