using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Devices;

public sealed class DeviceRaceTests
{
    [Theory, Trait("Case", "R4")]
    [EachDatabase(1), EachDatabase(2)]
    public async Task Thirty_polls_at_once_after_the_approval_get_one_and_the_same_session(int nodes, DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = nodes, Database = provider });
        using var browser = await server.SignInAsync();
        for (var round = 0; round < (Tools.FullSize ? 500 : 3); round++)
        {
            var login = await server.StartDeviceAsync(deviceName: $"device {round}");
            await TestServer.ApproveAsync(browser, login);
            var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(poll => server.PollAsync(login, poll % nodes)));
            Assert.DoesNotContain(answers, answer => answer.Status >= 500);
            Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.ToString()));
            var token = Assert.Single(answers.Select(answer => answer.Text("access_token")).Distinct());
            Assert.Equal(1, await server.QueryAsync(database => database.TokenGrants.CountAsync(g => g.Name == $"device {round}")));
            for (var node = 0; node < nodes; node++)
                Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/me", token, node: node)).Status);
        }
    }
}
