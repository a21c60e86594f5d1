using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>What <c>/api/v1/me</c> tells a proxy that asks before it lets a request through.</summary>
public class MeTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task Its_headers_name_the_user_and_the_organization()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        var answer = await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", TestServer.Basic(key), null);
        Assert.Equal((200, user.UserName, answer.Json.GetProperty("organization").GetProperty("slug").GetString()),
            (answer.Status, answer.Header("Activate-Username"), answer.Header("Activate-Organization")));
        Assert.Null((await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", null)).Header("Activate-Username"));
    }

    [Fact]
    public async Task A_scope_in_the_query_is_asked_of_the_credential()
    {
        var (user, _) = await _server.AddPersonAsync();
        var token = await _server.GrantAsync(user.Id, "openid profile");
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me?scope=profile", token)).Status);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me?other=platform", token)).Status);
        var refused = await _server.ApiAsync(HttpMethod.Get, "/api/v1/me?scope=platform", token);
        Assert.Equal((403, "insufficient_scope", null), (refused.Status, refused.Error, refused.Header("Activate-Username")));
        // Neither 401 nor 403: a proxy must not take a misspelt setting for a wrong credential, and must let nobody through.
        foreach (var wrong in new[] { "", "platfrom", "openid profile", "openid&scope=profile", "%0d%0aX:y" })
            Assert.True((await _server.ApiAsync(HttpMethod.Get, $"/api/v1/me?scope={wrong}", token)) is { Status: 400 }, wrong);
    }
}
