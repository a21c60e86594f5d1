using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Server.Tests.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>What a stricter policy does to credentials that exist.</summary>
[Trait("Database", "Differs")]
public class CutTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Me = "/api/v1/me";
    private static readonly string[] s_lists = ["/api/v1/api-keys", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/ssh-keys"];

    private readonly TestServer _server = fixture.Server;

    [Theory]
    [Trait("Case", "O5")]
    [InlineData(0)]
    [InlineData(7)]
    public async Task The_preview_names_exactly_what_shorten_then_changes(int graceDays)
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (member, memberSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var members = new[] { (owner.UserName!, await _server.GrantAsync(owner.Id)), (member.UserName!, memberSession) };
        foreach (var (_, credential) in members)
        {
            foreach (var days in (int?[])[null, 5, 25, 35, 90])
                await _server.CreateApiKeyAsync(credential, $"{days}", new { name = $"key {days}", expiresInDays = days });
            await AddSshKeyAsync(credential, "endless", null);
            await AddSshKeyAsync(credential, "short", 3);
        }

        // Time passes, so that some are older than the maximum and some are not.
        _server.Clock!.Advance(TimeSpan.FromDays(20));
        session = await _server.GrantAsync(owner.Id);
        memberSession = await _server.GrantAsync(member.Id);
        members = [(owner.UserName!, session), (member.UserName!, memberSession)];
        foreach (var (_, credential) in members)
        {
            await _server.CreateApiKeyAsync(credential, "young", new { name = "young", expiresInDays = 90 });
            await _server.PostAsync("/api/v1/tokens", credential, new { expiresInHours = 20 });
            await _server.PostAsync("/api/v1/tokens", credential, new { expiresInHours = 2 });
        }

        var policy = new { apiKeys = new { maximumDays = 12 }, tokens = new { maximumHours = 6 }, sshKeys = new { maximumDays = 22 } };
        var before = await EndsAsync(members);
        var preview = await _server.PreviewAsync(session, policy, graceDays: graceDays, query: "?limit=200");
        Assert.Equal(200, preview.Status);
        Assert.Equal(before, await EndsAsync(members));
        Assert.Equal(0, (await _server.PreviewAsync(session, policy, "keep", graceDays)).Json.GetProperty("affected").GetArrayLength());

        Assert.Equal(200, (await _server.SetPolicyAsync(session, policy, "shorten", graceDays, preview.Header("ETag"))).Status);
        foreach (var rewritten in (bool[])[false, true])
        {
            if (rewritten)
                await _server.RewriteCutsAsync();
            // Sessions of more than 6 hours ended by the cut keep working until it; they read the lists themselves.
            var after = await EndsAsync(members);
            var changed = before.Where(pair => after[pair.Key].Ends != pair.Value.Ends).ToDictionary(pair => pair.Key, pair => (pair.Value.Ends, after[pair.Key].Ends));
            var foretold = preview.Json.GetProperty("affected").EnumerateArray().ToDictionary(
                item => item.GetProperty("id").GetString()!, item => (item.Time("expiresAt"), item.Time("wouldExpireAt")));
            Assert.Equal(foretold.OrderBy(pair => pair.Key), changed.OrderBy(pair => pair.Key));
            Assert.All(changed, pair => Assert.Equal("policy", after[pair.Key].Because));
            Assert.All(changed.Values, pair => Assert.True(pair.Item1 is null || pair.Item2 < pair.Item1));
        }

        var counts = preview.Json.GetProperty("counts");
        Assert.Equal(preview.Json.GetProperty("affected").GetArrayLength(), counts.EnumerateObject().Sum(count => count.Value.GetInt32()));
        Assert.Equal(["apiKey", "token", "session", "sshKey"], counts.EnumerateObject().Select(count => count.Name));
        // Of each: endless, 25 (5 days left), 35, 90 and the young key; with a week of grace the one with 5 days left is left alone.
        Assert.Equal(graceDays == 0 ? 10 : 8, counts.GetProperty("apiKey").GetInt32());
        Assert.Equal(graceDays == 0 ? (2, 2, 2) : (0, 0, 2), (counts.GetProperty("token").GetInt32(), counts.GetProperty("session").GetInt32(), counts.GetProperty("sshKey").GetInt32()));
        Assert.Contains(member.UserName!, preview.Json.GetProperty("affected").EnumerateArray().Select(item => item.GetProperty("owner").GetString()));
    }

    [Fact]
    [Trait("Case", "O5")]
    public async Task A_cut_counts_for_every_check_before_any_row_is_rewritten()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var key = await _server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        var young = await _server.CreateApiKeyAsync(session, "young", new { name = "young", expiresInDays = 1 });
        var ssh = await AddSshKeyAsync(session, "laptop", null);
        var token = (await _server.PostAsync("/api/v1/tokens", session, new { expiresInHours = 24 })).Text("token");
        var cluster = (await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "c", address = "c.example.test" })).Text("key");
        _server.Clock!.Advance(TimeSpan.FromHours(3));
        foreach (var credential in (string[])[key.Key, token])
            Assert.Equal(200, (await _server.GetAsync(Me, credential)).Status);
        Assert.Equal(1, (await KeysAsync(cluster, owner.UserName!)).GetArrayLength());

        // The row alone, as another node would have committed it: nobody here is told, and nothing is rewritten.
        await _server.QueryAsync(async database =>
        {
            var now = _server.Now.AddTicks(-(_server.Now.Ticks % TimeSpan.TicksPerSecond));
            await database.Organizations.Where(o => o.Id == organization.Id).ExecuteUpdateAsync(set => set.SetProperty(o => o.PolicyVersion, 2));
            database.PolicyCuts.AddRange(
                new PolicyCut { OrganizationId = organization.Id, Version = 1, At = now, GraceEndsAt = now.AddHours(2), ApiKeyMaximumDays = 1, TokenMaximumHours = 1, SshKeyMaximumDays = 1 },
                new PolicyCut { OrganizationId = organization.Id, Version = 2, At = now, GraceEndsAt = now.AddHours(1), TokenMaximumHours = 1, ClaimedUntil = now.AddYears(1) });
            return await database.SaveChangesAsync();
        });
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        var sessionEnd = _server.Now;
        // Both cuts count: the token ends by the stricter one, in an hour; the keys in 21 hours.
        Assert.Equal(TimeSpan.FromHours(1), (await _server.GetAsync(Me, token)).Json.GetProperty("credential").Time("expiresAt")!.Value - Seconds(sessionEnd.AddSeconds(-1)));
        Assert.Equal("policy", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("expiresBecause"));
        Assert.Equal((await _server.GetAsync(Me, key.Key)).Json.GetProperty("credential").Time("expiresAt"), (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Json.Time("expiresAt"));
        Assert.Equal("requested", (await _server.GetAsync($"{KeysPath}/{young.Id}", session)).Text("expiresBecause"));
        Assert.Equal("policy", (await _server.GetAsync($"/api/v1/ssh-keys/{ssh}", session)).Text("expiresBecause"));
        Assert.NotNull((await KeysAsync(cluster, owner.UserName!))[0].Time("expiresAt"));

        // Introspection says the end that counts, though the token has another written in it.
        await _server.RegisterApplicationAsync("cut-rs", "secret-of-the-resource-server", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/api");
        var active = await _server.IntrospectAsync("cut-rs", "secret-of-the-resource-server", token);
        Assert.Equal((await _server.GetAsync(Me, token)).Json.GetProperty("credential").Time("expiresAt"), DateTimeOffset.FromUnixTimeSeconds(active.Json.GetProperty("exp").GetInt64()).UtcDateTime);

        _server.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync("cut-rs", "secret-of-the-resource-server", token)).Body);
        (await _server.GetAsync(Me, token)).AssertProblem(401);
        (await _server.GetAsync(Me, session)).AssertProblem(401);
        Assert.Equal(200, (await _server.GetAsync(Me, key.Key)).Status);
        _server.Clock.Advance(TimeSpan.FromHours(20));
        (await _server.GetAsync(Me, key.Key)).AssertProblem(401);
        (await _server.GetAsync(Me, cluster)).AssertProblem(401);
        session = await _server.GrantAsync(owner.Id);
        (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { })).AssertProblem(409, "key_expired");
        Assert.Equal("expired", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("state"));
        Assert.Equal("expired", (await _server.GetAsync($"/api/v1/ssh-keys/{ssh}", session)).Text("state"));
    }

    [Fact]
    [Trait("Case", "O5")]
    public async Task Loosening_revives_and_lengthens_nothing_and_what_is_made_afterwards_is_free()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var dead = await _server.CreateApiKeyAsync(session, "dead", new { name = "dead", expiresInDays = (int?)null });
        _server.Clock!.Advance(TimeSpan.FromDays(2));
        session = await _server.GrantAsync(owner.Id);
        var shortened = await _server.CreateApiKeyAsync(session, "shortened", new { name = "shortened", expiresInDays = (int?)null });

        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 1 } }, "shorten")).Status);
        (await _server.GetAsync(Me, dead.Key)).AssertProblem(401);
        var end = (await _server.GetAsync($"{KeysPath}/{shortened.Id}", session)).Json.Time("expiresAt");
        Assert.NotNull(end);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = (int?)null } }, "shorten")).Status);
        var free = await _server.CreateApiKeyAsync(session, "free", new { name = "free", expiresInDays = (int?)null });

        for (var round = 0; round < 3; round++)
        {
            (await _server.GetAsync(Me, dead.Key)).AssertProblem(401);
            Assert.Equal(end, (await _server.GetAsync($"{KeysPath}/{shortened.Id}", session)).Json.Time("expiresAt"));
            Assert.Null((await _server.GetAsync($"{KeysPath}/{free.Id}", session)).Json.Time("expiresAt"));
            await _server.RewriteCutsAsync();
            _server.Clock.Advance(TimeSpan.FromMinutes(3));
        }
    }

    [Fact]
    public async Task A_round_that_stalls_until_its_claim_has_run_out_does_not_undo_what_another_has_finished()
    {
        var stall = new StalledCommand("FROM \"ApiKeys\"");
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true, Customize = stall.AddTo });
        var (organization, _, session) = await server.AddOrganizationAsync();
        await server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        await server.QueryAsync(async database =>
        {
            database.PolicyCuts.Add(new PolicyCut { OrganizationId = organization.Id, Version = 1, At = server.Now, GraceEndsAt = server.Now, ApiKeyMaximumDays = 30 });
            return await database.SaveChangesAsync();
        });
        stall.On = true;
        var stalled = server.Services().GetRequiredService<CutRewriter>().RewriteAsync(CancellationToken.None);
        await stall.Reached;
        server.Clock!.Advance(TimeSpan.FromMinutes(3));
        await server.RewriteCutsAsync();
        Assert.NotNull(await DoneAsync());
        stall.Release();
        await stalled;
        Assert.NotNull(await DoneAsync());

        Task<DateTime?> DoneAsync() => server.QueryAsync(database => database.PolicyCuts.Where(cut => cut.OrganizationId == organization.Id).Select(cut => cut.DoneAt).SingleAsync());
    }

    [Fact]
    public async Task When_the_rows_are_rewritten_the_cut_is_history_and_nothing_changes_for_anybody()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var ids = new List<string>();
        for (var i = 0; i < 12; i++)
            ids.Add((await _server.CreateApiKeyAsync(session, $"k{i}", new { name = $"k{i}", expiresInDays = i % 2 == 0 ? (int?)null : 5 + (10 * i) })).Id);
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, "shorten")).Status);
        var cut = await EndsAsync([("", session)]);
        await _server.RewriteCutsAsync();
        // A credential decided before the cut may be stored after it, so the cut stays for a while.
        Assert.Equal([null], await DoneAsync());
        _server.Clock!.Advance(TimeSpan.FromMinutes(2));
        await _server.RewriteCutsAsync();
        Assert.Equal([Seconds(_server.Now)], (await DoneAsync()).Select(done => Seconds(done!.Value)));
        Assert.Equal(cut, await EndsAsync([("", session)]));
        var stored = await _server.QueryAsync(database => database.ApiKeys.Where(k => k.Owner!.OrganizationId == organization.Id).ToDictionaryAsync(k => k.Id.ToString(), k => k.ExpiresAt));
        Assert.All(ids, id => Assert.Equal(cut[id].Ends, stored[id]));

        // And a day later it is not even that.
        _server.Clock.Advance(TimeSpan.FromHours(23));
        await _server.RewriteCutsAsync();
        Assert.Single(await DoneAsync());
        _server.Clock.Advance(TimeSpan.FromHours(1));
        await _server.RewriteCutsAsync();
        Assert.Empty(await DoneAsync());

        Task<List<DateTime?>> DoneAsync() => _server.QueryAsync(database => database.PolicyCuts.Where(c => c.OrganizationId == organization.Id).Select(c => c.DoneAt).ToListAsync());
    }

    [Theory]
    [InlineData(null)]
    [InlineData(90)]
    public async Task Without_a_choice_the_cut_and_its_preview_are_at_the_default(int? maximum)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var endless = await _server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        var between = await _server.CreateApiKeyAsync(session, "between", new { name = "between", expiresInDays = 60 });
        var ssh = await AddSshKeyAsync(session, "laptop", null);
        var token = (await _server.PostAsync("/api/v1/tokens", session, new { expiresInHours = 24 })).Text("id");
        var none = new { userChoice = false, maximumDays = maximum, defaultDays = 7 };
        var policy = new { apiKeys = none, sshKeys = none, tokens = new { userChoice = false, defaultHours = 2 } };
        var preview = await _server.PreviewAsync(session, policy);
        var foretold = preview.Json.GetProperty("affected").EnumerateArray().ToDictionary(item => item.GetProperty("id").GetString()!, item => item.Time("wouldExpireAt"));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, policy, "shorten", etag: preview.Header("ETag"))).Status);
        var ends = await EndsAsync([("", session)]);
        Assert.All((string[])[endless.Id, between.Id, ssh], id => Assert.Equal(Seconds(_server.Now).AddDays(7), ends[id].Ends));
        Assert.Equal(Seconds(_server.Now).AddHours(2), ends[token].Ends);
        Assert.All((string[])[endless.Id, between.Id, ssh, token], id => Assert.Equal(foretold[id], ends[id].Ends));
    }

    [Fact]
    public async Task A_cut_that_is_repeated_or_made_stricter_takes_the_place_of_the_one_before()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var dead = await _server.CreateApiKeyAsync(session, "dead", new { name = "dead", expiresInDays = (int?)null });
        _server.Clock!.Advance(TimeSpan.FromDays(20));
        session = await _server.GrantAsync(owner.Id);
        var young = await _server.CreateApiKeyAsync(session, "young", new { name = "young", expiresInDays = (int?)null });
        Assert.Equal(200, (await CutAsync(15)).Status);
        var end = (await EndsAsync([("", session)]))[dead.Id].Ends;
        for (var i = 0; i < 8; i++)
        {
            _server.Clock.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal(200, (await CutAsync(15 - (i / 4))).Status);
            Assert.Equal(1, await PendingAsync());
        }

        // What the first one ended has ended then, and not anew with each.
        var ends = await EndsAsync([("", session)]);
        Assert.Equal((end, Seconds(_server.Now).AddSeconds(-40).AddDays(14)), (ends[dead.Id].Ends, ends[young.Id].Ends));
        (await _server.GetAsync(Me, dead.Key)).AssertProblem(401);

        // A looser one counts for what was made in between, and so does one whose grace ends later: they stand beside it.
        Assert.Equal(200, (await CutAsync(16)).Status);
        Assert.Equal(200, (await CutAsync(14, graceDays: 3)).Status);
        Assert.Equal(3, await PendingAsync());
        Assert.Equal(ends, await EndsAsync([("", session)]));
        // One without a grace is stricter than all of them.
        Assert.Equal(200, (await CutAsync(14)).Status);
        Assert.Equal(1, await PendingAsync());
        Assert.Equal(ends, await EndsAsync([("", session)]));

        Task<Answer> CutAsync(int days, int graceDays = 0) => _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = days } }, "shorten", graceDays);
        Task<int> PendingAsync() => _server.QueryAsync(database => database.PolicyCuts.CountAsync(c => c.OrganizationId == organization.Id && c.DoneAt == null));
    }

    [Fact]
    public async Task What_was_decided_before_a_cut_and_stored_after_it_is_cut_all_the_same()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var key = await _server.CreateApiKeyAsync(session, "late", new { name = "late", expiresInDays = (int?)null });
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 1 } }, "shorten")).Status);
        // The creation that lost the race: its time is after the cut's, its decision before.
        await _server.QueryAsync(database => database.ApiKeys.Where(k => k.Id == Guid.Parse(key.Id))
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, (DateTime?)null).SetProperty(k => k.CreatedAt, _server.Now.AddSeconds(5))));
        Assert.NotNull((await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Json.Time("expiresAt"));
        Assert.NotNull((await _server.GetAsync(Me, key.Key)).Json.GetProperty("credential").Time("expiresAt"));
    }

    [Theory]
    [Trait("Case", "O5")]
    [EachDatabase]
    public async Task Both_nodes_agree_within_a_second(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var endless = await server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        var bound = await server.CreateApiKeyAsync(session, "bound", new { name = "bound", expiresInDays = (int?)null });
        await server.QueryAsync(database => database.ApiKeys.Where(k => k.Id == Guid.Parse(endless.Id)).ExecuteUpdateAsync(set => set.SetProperty(k => k.CreatedAt, k => k.CreatedAt.AddDays(-40))));
        foreach (var node in (int[])[0, 1, 0, 1])
            Assert.Equal(200, (await server.GetAsync(Me, endless.Key, node)).Status);
        Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "before", expiresInDays = 90 }, node: 1)).Status);

        Assert.Equal(200, (await server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, "shorten")).Status);
        (await server.GetAsync(Me, endless.Key)).AssertProblem(401);
        (await server.PostAsync(KeysPath, session, new { name = "x", expiresInDays = 90 })).AssertProblem(403, "expiration_beyond_maximum");
        await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        (await server.GetAsync(Me, endless.Key, node: 1)).AssertProblem(401);
        (await server.PostAsync(KeysPath, session, new { name = "x", expiresInDays = 90 }, node: 1)).AssertProblem(403, "expiration_beyond_maximum");
        Assert.Equal((await server.GetAsync(Me, bound.Key)).Json.GetProperty("credential").Time("expiresAt"), (await server.GetAsync(Me, bound.Key, node: 1)).Json.GetProperty("credential").Time("expiresAt"));
        Assert.Equal(await EndsAsync(server, [("", session)], 0), await EndsAsync(server, [("", session)], 1));
        Assert.Equal("\"1\"", (await server.GetAsync(PolicyCalls.PolicyPath, session, node: 1)).Header("ETag"));
    }

    [Fact]
    public async Task A_long_preview_comes_in_pages_that_miss_and_repeat_nobody()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        for (var i = 0; i < 7; i++)
            await _server.CreateApiKeyAsync(session, $"k{i}", new { name = $"k{i}", expiresInDays = (int?)null });
        for (var i = 0; i < 4; i++)
            await AddSshKeyAsync(session, $"s{i}", null);
        var policy = new { apiKeys = new { maximumDays = 30 }, sshKeys = new { maximumDays = 30 } };
        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = await _server.PreviewAsync(session, policy, query: $"?limit=3{(next is null ? "" : $"&after={next}")}");
            Assert.Equal((7, 4), (page.Json.GetProperty("counts").GetProperty("apiKey").GetInt32(), page.Json.GetProperty("counts").GetProperty("sshKey").GetInt32()));
            seen.AddRange(page.Json.GetProperty("affected").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            next = page.Json.GetProperty("next").GetString();
        }
        while (next is not null);
        Assert.Equal((11, 11), (seen.Count, seen.Distinct().Count()));
    }

    private async Task<string> AddSshKeyAsync(string session, string name, int? days) =>
        (await _server.PostAsync("/api/v1/ssh-keys", session, new { name, publicKey = SshTestKeys.Ed25519(), expiresInDays = days })).Text("id");

    private async Task<JsonElement> KeysAsync(string cluster, string username) => (await _server.GetAsync($"/api/v1/authorized-keys/{username}", cluster)).Json.GetProperty("keys");

    private Task<Dictionary<string, (DateTime? Ends, string Because)>> EndsAsync(IEnumerable<(string Name, string Session)> members) => EndsAsync(_server, members, 0);

    /// <summary>The end of every credential that people see in their lists.</summary>
    private static async Task<Dictionary<string, (DateTime? Ends, string Because)>> EndsAsync(TestServer server, IEnumerable<(string Name, string Session)> members, int node)
    {
        var ends = new Dictionary<string, (DateTime?, string)>();
        foreach (var (_, session) in members)
        {
            foreach (var list in s_lists)
            {
                foreach (var item in (await server.GetAsync($"{list}?limit=200", session, node)).Json.GetProperty("items").EnumerateArray())
                    ends[item.GetProperty("id").GetString()!] = (item.Time("expiresAt"), item.GetProperty("expiresBecause").GetString()!);
            }
        }

        return ends;
    }

    private static DateTime Seconds(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerSecond));
}
