using Activate.Identity.Data;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Twenty at once, on one node and on two: what may be used once is used once, and there is never a second living chain.</summary>
public sealed class GrantRaceTests
{
    private const string Secret = "s3cret";

    /// <summary>Small in CI; 200 rounds with <c>LONG=1</c> (docs/security.md has the figures).</summary>
    private static int Rounds => Tools.FullSize ? 200 : 3;

    [Theory, Trait("Case", "R2"), Trait("Case", "R3")]
    [EachDatabase(1), EachDatabase(2)]
    public async Task Of_twenty_refreshes_with_one_token_all_end_on_the_same_living_chain(int nodes, DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = nodes, Database = provider });
        await server.RegisterApplicationAsync("app", Secret);
        using var browser = await server.SignInAsync();
        var refresh = (await server.ConnectAsync(browser, "app", Secret)).Text("refresh_token");
        for (var round = 0; round < Rounds; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(attempt => server.RefreshAsync("app", Secret, refresh, attempt % nodes)));
            Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.ToString()));
            refresh = Assert.Single(answers.Select(answer => answer.Text("refresh_token")).Distinct());
            Assert.Equal((1, round + 2), await server.QueryAsync(async database => (await database.TokenGrants.CountAsync(), await database.TokenGrants.Select(grant => grant.RefreshPlace).SingleAsync())));
            foreach (var answer in round < 3 ? answers.Take(4) : [])
                Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", answer.Text("access_token"), node: round % nodes)).Status);
        }
    }

    [Theory, Trait("Case", "A23")]
    [EachDatabase(2)]
    public async Task Of_twenty_answers_to_one_pushed_request_one_is_a_code(int nodes, DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = nodes, Database = provider });
        await server.RegisterApplicationAsync("app", Secret);
        using var browser = await server.SignInAsync();
        // Allowed once: from now on each request is answered at once.
        await server.ConnectAsync(browser, "app", Secret, "openid platform");
        for (var round = 0; round < Rounds; round++)
        {
            var pkce = Pkce.New();
            var pushed = await server.PostFormAsync("/connect/par",
                [("response_type", "code"), ("redirect_uri", TestServer.Callback), ("scope", "openid platform"), ("state", "s"), ("code_challenge", pkce.Challenge), ("code_challenge_method", "S256")],
                authorization: TestServer.Basic("app", Secret));
            var path = $"/connect/authorize?client_id=app&request_uri={Uri.EscapeDataString(pushed.Text("request_uri"))}";
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(attempt =>
                server.SendAsync(browser, new HttpRequestMessage(HttpMethod.Get, new Uri(server.Origin, path)), attempt % nodes)));
            Assert.DoesNotContain(answers, answer => answer.Status >= 500);
            var code = Assert.Single(answers, answer => answer.Header("Location")?.Contains("code=", StringComparison.Ordinal) == true);
            var tokens = await server.RedeemAsync("app", Secret, TestServer.Parameter(new Uri(code.Header("Location")!), "code"), pkce);
            Assert.True(tokens.Status == 200, tokens.ToString());
        }
    }

    [Theory, Trait("Case", "R4")]
    [EachDatabase(2)]
    public async Task Of_twenty_polls_of_an_application_all_get_the_same_chain(int nodes, DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = nodes, Database = provider });
        await server.RegisterApplicationAsync("device-app", deviceFlow: true);
        using var browser = await server.SignInAsync();
        for (var round = 0; round < Rounds; round++)
        {
            var started = await server.PostFormAsync("/connect/device", [("client_id", "device-app"), ("scope", "platform offline_access")]);
            var login = new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started);
            await TestServer.ApproveAsync(browser, login);
            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(poll => server.PollAsync(login, poll % nodes, "device-app")));
            Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.ToString()));
            var refresh = Assert.Single(answers.Select(answer => answer.Text("refresh_token")).Distinct());
            Assert.Equal(round + 1, await server.QueryAsync(database => database.TokenGrants.CountAsync()));
            Assert.Equal(200, (await server.RefreshAsync("device-app", null, refresh)).Status);
        }
    }
}
