using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Keys;
using Activate.Identity.Server.Keys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;
using static Activate.Identity.Server.Tests.Keys.PublicKeySet;

namespace Activate.Identity.Server.Tests.Keys;

/// <summary>Keys are made, published, used and retired, on one node and on two, while everybody goes on.</summary>
public sealed class SigningKeyTests
{
    [Theory]
    [Trait("Case", "J6")]
    [EachDatabase]
    public async Task A_new_key_is_published_at_once_signs_after_ten_minutes_and_retires_a_day_later(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Nodes = 2, FakeClock = true, Database = provider });
        var user = await server.AddUserAsync();
        var first = await server.GetKidsAsync();
        Assert.Equal(2, first.Count);
        Assert.Equal(first[0], KidOf(await server.GrantAsync(user.Id)));

        var added = await RotateAsync(server);
        Assert.Equal(["RS256", "ES256"], added.Select(key => key.Algorithm.Name));
        await RoundAsync(server, 1);
        foreach (var node in (int[])[0, 1])
        {
            var kids = await server.GetKidsAsync(node);
            Assert.Equal(first[0], kids[0]);
            Assert.Equal(first.Concat(added.Select(key => key.Kid)).Order(StringComparer.Ordinal), kids.Order(StringComparer.Ordinal));
        }

        await AdvanceAsync(server, TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.Equal(first[0], KidOf(await server.GrantAsync(user.Id)));
        Assert.All((int[])[0, 1], node => Assert.Equal(first[0], FirstOfOpenIddict(server, node)));
        await AdvanceAsync(server, TimeSpan.FromSeconds(1));
        Assert.Equal(added[0].Kid, KidOf(await server.GrantAsync(user.Id)));
        Assert.All((int[])[0, 1], node => Assert.Equal(added[0].Kid, FirstOfOpenIddict(server, node)));
        Assert.Equal([added[0].Kid, added[0].Kid], [(await server.GetKidsAsync())[0], (await server.GetKidsAsync(1))[0]]);

        // The last token of the old key was issued just now, for 24 hours.
        await AdvanceAsync(server, TimeSpan.FromHours(24) + TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
        Assert.Contains(first[0], await server.GetKidsAsync(1));
        Assert.NotNull(Keys(server).Find(first[0]));
        await AdvanceAsync(server, TimeSpan.FromSeconds(1));
        Assert.Equal(added.Select(key => key.Kid), await server.GetKidsAsync());
        Assert.Equal(added.Select(key => key.Kid), await server.GetKidsAsync(1));
        Assert.Null(Keys(server).Find(first[0]));
        Assert.Null(Keys(server).Find("nonsense"));
        Assert.Equal(4, await SigningRowsAsync(server));
        await AdvanceAsync(server, TimeSpan.FromHours(1));
        Assert.Equal(2, await SigningRowsAsync(server));
        Assert.Equal(added.Select(key => key.Kid), await server.GetKidsAsync(1));
    }

    [Fact]
    public async Task The_same_grant_is_written_with_the_same_key_whatever_was_rotated_since()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        var issued = server.Now;
        var first = Keys(server).Current("RS256", issued);
        await RotateAsync(server);
        await AdvanceAsync(server, TimeSpan.FromHours(23));
        Assert.NotEqual(first.Kid, Keys(server).Current("RS256", server.Now).Kid);
        Assert.Equal(first.Kid, Keys(server).Current("RS256", issued).Kid);
        Assert.Equal("ES256", Keys(server).Current("ES256", issued).Credentials.Algorithm);
        Assert.Throws<InvalidOperationException>(() => Keys(server).Current("none", issued));
    }

    [Theory]
    [Trait("Case", "C6")]
    [EachDatabase]
    public async Task Five_rotations_in_ten_minutes_break_no_token_for_whoever_follows_the_cache_headers(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Nodes = 2, FakeClock = true, Database = provider });
        var user = await server.AddUserAsync();
        var step = TimeSpan.FromSeconds(5);
        var verifiers = new List<CachingVerifier>();
        var tokens = new List<string>();
        var kids = new HashSet<string>();
        var (steps, every) = ((int)(TimeSpan.FromMinutes(30) / step), Tools.FullSize ? 1 : 7);
        for (var i = 0; i < steps; i++)
        {
            // Rotated on either node; the other one reads it only at the end of its five seconds.
            if (i % 24 == 0 && i / 24 < 5)
                await RotateAsync(server, i / 24 % 2);
            // Caches of every age, filled from either node.
            if (i % every == 0 && i < steps / 2)
                verifiers.Add(new CachingVerifier(server, i / every % 2));
            if (i % 6 == 0)
            {
                tokens.Add(await server.GrantAsync(user.Id));
                kids.Add(KidOf(tokens[^1]));
                foreach (var verifier in verifiers)
                    Assert.True(await verifier.VerifiesAsync(tokens[^1]), $"Refused at {server.Now:HH:mm:ss}: {KidOf(tokens[^1])}");
            }

            server.Clock!.Advance(step);
            await RoundAsync(server, 0);
            await RoundAsync(server, 1);
        }

        Assert.Equal(6, kids.Count);
        Assert.All(verifiers, verifier => Assert.InRange(verifier.Fetches, 1, 7));
        // And every token for as long as it lives.
        server.Clock!.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMinutes(30) - step);
        await RoundAsync(server, 0);
        await RoundAsync(server, 1);
        foreach (var token in tokens)
            Assert.True(await verifiers[0].VerifiesAsync(token) && await verifiers[1].VerifiesAsync(token), KidOf(token));
    }

    [Theory]
    [Trait("Case", "F8")]
    [EachDatabase]
    public async Task Two_nodes_that_rotate_at_the_same_moment_make_one_key_of_each_generation(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { Nodes = 2, FakeClock = true, Database = provider });
        var before = server.Logs.Lines.Count;
        var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => RotateAsync(server, i % 2))));
        // Each command has keys of its own.
        Assert.Equal(8, made.SelectMany(keys => keys).Select(key => key.Kid).Distinct().Count());
        var rows = await server.QueryAsync(database => database.ServerKeys.Where(key => key.Use == ServerKeyUse.Signing || key.Use == ServerKeyUse.SigningEs256).ToListAsync());
        foreach (var use in (ServerKeyUse[])[ServerKeyUse.Signing, ServerKeyUse.SigningEs256])
            Assert.Equal(Enumerable.Range(1, 5), rows.Where(row => row.Use == use).Select(row => row.Generation).Order());
        Assert.Equal(4, await EventsAsync(server));
        await RoundAsync(server, 0);
        await RoundAsync(server, 1);
        Assert.Equal(await server.GetKidsAsync(), await server.GetKidsAsync(1));

        // The schedule: both nodes find the keys due.
        server.Clock!.Advance(SigningKeySchedule.Period);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => RoundAsync(server, i % 2))));
        Assert.Equal([6, 6], await server.QueryAsync(database => database.ServerKeys.Where(key => key.Use == ServerKeyUse.Signing || key.Use == ServerKeyUse.SigningEs256)
            .GroupBy(key => key.Use).Select(keys => keys.Max(key => key.Generation)).ToListAsync()));
        Assert.Equal(5, await EventsAsync(server));
        Assert.DoesNotContain(server.Logs.Lines.Skip(before), line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_ninety_days_there_is_a_new_key_without_anybody_asking()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        var first = (await server.GetKidsAsync())[0];
        server.Clock!.Advance(TimeSpan.FromDays(90) - TimeSpan.FromSeconds(10));
        await RoundAsync(server);
        Assert.Equal(2, (await server.GetKidsAsync()).Count);
        // From here on nobody calls anything: the server's own timer does.
        await UntilAsync(server, TimeSpan.FromSeconds(5), async () => (await server.GetKidsAsync()).Count == 4);
        Assert.Equal(first, (await server.GetKidsAsync())[0]);
        var audit = await server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.Type == AuditTypes.SigningKeyRotated));
        Assert.Matches("^RS256 generation 2 signs from 2027-02-22T08:1[0-9:]+Z, ES256 generation 2 signs from .*; on schedule$", audit.Detail);
        Assert.Null(audit.ActorId);
        await UntilAsync(server, TimeSpan.FromMinutes(10), async () => (await server.GetKidsAsync())[0] != first);
        await UntilAsync(server, TimeSpan.FromHours(26), async () => (await server.GetKidsAsync()).Count == 2 && await SigningRowsAsync(server) == 2);
        Assert.Equal(0, server.Logs.Lines.Count(line => line.Contains("were not read again", StringComparison.Ordinal)));
    }

    [Fact]
    [Trait("Case", "F3")]
    [Trait("Nodes", "One")]
    public async Task When_the_keys_cannot_be_read_the_known_ones_go_on_and_the_log_says_it_once()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        var user = await server.AddUserAsync();
        var kids = await server.GetKidsAsync();
        await RotateAsync(server);
        var rows = await server.QueryAsync(database => database.ServerKeys.AsNoTracking().ToListAsync());
        // Another node wrote what this one cannot read; and then everything is gone.
        await server.QueryAsync(database => database.Database.ExecuteSqlRawAsync("ALTER TABLE \"ServerKeys\" RENAME TO \"Gone\""));
        for (var i = 0; i < 5; i++)
        {
            server.Clock!.Advance(TimeSpan.FromMinutes(3));
            await Task.Delay(100);
        }

        // The time went on all the same: the new key signs.
        await Assert.ThrowsAnyAsync<Exception>(() => RoundAsync(server));
        Assert.NotEqual(kids[0], KidOf(await server.GrantAsync(user.Id)));
        Assert.NotEqual(kids[0], (await server.GetKidsAsync())[0]);
        Assert.Equal(4, (await server.GetKidsAsync()).Count);
        Assert.Single(server.Logs.Lines, line => line.Contains("were not read again", StringComparison.Ordinal));
        await server.QueryAsync(database => database.Database.ExecuteSqlRawAsync("ALTER TABLE \"Gone\" RENAME TO \"ServerKeys\""));
        await RoundAsync(server);
        await server.QueryAsync(database => database.ServerKeys.ExecuteDeleteAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(() => RoundAsync(server));
        Assert.Equal(4, (await server.GetKidsAsync()).Count);
        Assert.Equal(6, rows.Count);
    }

    [Fact]
    [Trait("Case", "C3")]
    public async Task Two_nodes_share_one_ring_so_that_each_reads_what_the_other_protected()
    {
        await using var server = await TestServer.StartAsync(new() { Nodes = 2 });
        using var browser = await server.SignInAsync();
        await browser.At(1).GoAsync("/account/profile");
        Assert.Equal((200, "/account/profile"), ((int)browser.Response.StatusCode, browser.Address.AbsolutePath));
        var added = await RotateAsync(server, 1);
        await RoundAsync(server);
        Assert.All(added, key => Assert.Contains(key.Kid, Keys(server).Published(server.Now).Select(known => known.Kid)));
        // Whoever holds the storage holds no private key: neither form of one shows its object id.
        var stored = await server.QueryAsync(database => database.ServerKeys.Select(key => key.Protected).ToListAsync());
        Assert.All(stored, key => Assert.DoesNotContain("2A8648", Convert.ToHexString(Convert.FromBase64String(key)), StringComparison.Ordinal));
    }

    [Fact]
    public async Task There_are_never_more_keys_than_everybody_should_have_to_fetch()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        for (var i = 1; i < SigningKeySchedule.MostKeys; i++)
            await RotateAsync(server);
        Assert.Equal(2 * SigningKeySchedule.MostKeys, (await server.GetKidsAsync()).Count);
        // More than OpenIddict's sorting keeps in order.
        Assert.Equal(Keys(server).Current("RS256", server.Now).Kid, (await server.GetKidsAsync())[0]);
        Assert.False((await Rotation(server).RotateAsync(null, default)).TryGet(out _, out var problem));
        Assert.Equal(("too_many_signing_keys", TimeSpan.FromHours(24) + TimeSpan.FromMinutes(20)), (problem.Code, problem.RetryAfter));
        await AdvanceAsync(server, problem.RetryAfter!.Value);
        await RotateAsync(server);
    }

    [Fact]
    [Trait("Case", "J6")]
    [Trait("Nodes", "One")]
    public async Task Discovery_and_the_key_set_may_be_kept_for_five_minutes_and_nothing_else_may()
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true });
        using var client = server.Client();
        foreach (var path in (string[])[PublicKeySet.Path, "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"])
        {
            var answer = await Answer.FromAsync(await client.GetAsync(new Uri(server.Origin, path)));
            Assert.Equal((200, "public, max-age=300"), (answer.Status, answer.Header("Cache-Control")));
            Assert.Matches("^\"[0-9A-Za-z_-]{22}\"$", answer.Header("ETag"));
            var tag = answer.Header("ETag")!;
            foreach (var (seen, status) in ((string, int)[])[(tag, 304), ($"W/{tag}", 304), ($"\"other\", {tag}", 304), ("*", 304), ("\"other\"", 200), ("nonsense", 200)])
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.TryAddWithoutValidation("If-None-Match", seen);
                var again = await Answer.FromAsync(await client.SendAsync(request));
                Assert.True(again.Status == status, $"{path} {seen}: {again}");
                Assert.Equal(status == 304 ? "" : answer.Body, again.Body);
                Assert.Equal((tag, "public, max-age=300"), (again.Header("ETag"), again.Header("Cache-Control")));
            }

            // A refusal is not kept.
            using var refused = await client.PostAsync(new Uri(server.Origin, path), null);
            Assert.True(refused.Headers.CacheControl!.NoStore);
            using var elsewhere = new HttpRequestMessage(HttpMethod.Get, path);
            elsewhere.Headers.Host = "evil.test";
            using var misled = await client.SendAsync(elsewhere);
            Assert.False(misled.Headers.CacheControl?.Public);
        }

        using var page = await client.GetAsync(new Uri(server.Origin, "/sign-in"));
        Assert.True(page.Headers.CacheControl!.NoStore);
        var before = await server.GetKeySetAsync();
        await RotateAsync(server);
        var after = await server.GetKeySetAsync(ifNoneMatch: before.Header("ETag"));
        Assert.Equal(4, Read(after).Count);
        Assert.NotEqual(before.Header("ETag"), after.Header("ETag"));
        Assert.True(SigningKeySchedule.Lead > TimeSpan.FromSeconds(300) + 2 * SigningKeySchedule.Reread);
    }

    internal static SigningKeys Keys(TestServer server, int node = 0) => server.Services(node).GetRequiredService<SigningKeys>();

    internal static SigningKeyRotation Rotation(TestServer server, int node = 0) => server.Services(node).GetRequiredService<SigningKeyRotation>();

    private static async Task<IReadOnlyList<SigningKey>> RotateAsync(TestServer server, int node = 0)
    {
        Assert.True((await Rotation(server, node).RotateAsync(null, CancellationToken.None)).TryGet(out var added, out var problem), problem?.Detail);
        return added;
    }

    /// <summary>What each node does every five seconds; called, where a test does not want to wait until its timer has.</summary>
    private static Task RoundAsync(TestServer server, int node = 0) => Rotation(server, node).RoundAsync(CancellationToken.None);

    private static async Task AdvanceAsync(TestServer server, TimeSpan time)
    {
        server.Clock!.Advance(time);
        for (var node = 0; node < server.NodeCount; node++)
            await RoundAsync(server, node);
    }

    private static string FirstOfOpenIddict(TestServer server, int node) =>
        server.Services(node).GetRequiredService<IOptionsMonitor<OpenIddictServerOptions>>().CurrentValue.SigningCredentials[0].Kid;

    private static Task<int> SigningRowsAsync(TestServer server) =>
        server.QueryAsync(database => database.ServerKeys.CountAsync(key => key.Use == ServerKeyUse.Signing || key.Use == ServerKeyUse.SigningEs256));

    private static Task<int> EventsAsync(TestServer server) => server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.Type == AuditTypes.SigningKeyRotated));

    /// <summary>Lets time pass, and the server's timer work on its own.</summary>
    private static async Task UntilAsync(TestServer server, TimeSpan time, Func<Task<bool>> done)
    {
        server.Clock!.Advance(time);
        for (var i = 0; i < 100; i++)
        {
            server.Clock.Advance(TimeSpan.FromSeconds(5));
            if (await done())
                return;
            await Task.Delay(50);
        }

        Assert.Fail("The server's timer did not do it.");
    }
}
