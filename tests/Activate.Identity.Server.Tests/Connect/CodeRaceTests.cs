using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

public sealed class CodeRaceTests
{
    [Theory, Trait("Case", "R1")]
    [EachDatabase(1), EachDatabase(2)]
    public async Task Of_twenty_or_fifty_redemptions_of_one_code_at_once_one_wins_and_a_later_one_ends_what_it_got(int nodes, DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = nodes, Database = provider });
        await server.RegisterApplicationAsync("app");
        using var browser = await server.SignInAsync();
        for (var round = 0; round < (Tools.FullSize ? 500 : 3); round++)
        {
            var before = await server.QueryAsync(database => database.TokenGrants.CountAsync());
            var pkce = Pkce.New();
            var code = await server.GetCodeAsync(browser, "app", pkce);
            var answers = await Task.WhenAll(Enumerable.Range(0, round % 2 == 0 ? 20 : 50).Select(redemption => server.RedeemAsync("app", null, code, pkce, redemption % nodes)));
            Assert.All(answers, answer => Assert.True(answer.Status == 200 || answer is { Status: 400, Error: "invalid_grant" }, answer.ToString()));
            var winner = Assert.Single(answers, answer => answer.Status == 200);
            // Whoever came after the winner ended what it got; who came at the same moment only lost.
            Assert.True(await server.QueryAsync(database => database.TokenGrants.CountAsync()) <= before + 1);
            if (round >= 3)
                continue;
            // Once more, when it is over: now it is a code that comes again, and nothing may live.
            Assert.Equal("invalid_grant", (await server.RedeemAsync("app", null, code, pkce)).Error);
            Assert.Equal(0, await server.QueryAsync(database => database.TokenGrants.CountAsync()));
            await Task.Delay(TimeSpan.FromSeconds(nodes == 1 ? 0 : 1));
            for (var node = 0; node < nodes; node++)
                Assert.Equal(401, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", winner.Text("access_token"), node: node)).Status);
        }
    }
}
