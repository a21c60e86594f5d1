using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.ApiKeys;

[Trait("Database", "Differs")]
public class ApiKeyTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly Testing.TestServer _server = fixture.Server;

    [Fact]
    [Trait("Case", "K3")]
    public async Task Creating_answers_201_with_the_key_its_address_and_all_members_of_the_contract()
    {
        var (user, session) = await _server.AddPersonAsync();
        var answer = await _server.PostAsync(KeysPath, session, new { name = " nightly ", expiresInDays = 7, scopes = new[] { "credentials:read", "platform", "platform" } });
        Assert.Equal(201, answer.Status);
        Assert.Equal($"{KeysPath}/{answer.Text("id")}", answer.Response.Headers.Location?.ToString());
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var key = answer.Text("key");
        Assert.Matches($"^{ApiKeySecret.Pattern}$", key);
        Assert.True(ApiKeySecret.IsWellFormed(key));
        Assert.True(ApiKeySecret.TryGetOrigin(key, out var origin));
        Assert.Equal(_server.Origin, origin);
        Assert.Equal(["allowedAddresses", "createdAt", "expiresAt", "expiresBecause", "id", "key", "last4", "lastUsedAt", "lastUsedFrom", "name", "scopes", "state"],
            answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal("nightly", answer.Text("name"));
        Assert.Equal(key[^4..], answer.Text("last4"));
        Assert.Equal(["credentials:read", "platform"], answer.Json.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()));
        Assert.Equal("requested", answer.Text("expiresBecause"));
        Assert.Equal(TimeSpan.FromDays(7), answer.Json.GetProperty("expiresAt").GetDateTime() - answer.Json.GetProperty("createdAt").GetDateTime());
        Assert.EndsWith("Z", answer.Text("createdAt"), StringComparison.Ordinal);
        Assert.Equal("active", answer.Text("state"));
        Assert.Equal(7, Guid.Parse(answer.Text("id")).Version);
        var e = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.ActorId == user.Id && e.Type == AuditTypes.ApiKeyCreated));
        Assert.Equal((Guid.Parse(answer.Text("id")), "127.0.0.1", user.OrganizationId), (e.SubjectId!.Value, e.Address, e.OrganizationId!.Value));
    }

    [Fact]
    [Trait("Case", "K8")]
    public async Task An_absent_lifetime_is_the_default_and_null_is_none()
    {
        var (_, session) = await _server.AddPersonAsync();
        var absent = await _server.PostAsync(KeysPath, session, new { name = "absent" });
        Assert.Equal(("default", 30), (absent.Text("expiresBecause"), (absent.Json.GetProperty("expiresAt").GetDateTime() - absent.Json.GetProperty("createdAt").GetDateTime()).Days));
        var none = await _server.PostAsync(KeysPath, session, new { name = "none", expiresInDays = (int?)null });
        Assert.Equal(("requested", JsonValueKind.Null), (none.Text("expiresBecause"), none.Json.GetProperty("expiresAt").ValueKind));
        Assert.Equal(["platform", "credentials:read"], none.Json.GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString()));
    }

    [Fact]
    [Trait("Case", "K1")]
    public async Task Nobody_makes_a_key_for_somebody_else_or_without_signing_in()
    {
        var (victim, _) = await _server.AddPersonAsync();
        var (_, session) = await _server.AddPersonAsync(Role.Admin);
        foreach (var member in (string[])["userId", "ownerId", "owner", "username", "user_id", "OwnerId"])
        {
            (await _server.PostAsync(KeysPath, session, new Dictionary<string, object> { ["name"] = "x", [member] = victim.Id })).AssertProblem(400, "unknown_field", member);
            (await _server.PostAsync(KeysPath, null, new Dictionary<string, object> { ["name"] = "x", [member] = victim.Id })).AssertProblem(401, "credential_required");
        }

        (await _server.PostAsync(KeysPath, null, new { name = "x" })).AssertProblem(401, "credential_required");
        Assert.Equal(0, await _server.QueryAsync(database => database.ApiKeys.CountAsync(key => key.OwnerId == victim.Id)));
    }

    [Fact]
    [Trait("Case", "K6")]
    [Trait("Case", "K7")]
    public async Task The_secret_is_shown_once_and_no_other_answer_holds_it_or_its_hash()
    {
        var (_, session) = await _server.AddPersonAsync();
        var created = await _server.CreateApiKeyAsync(session, "once");
        var rotated = await _server.PostAsync($"{KeysPath}/{created.Id}/rotate", session, new { overlapHours = 24 });
        var token = await _server.PostAsync("/api/v1/tokens", session, new { name = "t" });
        string[] secrets = [created.Key, rotated.Text("key"), token.Text("token")];
        foreach (var path in (string[])[KeysPath, $"{KeysPath}?limit=200", $"{KeysPath}/{created.Id}", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/me", "/api/auth/session", "/api/v1/expiration-choices"])
        {
            foreach (var bearer in (string[])[session, created.Key, rotated.Text("key"), token.Text("token")])
            {
                var answer = await _server.GetAsync(path, bearer);
                Assert.Equal(200, answer.Status);
                foreach (var secret in secrets)
                {
                    Assert.DoesNotContain(secret[^49..^6], answer.Body, StringComparison.Ordinal);
                    Assert.DoesNotContain(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(secret))), answer.Body, StringComparison.OrdinalIgnoreCase);
                }

                Assert.DoesNotContain("hash", answer.Body, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain("\"key\"", answer.Body, StringComparison.Ordinal);
                Assert.DoesNotContain("\"token\"", answer.Body.Replace("\"kind\":\"token\"", "", StringComparison.Ordinal).Replace("\"token\":{\"userChoice\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
            }
        }

        var renamed = await _server.PatchAsync($"{KeysPath}/{created.Id}", session, new { name = "renamed" });
        Assert.False(renamed.Has("key"));
    }

    [Fact]
    [Trait("Case", "K5")]
    public async Task Near_misses_of_a_key_are_refused_even_with_a_right_checksum()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "near")).Key;
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key)).Status);
        var secret = key[^49..^6];
        for (var i = 0; i < secret.Length; i++)
        {
            var near = ApiKeySecret.From(_server.Origin, secret[..i] + (secret[i] == 'a' ? 'b' : 'a') + secret[(i + 1)..]).Reveal();
            (await _server.GetAsync("/api/v1/me", near)).AssertProblem(401, "invalid_credential");
        }

        // The right secret under another platform, case or length.
        foreach (var near in (string[])[ApiKeySecret.From(new Uri("https://elsewhere.test"), secret).Reveal(), key[..^1], key[..^7], key + "0", key.ToUpperInvariant(), "pwt_" + key, key[4..], key[..^1] + (key[^1] == 'a' ? 'b' : 'a')])
            (await _server.GetAsync("/api/v1/me", near)).AssertProblem(401, "invalid_credential");
    }

    [Fact]
    public async Task Lists_come_newest_first_in_pages_that_neither_repeat_nor_skip()
    {
        var (_, session) = await _server.AddPersonAsync();
        var made = new List<string>();
        for (var i = 0; i < 7; i++)
        {
            made.Insert(0, (await _server.CreateApiKeyAsync(session, $"key {i}")).Id);
            _server.Clock!.Advance(TimeSpan.FromMilliseconds(20));
        }

        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = await _server.GetAsync($"{KeysPath}?limit=3{(next is null ? "" : $"&after={next}")}", session);
            Assert.InRange(page.Items(), 1, 3);
            seen.AddRange(page.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
            next = page.Json.GetProperty("next").GetString();
        }
        while (next is not null);
        Assert.Equal(made, seen);
        Assert.Equal(7, (await _server.GetAsync(KeysPath, session)).Items());
    }

    [Theory]
    [Trait("Case", "B5")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("limit=2147483648", "limit")]
    [InlineData("limit=9223372036854775808", "limit")]
    [InlineData("limit=1e400", "limit")]
    [InlineData("limit=%201", "limit")]
    [InlineData("limit=1%20", "limit")]
    [InlineData("limit=%D9%A1%D9%A2", "limit")]
    [InlineData("limit=true", "limit")]
    [InlineData("limit=[]", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("limit=5&limit=6", "limit")]
    [InlineData("after=", "after")]
    [InlineData("after=x", "after")]
    [InlineData("after=%00", "after")]
    [InlineData("after=01993c3e-0000-7000-8000-000000000000", "after")]
    [InlineData("after=AAAAAAAAAAAAAAAAAAAAAB", "after")]
    [InlineData("after=AAAA%0AAAAAAAAAAAAAAAAAAAA", "after")]
    [InlineData("after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "after")]
    [InlineData("after=%ED%A0%80AAAAAAAAAAAAAAAAAAA", "after")]
    public async Task A_page_that_cannot_be_is_refused_with_its_parameter(string query, string field)
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var path in (string[])[KeysPath, "/api/v1/tokens", "/api/v1/sessions"])
            (await _server.GetAsync($"{path}?{query}", session)).AssertProblem(400, field == "limit" ? "limit_invalid" : "cursor_invalid", field);
    }

    [Fact]
    public async Task A_cursor_of_somebody_else_shows_nothing_of_theirs()
    {
        var (_, other) = await _server.AddPersonAsync();
        for (var i = 0; i < 3; i++)
            await _server.CreateApiKeyAsync(other, $"key {i}");
        var cursor = (await _server.GetAsync($"{KeysPath}?limit=1", other)).Text("next");
        var (_, session) = await _server.AddPersonAsync();
        Assert.Equal(0, (await _server.GetAsync($"{KeysPath}?after={cursor}", session)).Items());
    }

    [Fact]
    public async Task A_name_can_be_changed_and_is_unique_without_case_or_width()
    {
        var (_, session) = await _server.AddPersonAsync();
        var first = await _server.CreateApiKeyAsync(session, "Nightly");
        var second = await _server.CreateApiKeyAsync(session, "weekly");
        foreach (var same in (string[])["Nightly", "NIGHTLY", " nightly ", "ｎｉｇｈｔｌｙ"])
        {
            (await _server.PatchAsync($"{KeysPath}/{second.Id}", session, new { name = same })).AssertProblem(409, "name_taken", "name");
            (await _server.PostAsync(KeysPath, session, new { name = same })).AssertProblem(409, "name_taken", "name");
        }

        Assert.Equal("NIGHTLY", (await _server.PatchAsync($"{KeysPath}/{first.Id}", session, new { name = "NIGHTLY" })).Text("name"));
        Assert.Equal("hourly", (await _server.PatchAsync($"{KeysPath}/{second.Id}", session, new { name = "hourly" })).Text("name"));
        Assert.Equal("hourly", (await _server.GetAsync("/api/v1/me", second.Key)).Json.GetProperty("credential").GetProperty("name").GetString());
        // Another user's names are another matter.
        var (_, other) = await _server.AddPersonAsync();
        await _server.CreateApiKeyAsync(other, "Nightly");
    }

    [Fact]
    public async Task A_deleted_key_is_gone_at_once_with_both_its_secrets_and_frees_its_name()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "nightly");
        var second = (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).Text("key");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", second)).Status);
        var deleted = await _server.DeleteAsync($"{KeysPath}/{key.Id}", session);
        Assert.Equal((204, ""), (deleted.Status, deleted.Body));
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401, "invalid_credential");
        (await _server.GetAsync("/api/v1/me", second)).AssertProblem(401, "invalid_credential");
        (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync($"{KeysPath}/{key.Id}", session)).AssertProblem(404, "not_found");
        Assert.Equal(0, (await _server.GetAsync(KeysPath, session)).Items());
        await _server.CreateApiKeyAsync(session, "nightly");
    }

    [Fact]
    [Trait("Case", "O1")]
    public async Task Somebody_elses_key_is_answered_like_one_that_does_not_exist()
    {
        var (_, theirs) = await _server.AddPersonAsync();
        var organization = await _server.CreateOrganizationAsync($"other-{Guid.NewGuid():N}"[..20]);
        var (_, foreign) = await _server.AddPersonAsync(Role.Owner, organization.Id);
        var (_, session) = await _server.AddPersonAsync(Role.Owner);
        foreach (var other in (string[])[theirs, foreign])
        {
            var key = await _server.CreateApiKeyAsync(other, "theirs");
            var token = await _server.PostAsync("/api/v1/tokens", other, new { name = "theirs" });
            var sessionId = (await _server.GetAsync("/api/v1/me", other)).Json.GetProperty("credential").GetProperty("id").GetString();
            var none = Guid.CreateVersion7().ToString();
            (HttpMethod Method, string Path, string Id)[] calls =
            [
                (HttpMethod.Get, $"{KeysPath}/ID", key.Id), (HttpMethod.Patch, $"{KeysPath}/ID", key.Id), (HttpMethod.Delete, $"{KeysPath}/ID", key.Id), (HttpMethod.Post, $"{KeysPath}/ID/rotate", key.Id),
                (HttpMethod.Delete, "/api/v1/tokens/ID", token.Text("id")), (HttpMethod.Delete, "/api/v1/sessions/ID", sessionId!), (HttpMethod.Delete, "/api/v1/tokens/ID", sessionId!),
            ];
            foreach (var (method, path, id) in calls)
            {
                object? body = method == HttpMethod.Patch ? new { name = "mine" } : null;
                var answers = new[] { id, none }.Select(i => _server.ApiAsync(method, path.Replace("ID", i, StringComparison.Ordinal), session, body)).ToArray();
                await Task.WhenAll(answers);
                (await answers[0]).AssertProblem(404, "not_found");
                Assert.Equal((await answers[1]).Body, (await answers[0]).Body);
            }

            Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
            Assert.Equal(200, (await _server.GetAsync("/api/v1/me", token.Text("token"))).Status);
            Assert.Equal(200, (await _server.GetAsync("/api/v1/me", other)).Status);
        }
    }

    [Fact]
    [Trait("Case", "K8")]
    public async Task An_expired_key_stays_listed_for_ninety_days_and_is_then_gone_name_and_place_included()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "short", new { name = "short", expiresInDays = 1 });
        Assert.Equal("active", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("state"));
        _server.Clock!.Advance(TimeSpan.FromHours(23));
        Assert.Equal("expiring", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("state"));
        _server.Clock.Advance(TimeSpan.FromHours(1) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401, "invalid_credential");
        session = await _server.GrantAsync(user.Id);
        Assert.Equal("expired", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("state"));
        (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).AssertProblem(409, "key_expired");
        await AgeAsync(key.Id, TimeSpan.FromDays(90) - TimeSpan.FromSeconds(1));
        Assert.Equal(1, (await _server.GetAsync(KeysPath, session)).Items());
        (await _server.PostAsync(KeysPath, session, new { name = "short" })).AssertProblem(409, "name_taken", "name");
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, (await _server.GetAsync(KeysPath, session)).Items());
        (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).AssertProblem(404, "not_found");
        await _server.CreateApiKeyAsync(session, "short");
        Assert.Equal(1, await _server.QueryAsync(database => database.ApiKeys.CountAsync(k => k.OwnerId == user.Id)));
    }

    [Fact]
    public async Task A_key_that_ends_within_fourteen_days_says_so_in_every_answer()
    {
        var (_, session) = await _server.AddPersonAsync();
        var soon = await _server.CreateApiKeyAsync(session, "soon", new { name = "soon", expiresInDays = 7 });
        var late = await _server.CreateApiKeyAsync(session, "late", new { name = "late", expiresInDays = 30 });
        var never = await _server.CreateApiKeyAsync(session, "never", new { name = "never", expiresInDays = (int?)null });
        Assert.Equal(soon.Answer.Text("expiresAt"), (await _server.GetAsync("/api/v1/me", soon.Key)).Header("Activate-Credential-Expires"));
        // Refusals carry it too.
        Assert.Equal(soon.Answer.Text("expiresAt"), (await _server.PostAsync(KeysPath, soon.Key, new { name = "x" })).Header("Activate-Credential-Expires"));
        Assert.Null((await _server.GetAsync("/api/v1/me", late.Key)).Header("Activate-Credential-Expires"));
        Assert.Null((await _server.GetAsync("/api/v1/me", never.Key)).Header("Activate-Credential-Expires"));
        Assert.NotNull((await _server.GetAsync("/api/v1/me", session)).Header("Activate-Credential-Expires"));
        await AgeAsync(late.Id, TimeSpan.FromDays(16) + TimeSpan.FromSeconds(2));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((await _server.GetAsync($"{KeysPath}/{late.Id}", session)).Text("expiresAt"), (await _server.GetAsync("/api/v1/me", late.Key)).Header("Activate-Credential-Expires"));
    }

    /// <summary>As if the time had passed for this key alone: a fake clock fires every timer on its way through the weeks.</summary>
    private Task<int> AgeAsync(string id, TimeSpan by) => _server.QueryAsync(async database =>
    {
        var key = await database.ApiKeys.SingleAsync(k => k.Id == Guid.Parse(id));
        key.ExpiresAt -= by;
        return await database.SaveChangesAsync();
    });

    [Fact]
    public async Task A_key_that_ended_long_ago_is_not_there_for_a_rename_either()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "short", new { name = "short", expiresInDays = 1 });
        _server.Clock!.Advance(TimeSpan.FromDays(92));
        session = await _server.GrantAsync(user.Id);
        (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).AssertProblem(404, "not_found");
        (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { name = "other" })).AssertProblem(404, "not_found");
    }

    [Fact]
    [Trait("Case", "W17")]
    public async Task Renaming_changes_the_name_and_nothing_else()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "nightly");
        foreach (var member in (string[])["scopes", "expiresAt", "expiresInDays", "ownerId", "id", "state", "last4", "lastUsedAt"])
            (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new Dictionary<string, object> { ["name"] = "x", [member] = "2099-01-01T00:00:00Z" })).AssertProblem(400, "unknown_field", member);
        var before = (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Body;
        await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { name = "x" });
        Assert.Equal(before.Replace("nightly", "x", StringComparison.Ordinal), (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Body);
    }

    [Fact]
    [Trait("Case", "C5")]
    public void Ten_thousand_keys_are_all_different_and_use_every_character_alike()
    {
        var keys = Enumerable.Range(0, 10_000).Select(_ => ApiKeySecret.Generate(_server.Origin).Reveal()).ToArray();
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.All(keys, key => Assert.True(Regex.IsMatch(key, $"^{ApiKeySecret.Pattern}$", RegexOptions.NonBacktracking)));
        var counts = keys.SelectMany(key => key[^49..^6]).CountBy(c => c).ToDictionary();
        Assert.Equal(62, counts.Count);
        var expected = keys.Length * 43 / 62.0;
        // χ² with 61 degrees of freedom: beyond 120 once in 100,000 runs.
        Assert.True(counts.Values.Sum(count => (count - expected) * (count - expected) / expected) < 120);
    }
}
