using System.Diagnostics;
using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>Very many rows go while everybody writes, and while the database is copied.</summary>
public sealed class DeletesUnderLoadTests(ITestOutputHelper output)
{
    private static int Writers => Tools.FullSize ? 50 : 10;

    [Theory, Trait("Case", "R9"), Trait("Case", "R10")]
    [EachDatabase]
    public async Task While_very_many_rows_are_deleted_and_the_file_is_copied_every_writer_gets_a_turn(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider, Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" } });
        var people = new List<string>();
        for (var i = 0; i < Writers; i++)
            people.Add(i % 10 == 0 ? (await server.AddOrganizationAsync()).Session : (await server.AddPersonAsync()).Session);
        var rows = Tools.FullSize ? 1_000_000 : 5_000;
        await FillAsync(server, rows);

        var deleting = Task.Run(() => server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(CancellationToken.None));
        var copying = provider == DatabaseProvider.Sqlite ? Task.Run(() => SqliteCopies.Backup(DatabaseSetup.SqliteFile(server.SqliteFile), $"{server.SqliteFile}.copy")) : Task.CompletedTask;
        var latencies = (await Task.WhenAll(people.Select((session, person) => Task.Run(() => WriteAsync(server, session, person, deleting))))).SelectMany(one => one).Order().ToList();
        await copying;
        var watch = Stopwatch.StartNew();
        await deleting;
        Assert.Equal(0, await server.QueryAsync(database => database.TokenGrants.CountAsync(grant => grant.Name == "old")));
        var p99 = latencies[latencies.Count * 99 / 100];
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{provider}: {rows} rows deleted beside {latencies.Count} writes of {Writers} writers: median {latencies[latencies.Count / 2].TotalMilliseconds:F0} ms, p99 {p99.TotalMilliseconds:F0} ms, longest {latencies[^1].TotalMilliseconds:F0} ms; then {watch.Elapsed.TotalSeconds:F1} s alone"));
        if (Tools.FullSize)
            Assert.True(p99 < TimeSpan.FromMilliseconds(500), $"p99 is {p99}.");
    }

    /// <summary>Each writer makes keys and ends them, two ways, and starts device logins; every tenth also rules. At least five rounds and while rows are deleted, for half a minute at most.</summary>
    private static async Task<List<TimeSpan>> WriteAsync(TestServer server, string session, int person, Task deleting)
    {
        var (latencies, clock) = (new List<TimeSpan>(), Stopwatch.StartNew());
        async Task<Answer> TimedAsync(Task<Answer> call, int expected)
        {
            var watch = Stopwatch.StartNew();
            var answer = await call;
            latencies.Add(watch.Elapsed);
            Assert.True(answer.Status == expected, answer.ToString());
            return answer;
        }

        for (var i = 0; i < 5 || (Tools.FullSize && !deleting.IsCompleted && clock.Elapsed < TimeSpan.FromSeconds(30)); i++)
        {
            var made = await TimedAsync(server.PostAsync(ApiCalls.KeysPath, session, new { name = $"{person}-{i}" }), 201);
            await TimedAsync(server.PostFormAsync("/connect/device", [("client_id", TestServer.Cli)]), 200);
            if (i % 2 == 0)
                await TimedAsync(server.DeleteAsync($"{ApiCalls.KeysPath}/{made.Text("id")}", session), 204);
            else
                await TimedAsync(server.PostFormAsync("/connect/revoke", [("token", made.Text("key"))]), 200);
            // Twenty times an hour is the most.
            if (person % 10 == 0 && i < 15)
                await TimedAsync(server.SetPolicyAsync(session, new { apiKeys = new { defaultDays = 20 + (i % 10) } }), 200);
            // People do other things, too.
            await Task.Delay(Random.Shared.Next(100, 500));
        }

        return latencies;
    }

    /// <summary>Sessions that ended long ago, and are no longer listed.</summary>
    private static async Task FillAsync(TestServer server, int rows)
    {
        var owner = await server.QueryAsync(database => database.Users.Where(user => user.UserName == TestServer.OwnerName).Select(user => user.Id).SingleAsync());
        var ended = server.Now - CredentialNames.ListedAfterExpiry - TimeSpan.FromDays(1);
        foreach (var chunk in Enumerable.Range(0, rows).Chunk(10_000))
        {
            await server.QueryAsync(database =>
            {
                database.ChangeTracker.AutoDetectChangesEnabled = false;
                database.AddRange(chunk.Select(i => new TokenGrant
                {
                    Id = Guid.CreateVersion7(ended), Kind = CredentialKind.Session, OwnerId = owner, ClientId = TestServer.Cli, Name = "old", Scopes = "platform", CreatedAt = ended.AddDays(-1),
                    ExpiresAt = ended.AddSeconds(-i), ExpiresBecause = ExpiresBecause.Requested,
                }));
                return database.SaveChangesAsync();
            });
        }
    }
}
