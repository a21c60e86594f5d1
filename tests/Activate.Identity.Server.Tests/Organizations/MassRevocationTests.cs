using System.Diagnostics;
using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>All that a very large organization has ends at once, and what ended long ago is deleted, while another one works.</summary>
public sealed class MassRevocationTests(ITestOutputHelper output)
{
    [Theory, Trait("Case", "R10")]
    [EachDatabase]
    public async Task While_all_that_thousands_of_people_have_ends_and_very_many_rows_are_deleted_another_organization_goes_on(DatabaseProvider provider)
    {
        var (people, living, old, workers) = Tools.FullSize ? (50_000, 300_000, 700_000, 8) : (100, 1_000, 2_000, 3);
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider, Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" } });
        var sessions = new List<string>();
        for (var i = 0; i < workers; i++)
            sessions.Add((await server.AddPersonAsync()).Session);
        var crowd = (await server.QueryAsync(database => Crowd.AddAsync(database, server.Origin, server.Now, organizations: 1, members: people, credentials: living))).Organizations[0];
        await FillAsync(server, crowd.Members, old);
        var administrator = await server.GrantAsync(crowd.Members[0].Id);
        var keys = crowd.Credentials.Where(credential => credential.Secret is not null && credential.CreatedAt < server.Now.AddDays(-2) && !(credential.ExpiresAt <= server.Now)).Take(50).ToList();
        Assert.NotEmpty(keys);
        foreach (var key in keys)
            Assert.Equal(200, (await server.GetAsync("/api/v1/me", key.Secret)).Status);

        var before = await WorkAsync(server, sessions, Task.Delay(Tools.FullSize ? 20_000 : 500));
        var watch = Stopwatch.StartNew();
        var rewritten = TimeSpan.Zero;
        var revoking = Task.Run(async () =>
        {
            var limits = new { apiKeys = new { maximumDays = 1 }, tokens = new { maximumHours = 1 }, sshKeys = new { maximumDays = 1 } };
            var changed = await server.SetPolicyAsync(administrator, limits, "shorten");
            Assert.True(changed.Status == 200, changed.ToString());
            // From the answer on, whatever the rows say.
            foreach (var key in keys)
                Assert.Equal(401, (await server.GetAsync("/api/v1/me", key.Secret)).Status);
            await Task.WhenAll(RewriteAsync(), server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(CancellationToken.None));
        });
        var during = await WorkAsync(server, sessions, revoking);
        await revoking;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{provider}: {people} people, {living} living credentials ended, {old} rows deleted in {watch.Elapsed.TotalSeconds:F0} s (rows rewritten after {rewritten.TotalSeconds:F0} s)"));
        output.WriteLine($"reads before: {Words(before.Reads)}; during: {Words(during.Reads)}");
        output.WriteLine($"writes before: {Words(before.Writes)}; during: {Words(during.Writes)}");

        Assert.Equal(0, await server.QueryAsync(database => database.TokenGrants.CountAsync(grant => grant.Name == "old")));
        var soon = server.Now.AddDays(1);
        Assert.Equal(0, await server.QueryAsync(database => database.ApiKeys.CountAsync(key => key.Owner!.OrganizationId == crowd.Organization.Id && (key.ExpiresAt == null || key.ExpiresAt > soon))));
        if (!Tools.FullSize)
            return;
        Assert.True(Of(during.Reads, 99) < 2 * Of(before.Reads, 99) + 20, "Reads.");
        Assert.True(Of(during.Writes, 99) < 2 * Of(before.Writes, 99) + 20, "Writes.");

        async Task RewriteAsync()
        {
            await server.RewriteCutsAsync();
            rewritten = watch.Elapsed;
        }
    }

    private static double Of(List<double> sorted, int percent) => sorted[Math.Min(sorted.Count - 1, sorted.Count * percent / 100)];

    private static string Words(List<double> sorted) =>
        string.Create(CultureInfo.InvariantCulture, $"{sorted.Count}, median {Of(sorted, 50):F1} ms, p99 {Of(sorted, 99):F0} ms, longest {sorted[^1]:F0} ms");

    /// <summary>Each worker uses a key, makes one and deletes it, and rests a little, until something is over, but five times at least. Milliseconds, sorted.</summary>
    private static async Task<(List<double> Reads, List<double> Writes)> WorkAsync(TestServer server, List<string> sessions, Task until)
    {
        var all = await Task.WhenAll(sessions.Select(session => Task.Run(async () =>
        {
            var (reads, writes) = (new List<double>(), new List<double>());
            for (var i = 0; i < 5 || !until.IsCompleted; i++)
            {
                var watch = Stopwatch.StartNew();
                var made = await server.PostAsync(ApiCalls.KeysPath, session, new { name = "mine" });
                writes.Add(watch.Elapsed.TotalMilliseconds);
                Assert.True(made.Status == 201, made.ToString());
                for (var read = 0; read < 3; read++)
                {
                    watch.Restart();
                    Assert.Equal(200, (await server.GetAsync("/api/v1/me", made.Text("key"))).Status);
                    reads.Add(watch.Elapsed.TotalMilliseconds);
                }

                watch.Restart();
                Assert.Equal(204, (await server.DeleteAsync($"{ApiCalls.KeysPath}/{made.Text("id")}", session)).Status);
                writes.Add(watch.Elapsed.TotalMilliseconds);
                await Task.Delay(Random.Shared.Next(50, 250));
            }

            return (reads, writes);
        })));
        return ([.. all.SelectMany(one => one.reads).Order()], [.. all.SelectMany(one => one.writes).Order()]);
    }

    /// <summary>Sessions that ended long ago, and are no longer listed.</summary>
    private static async Task FillAsync(TestServer server, List<Data.Accounts.User> owners, int rows)
    {
        var ended = server.Now - CredentialNames.ListedAfterExpiry - TimeSpan.FromDays(1);
        foreach (var chunk in Enumerable.Range(0, rows).Chunk(10_000))
        {
            await server.QueryAsync(database =>
            {
                database.ChangeTracker.AutoDetectChangesEnabled = false;
                database.AddRange(chunk.Select(i => new TokenGrant
                {
                    Id = Guid.CreateVersion7(ended), Kind = CredentialKind.Session, OwnerId = owners[i % owners.Count].Id, ClientId = TestServer.Cli, Name = "old", Scopes = "platform",
                    CreatedAt = ended.AddDays(-1), ExpiresAt = ended.AddSeconds(-i), ExpiresBecause = ExpiresBecause.Requested,
                }));
                return database.SaveChangesAsync();
            });
        }
    }
}
