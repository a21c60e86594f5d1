using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>A million keys are cut while people go on working, and are found and exported (10,000 without LONG=1, which also measures).</summary>
public class CutUnderLoadTests(ITestOutputHelper output)
{
    private static readonly int s_keys = Tools.FullSize ? 1_000_000 : 10_000;
    private const int People = 2_000;

    [Fact]
    public async Task While_very_many_keys_are_cut_nobody_who_authenticates_is_kept_waiting_and_another_node_feels_it_within_a_second()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Nodes = 2, Database = TestDatabases.OnAServer, Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" },
        });
        var (organization, owner, session) = await server.AddOrganizationAsync();
        var (_, bystander, _) = await server.AddOrganizationAsync();
        await FillAsync(server, organization.Id);
        var (old, young, foreign) = (await AddKeyAsync(server, owner.Id, 100), await AddKeyAsync(server, owner.Id, 1), await AddKeyAsync(server, bystander.Id, 100));
        foreach (var key in (string[])[old, young, foreign])
            Assert.Equal(200, (await server.GetAsync("/api/v1/me", key, node: 1)).Status);

        var usual = await MeasureAsync(server, [young, foreign], () => Task.Delay(Tools.FullSize ? 10_000 : 500, TestContext.Current.CancellationToken));
        var clock = Stopwatch.StartNew();
        var preview = await server.PreviewAsync(session, new { apiKeys = new { maximumDays = 30 } }, query: "?limit=1");
        var (previewed, cut, felt) = (clock.Elapsed, TimeSpan.Zero, TimeSpan.Zero);
        var counted = preview.Json.GetProperty("counts").GetProperty("apiKey").GetInt32();
        // With the two that are asked for.
        Assert.Equal(s_keys + 2, counted);
        var during = await MeasureAsync(server, [young, foreign], async () =>
        {
            clock.Restart();
            Assert.Equal(200, (await server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, "shorten", etag: preview.Header("ETag"))).Status);
            var done = clock.Elapsed;
            Assert.Equal(401, (await server.GetAsync("/api/v1/me", old)).Status);
            while ((await server.GetAsync("/api/v1/me", old, node: 1)).Status != 401)
                Assert.True(clock.Elapsed - done < TimeSpan.FromSeconds(Tools.FullSize ? 1 : 30), "The other node has not felt it.");
            felt = clock.Elapsed - done;
            // Until the last row is rewritten, by whichever node does it.
            while (await server.QueryAsync(database => database.ApiKeys.AnyAsync(k => k.Owner!.OrganizationId == organization.Id && k.ExpiresAt == null)))
                await Task.Delay(200, TestContext.Current.CancellationToken);
            cut = clock.Elapsed;
        });
        var (before, after) = (Worst(usual), Worst(during));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{s_keys} keys, {counted} shortened; preview {previewed.TotalSeconds:F1} s, rows rewritten in {cut.TotalSeconds:F1} s, felt on the other node after {felt.TotalMilliseconds:F0} ms; "
            + $"authentication usually {Describe(usual)}, meanwhile {Describe(during)}"));
        if (Tools.FullSize)
            Assert.True(after - before <= TimeSpan.FromMilliseconds(200), $"{after} instead of {before}");
    }

    [Fact]
    public async Task Among_very_many_credentials_each_page_comes_at_once_and_all_of_them_come_as_a_file()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Database = TestDatabases.OnAServer, Settings = new Dictionary<string, string?> { ["RateLimits:Enabled"] = "false" },
        });
        var (organization, owner, session) = await server.AddOrganizationAsync();
        await FillAsync(server, organization.Id);
        await AddKeyAsync(server, owner.Id, 100);
        const string Path = "/api/v1/organization/credentials";
        foreach (var (query, expected) in new Dictionary<string, int>
        {
            ["?limit=200"] = 200, ["?limit=200&kind=apiKey&state=active"] = 200, ["?limit=200&owner=many77"] = Math.Min(200, s_keys / People),
            [$"?limit=200&lastUsedBefore={server.Now.AddMinutes(-90):yyyy-MM-ddTHH:mm:ssZ}"] = 200,
            ["?limit=200&kind=sshKey"] = 0, [$"?owner={owner.UserName}&kind=apiKey"] = 1,
        })
        {
            var clock = Stopwatch.StartNew();
            var page = await server.GetAsync(Path + query, session);
            Assert.True(page.Status == 200, page.ToString());
            Assert.Equal(expected, page.Json.GetProperty("items").GetArrayLength());
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{s_keys} credentials, {query}: {clock.Elapsed.TotalMilliseconds:F1} ms"));
            if (Tools.FullSize)
                Assert.True(clock.Elapsed < TimeSpan.FromSeconds(1), $"{query}: {clock.Elapsed}");
        }

        // From page to page, also deep within: each begins where the one before ended.
        var (seen, next, watch) = (new HashSet<string>(), "", Stopwatch.StartNew());
        for (var i = 0; i < 25 && next is not null; i++)
        {
            var page = await server.GetAsync($"{Path}?limit=200{next}", session);
            foreach (var item in page.Json.GetProperty("items").EnumerateArray())
                Assert.True(seen.Add(item.GetProperty("id").GetString()!));
            next = page.Json.GetProperty("next").GetString() is { } cursor ? $"&after={Uri.EscapeDataString(cursor)}" : null;
        }

        Assert.Equal(5000, seen.Count);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"25 pages of 200: {watch.Elapsed.TotalMilliseconds:F0} ms"));
        watch.Restart();
        using var client = server.Client();
        client.Timeout = TimeSpan.FromMinutes(10);
        using var request = new HttpRequestMessage(HttpMethod.Get, Path);
        request.Headers.Authorization = new("Bearer", session);
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var first = watch.Elapsed;
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var lines = 0;
        while (await reader.ReadLineAsync() is not null)
            lines++;
        Assert.InRange(lines, s_keys + 1, s_keys + 10);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"all as NDJSON: {lines} lines, begun after {first.TotalMilliseconds:F0} ms, done in {watch.Elapsed.TotalSeconds:F1} s; the process holds {GC.GetTotalMemory(forceFullCollection: true) / 1024 / 1024} MB"));
    }

    private static TimeSpan Worst(IReadOnlyCollection<TimeSpan> times) => times.Max();

    private static string Describe(IReadOnlyCollection<TimeSpan> times)
    {
        TimeSpan[] sorted = [.. times.Order()];
        return string.Create(CultureInfo.InvariantCulture,
            $"{sorted[sorted.Length / 2].TotalMilliseconds:F1} ms, 99 of 100 within {sorted[sorted.Length * 99 / 100].TotalMilliseconds:F1} ms, all {sorted.Length} within {sorted[^1].TotalMilliseconds:F1} ms");
    }

    /// <summary>People who authenticate on both nodes while something goes on, and how long each took.</summary>
    private static async Task<IReadOnlyCollection<TimeSpan>> MeasureAsync(TestServer server, string[] keys, Func<Task> meanwhile)
    {
        var times = new ConcurrentBag<TimeSpan>();
        using var end = new CancellationTokenSource();
        var people = Enumerable.Range(0, 4).Select(async i =>
        {
            using var client = server.Client(i % 2);
            client.DefaultRequestHeaders.Authorization = new("Bearer", keys[i / 2 % keys.Length]);
            while (!end.IsCancellationRequested)
            {
                var clock = Stopwatch.StartNew();
                using var answer = await client.GetAsync("/api/v1/me");
                times.Add(clock.Elapsed);
                Assert.Equal(200, (int)answer.StatusCode);
                await Task.Delay(10);
            }
        }).ToArray();
        try
        {
            await meanwhile();
        }
        finally
        {
            await end.CancelAsync();
        }

        await Task.WhenAll(people);
        return times;
    }

    private static async Task<string> AddKeyAsync(TestServer server, Guid ownerId, int daysAgo)
    {
        var secret = ApiKeySecret.Generate(server.Origin);
        await server.QueryAsync(database =>
        {
            var created = server.Now.AddDays(-daysAgo);
            database.ApiKeys.Add(new ApiKey
            {
                Id = Guid.CreateVersion7(created), OwnerId = ownerId, Name = $"of {daysAgo} days", NormalizedName = $"OF {daysAgo} DAYS", Scopes = "platform", Last4 = secret.Last4, CreatedAt = created,
                ExpiresBecause = ExpiresBecause.Requested, Hashes = { new ApiKeyHash { Hash = secret.Hash() } },
            });
            return database.SaveChangesAsync();
        });
        return secret.Reveal();
    }

    /// <summary>By PostgreSQL itself: a million rows one by one would take longer than all else here.</summary>
    private static Task<int> FillAsync(TestServer server, Guid organizationId) => server.QueryAsync(async database =>
    {
        database.Database.SetCommandTimeout(TimeSpan.FromMinutes(10));
        await database.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "Users" ("Id", "OrganizationId", "Kind", "Role", "IsOperator", "Disabled", "CreatedAt", "UserName", "NormalizedUserName", "EmailConfirmed", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnabled", "AccessFailedCount", "CredentialsVersion")
            SELECT gen_random_uuid(), {organizationId}, 0, 0, false, false, now(), 'many' || n, 'many' || n, false, false, false, false, 0, 0 FROM generate_series(1, {People}) n
            """);
        await database.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "ApiKeys" ("Id", "OwnerId", "Name", "NormalizedName", "Scopes", "Last4", "CreatedAt", "ExpiresBecause", "PolicyVersion")
            SELECT gen_random_uuid(), u."Id", 'key ' || k, 'KEY ' || k, 'platform', '0000', now() - k * interval '1 hour', {(int)ExpiresBecause.Requested}, 0
            FROM "Users" u CROSS JOIN generate_series(1, {s_keys / People}) k WHERE u."OrganizationId" = {organizationId} AND u."UserName" LIKE 'many%'
            """);
        await database.Database.ExecuteSqlAsync($"""INSERT INTO "ApiKeyHashes" ("Hash", "ApiKeyId") SELECT sha256(convert_to(k."Id"::text, 'UTF8')), k."Id" FROM "ApiKeys" k WHERE k."Name" LIKE 'key %'""");
        return await database.Database.ExecuteSqlAsync($"""ANALYZE""");
    });
}
