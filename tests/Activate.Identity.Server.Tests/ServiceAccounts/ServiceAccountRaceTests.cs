using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.ServiceAccounts;

/// <summary>What several administrators and keepers do to a service account at the same moment, on two nodes.</summary>
public class ServiceAccountRaceTests
{
    private const string Accounts = "/api/v1/organization/service-accounts";

    [Theory, Trait("Case", "R7"), Trait("Case", "R6")]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task A_name_is_given_once_and_no_key_outlives_its_account(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (administrator, admin) = await server.AddPersonAsync(Role.Admin);
        for (var round = 0; round < (Tools.FullSize ? 100 : 3); round++)
        {
            // The same name in other letters, too.
            var name = $"robot-{round}-{Guid.NewGuid():N}"[..20];
            var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => server.PostAsync(Accounts, admin,
                new { username = i % 2 == 0 ? name : name.ToUpperInvariant(), description = "copies results", keepers = new[] { administrator.UserName } }, node: i % 2)));
            var id = Assert.Single(made, answer => answer.Status == 201).Text("id");
            Assert.All(made.Where(answer => answer.Status != 201), answer => Assert.Contains(answer.Status, (int[])[400, 409]));

            // Keys are made while the account goes.
            var calls = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => i == 4
                ? server.DeleteAsync($"{Accounts}/{id}", admin, node: 1)
                : server.PostAsync($"{Accounts}/{id}/api-keys", admin, new { name = $"k{i}" }, node: i % 2)));
            Assert.Equal(204, calls[4].Status);
            foreach (var call in calls.Where((_, i) => i != 4))
            {
                Assert.Contains(call.Status, (int[])[201, 404]);
                if (call.Status == 201)
                    Assert.Equal(401, (await server.GetAsync("/api/v1/me", call.Text("key"), node: round % 2)).Status);
            }

            Assert.False(await server.QueryAsync(database => database.ApiKeys.AnyAsync(key => key.OwnerId == Guid.Parse(id))));
        }
    }
}
