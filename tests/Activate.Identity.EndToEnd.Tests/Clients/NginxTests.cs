using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>nginx's <c>auth_request</c> with the settings that docs/integrations/nginx.md shows.</summary>
public sealed class NginxTests(ClientsServer fixture) : IClassFixture<ClientsServer>
{
    [Fact]
    public async Task A_key_opens_the_location_and_what_is_behind_is_told_whose_it_is()
    {
        await using var nginx = await Nginx.StartAsync(fixture.Server.Origin);
        var (username, browser) = await fixture.NewPersonAsync();
        browser.Dispose();
        var key = await fixture.ApiKeyOfAsync(username);
        foreach (var authorization in new[] { $"Bearer {key}", TestServer.Basic(key).ToString() })
        {
            // A name from outside counts for nothing, and the key goes no further.
            var answer = await nginx.SendAsync("/data?scope=none", authorization, remoteUser: "ada");
            Assert.Equal((200, $"{username} of hydrology-lab, no key, "), (answer.Status, answer.Body));
        }

        Assert.Equal($"{username} of hydrology-lab, no key, a body", (await nginx.SendAsync("/data", $"Bearer {key}", method: HttpMethod.Post)).Body);
        Assert.Equal(200, (await nginx.SendAsync("/git/repository", TestServer.Basic(key).ToString())).Status);
        Assert.Equal(404, (await nginx.SendAsync("/_activate", $"Bearer {key}")).Status);

        // A revoked key is refused within a second.
        Assert.Equal(200, (await fixture.Server.PostFormAsync("/connect/revoke", [("token", key)])).Status);
        await Task.Delay(TimeSpan.FromSeconds(1));
        var refused = await nginx.SendAsync("/data", $"Bearer {key}");
        Assert.Equal((401, "Bearer error=\"invalid_token\""), (refused.Status, refused.Header("WWW-Authenticate")));
    }

    [Fact]
    public async Task Others_are_refused_with_the_servers_challenge_or_asked_for_a_name_and_password()
    {
        await using var nginx = await Nginx.StartAsync(fixture.Server.Origin);
        var nobody = await nginx.SendAsync("/data", remoteUser: "ada");
        Assert.Equal((401, "Bearer"), (nobody.Status, nobody.Header("WWW-Authenticate")));
        Assert.Equal(401, (await nginx.SendAsync("/data", "Bearer pwt_made.up")).Status);
        var git = await nginx.SendAsync("/git/repository");
        Assert.Equal(401, git.Status);
        Assert.Contains("Basic realm=", git.Header("WWW-Authenticate"), StringComparison.Ordinal);
        // What an application got that somebody only signed in to.
        var user = await fixture.Server.AddUserAsync();
        Assert.Equal(403, (await nginx.SendAsync("/data", $"Bearer {await fixture.Server.GrantAsync(user.Id, "openid profile")}")).Status);
        Assert.Equal(200, (await nginx.SendAsync("/data", $"Bearer {await fixture.Server.GrantAsync(user.Id, "platform")}")).Status);
    }

    [Fact]
    public async Task Nobody_gets_in_while_the_server_is_down()
    {
        await using var nginx = await Nginx.StartAsync(new Uri($"http://127.0.0.1:{RunningProgram.FreePort()}"));
        foreach (var path in new[] { "/data", "/git/repository" })
            Assert.InRange((await nginx.SendAsync(path, "Bearer pwt_any.key")).Status, 500, 599);
    }
}
