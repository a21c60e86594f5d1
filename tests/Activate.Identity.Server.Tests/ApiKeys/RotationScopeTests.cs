using System.Net.Http;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.ApiKeys;

public class RotationScopeTests
{
    [Fact]
    public async Task Rotating_gives_nobody_a_secret_with_more_scopes_than_they_could_give_a_new_key()
    {
        await using var server = await TestServer.StartAsync();
        var (user, all) = await server.AddPersonAsync(Role.Admin);
        var key = await server.CreateApiKeyAsync(all, "wide", new { name = "wide", scopes = new[] { "platform", "organization:write" } });
        var narrow = await server.GrantAsync(user.Id, "platform credentials:read credentials:write");
        var old = await server.GrantAsync(user.Id, signedInAgo: TimeSpan.FromMinutes(11));
        Assert.Equal("scope_beyond_credential", (await server.ApiAsync(HttpMethod.Post, $"/api/v1/api-keys/{key.Id}/rotate", narrow, new { })).Error);
        Assert.Equal("recent_sign_in_required", (await server.ApiAsync(HttpMethod.Post, $"/api/v1/api-keys/{key.Id}/rotate", old, new { })).Error);
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Post, $"/api/v1/api-keys/{key.Id}/rotate", key.Key, new { overlapHours = 0 })).Status);
    }
}
