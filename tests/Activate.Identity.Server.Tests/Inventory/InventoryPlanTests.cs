using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Inventory;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Inventory;

/// <summary>A page of the inventory walks along an index, also the last one of many: nothing is sorted or read as a whole.</summary>
public class InventoryPlanTests
{
    private const int People = 200;
    private const int Each = 25;

    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task A_page_costs_one_indexed_read_of_each_kind(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider });
        var owner = await FillAsync(server, provider);
        await server.QueryAsync(async database =>
        {
            var middle = (await database.Users.Where(u => u.UserName == "p100").SingleAsync()).Id;
            foreach (var kind in CredentialNames.Kinds)
            {
                foreach (var cursor in (InventoryCursor?[])[null, new InventoryCursor(kind, middle, Guid.Empty)])
                {
                    var page = CredentialInventory.Behind(InventoryRow.Of(database, owner.OrganizationId, kind), cursor).Take(51);
                    Assert.Equal(51, (await page.ToListAsync()).Count);
                    var plan = await PlanAsync(database, page, provider);
                    var table = kind switch { CredentialKind.ApiKey => "ApiKeys", CredentialKind.SshKey => "SshKeys", _ => "TokenGrants" };
                    Assert.DoesNotContain(plan, line => line.Contains($"Seq Scan on \"{table}\"", StringComparison.Ordinal) || (line.StartsWith("SCAN ", StringComparison.Ordinal) && !line.Contains("INDEX", StringComparison.Ordinal))
                        || line.Contains("TEMP B-TREE", StringComparison.Ordinal) || line.TrimStart(' ', '-', '>').StartsWith("Sort ", StringComparison.Ordinal));
                }
            }

            return 0;
        });
    }

    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task What_ends_soon_of_one_or_of_all_is_read_along_an_index(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider });
        var owner = await FillAsync(server, provider);
        await server.QueryAsync(async database =>
        {
            var ids = new List<Guid> { owner.Id };
            foreach (var owners in (IQueryable<User>[])[database.Users.Where(user => ids.Contains(user.Id)), database.Users.Where(user => user.OrganizationId == owner.OrganizationId)])
            {
                var plan = await PlanAsync(database, EndingSoon.Within(database, owners, server.Now, server.Now.AddDays(14)).Take(6), provider);
                Assert.DoesNotContain(plan, line => line.Contains("Seq Scan on \"ApiKeys\"", StringComparison.Ordinal) || line.Contains("Seq Scan on \"SshKeys\"", StringComparison.Ordinal)
                    || (line.StartsWith("SCAN ", StringComparison.Ordinal) && !line.Contains("INDEX", StringComparison.Ordinal) && !line.Contains("CONSTANT ROW", StringComparison.Ordinal) && !line.Contains("subquery", StringComparison.OrdinalIgnoreCase)));
            }

            return 0;
        });
    }

    private static async Task<List<string>> PlanAsync<T>(ActivateDbContext database, IQueryable<T> query, DatabaseProvider provider)
    {
        await using var command = query.CreateDbCommand();
        command.CommandText = $"{(provider == DatabaseProvider.Sqlite ? "EXPLAIN QUERY PLAN" : "EXPLAIN")} {command.CommandText}";
        await database.Database.OpenConnectionAsync();
        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
            plan.Add(reader.GetString(provider == DatabaseProvider.Sqlite ? 3 : 0));
        return plan;
    }

    private static Task<User> FillAsync(TestServer server, DatabaseProvider provider) => server.QueryAsync(async database =>
    {
        var owner = await database.Users.SingleAsync();
        await FillAsync(database, owner, server.Now);
        if (provider == DatabaseProvider.PostgreSql)
            await database.Database.ExecuteSqlAsync($"""ANALYZE""");
        return owner;
    });

    private static async Task FillAsync(ActivateDbContext database, User owner, DateTime now)
    {
        for (var p = 0; p < People; p++)
        {
            var user = new User
            {
                Id = Guid.CreateVersion7(now.AddMilliseconds(p)), OrganizationId = owner.OrganizationId, UserName = $"p{p}", NormalizedUserName = $"p{p}", Role = Role.Member, CreatedAt = now, SecurityStamp = "s",
            };
            database.Users.Add(user);
            for (var i = 0; i < Each; i++)
            {
                var id = Guid.CreateVersion7(now.AddMilliseconds(i));
                database.ApiKeys.Add(new ApiKey { Id = id, OwnerId = user.Id, Name = $"k{i}", NormalizedName = $"K{i}", Scopes = "platform", Last4 = "aaaa", CreatedAt = now, ExpiresBecause = ExpiresBecause.Requested });
                database.SshKeys.Add(new SshKey
                {
                    Id = id, OwnerId = user.Id, Name = $"k{i}", NormalizedName = $"K{i}", Fingerprint = id.ToByteArray(), Algorithm = "ssh-ed25519", PublicKey = "x", CreatedAt = now, FirstAddedAt = now,
                    ExpiresBecause = ExpiresBecause.Requested,
                });
                foreach (var kind in (CredentialKind[])[CredentialKind.Token, CredentialKind.Session])
                {
                    database.TokenGrants.Add(new TokenGrant
                    {
                        Id = Guid.CreateVersion7(now), Kind = kind, OwnerId = user.Id, ClientId = "activate-cli", Name = $"g{i}", Scopes = "platform", CreatedAt = now, ExpiresAt = now.AddHours(1),
                        ExpiresBecause = ExpiresBecause.Requested,
                    });
                }
            }
        }

        await database.SaveChangesAsync();
    }
}
