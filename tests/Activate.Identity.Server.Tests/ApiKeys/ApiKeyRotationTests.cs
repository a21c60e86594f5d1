using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.ApiKeys;

public class ApiKeyRotationTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task Both_secrets_work_during_the_overlap_and_the_old_one_ends_to_the_second()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "nightly", new { name = "nightly", expiresInDays = (int?)null });
        var rotated = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 2 });
        Assert.Equal(200, rotated.Status);
        Assert.NotEqual(key.Key, rotated.Text("key"));
        Assert.Equal((key.Id, rotated.Text("key")[^4..]), (rotated.Text("id"), rotated.Text("last4")));
        // Same id, scopes, end and making.
        foreach (var member in (string[])["name", "scopes", "createdAt", "expiresAt", "expiresBecause"])
            Assert.Equal(key.Answer.Json.GetProperty(member).GetRawText(), rotated.Json.GetProperty(member).GetRawText());
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", rotated.Text("key"))).Status);
        // The old one says when it ends.
        Assert.NotNull((await _server.GetAsync("/api/v1/me", key.Key)).Header("Activate-Credential-Expires"));
        Assert.Null((await _server.GetAsync("/api/v1/me", rotated.Text("key"))).Header("Activate-Credential-Expires"));
        _server.Clock!.Advance(TimeSpan.FromHours(2) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).AssertProblem(409, "rotation_pending");
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", rotated.Text("key"))).Status);
        var third = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session);
        Assert.Equal(200, third.Status);
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", rotated.Text("key"))).Status);
    }

    [Fact]
    public async Task Without_a_body_the_overlap_is_24_hours_and_with_0_the_old_secret_ends_at_once()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "a");
        Assert.Equal(200, (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session)).Status);
        _server.Clock!.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401);

        (_, session) = await _server.AddPersonAsync();
        key = await _server.CreateApiKeyAsync(session, "b");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        var second = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 0 });
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401);
        var third = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 0 });
        (await _server.GetAsync("/api/v1/me", second.Text("key"))).AssertProblem(401);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", third.Text("key"))).Status);
    }

    [Fact]
    public async Task A_rotation_never_lengthens_the_life_of_a_key()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "day", new { name = "day", expiresInDays = 1 });
        _server.Clock!.Advance(TimeSpan.FromHours(23));
        var rotated = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 168 });
        Assert.Equal(key.Answer.Text("expiresAt"), rotated.Text("expiresAt"));
        _server.Clock.Advance(TimeSpan.FromHours(1));
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401);
        (await _server.GetAsync("/api/v1/me", rotated.Text("key"))).AssertProblem(401);
    }

    [Fact]
    [Trait("Case", "R6")]
    public async Task Of_twenty_rotations_at_once_one_wins_and_exactly_two_secrets_live()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "race");
        var answers = await TogetherAsync(20, _ => _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 1 }));
        var winner = Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer != winner), answer => answer.AssertProblem(409, "rotation_pending"));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", winner.Text("key"))).Status);
        Assert.Equal(2, await _server.QueryAsync(database => Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.CountAsync(database.ApiKeyHashes, hash => hash.ApiKey!.OwnerId == user.Id)));
    }

    [Fact]
    public async Task A_key_without_any_scope_for_it_rotates_and_deletes_itself_and_no_other()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "self", new { name = "self", scopes = new[] { "platform" } });
        var other = await _server.CreateApiKeyAsync(session, "other");
        var rotated = await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", key.Key, new { overlapHours = 1 });
        Assert.Equal(200, rotated.Status);
        (await _server.PostAsync($"{KeysPath}/{other.Id}/rotate", key.Key)).AssertProblem(403, "interactive_sign_in_required");
        (await _server.PostAsync($"{KeysPath}/{Guid.NewGuid()}/rotate", key.Key)).AssertProblem(403, "interactive_sign_in_required");
        (await _server.DeleteAsync($"{KeysPath}/{other.Id}", key.Key)).AssertProblem(403, "insufficient_scope");
        (await _server.PatchAsync($"{KeysPath}/{key.Id}", key.Key, new { name = "x" })).AssertProblem(403, "insufficient_scope");
        Assert.Equal(204, (await _server.DeleteAsync($"{KeysPath}/{key.Id}", rotated.Text("key"))).Status);
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401);
        (await _server.GetAsync("/api/v1/me", rotated.Text("key"))).AssertProblem(401);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", other.Key)).Status);
    }

    [Theory]
    [Trait("Case", "K8")]
    [InlineData("-1")]
    [InlineData("169")]
    [InlineData("1.5")]
    [InlineData("1e2")]
    [InlineData("1e12")]
    [InlineData("1e400")]
    [InlineData("2147483648")]
    [InlineData("\"24\"")]
    [InlineData("true")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("NaN")]
    public async Task An_overlap_that_is_no_whole_number_from_0_to_168_is_refused_and_rotates_nothing(string overlap)
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "a");
        (await _server.SendTextAsync(HttpMethod.Post, $"{KeysPath}/{key.Id}/rotate", session, $$"""{"overlapHours":{{overlap}}}""")).AssertProblem(400, field: "overlapHours");
        Assert.Equal(200, (await _server.PostAsync($"{KeysPath}/{key.Id}/rotate", session, new { overlapHours = 168 })).Status);
    }
}

public class RacesOnTwoNodesTests
{
    [Theory]
    [Trait("Case", "R6")]
    [EachDatabase(1), EachDatabase(2)]
    public async Task The_limit_duplicate_names_and_rotations_hold_for_twenty_at_once(int nodes, DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Nodes = nodes, Database = database, Settings = new Dictionary<string, string?> { ["ApiKeys:MaximumPerUser"] = "10" },
        });
        for (var round = 0; round < (Tools.FullSize ? 50 : 2); round++)
        {
            // R6: the last slots.
            var (user, session) = await server.AddPersonAsync();
            var answers = await TogetherAsync(20, i => server.PostAsync(KeysPath, session, new { name = $"key {i}" }, i % nodes));
            Assert.True(answers.Count(answer => answer.Status == 201) == 10, string.Join('\n', answers.Select(answer => answer.ToString())));
            Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.AssertProblem(409, "too_many_keys"));
            Assert.Equal(10, (await server.GetAsync(KeysPath, session)).Items());
            var first = answers.First(answer => answer.Status == 201);
            Assert.Equal(204, (await server.DeleteAsync($"{KeysPath}/{first.Text("id")}", session)).Status);
            Assert.Equal(201, (await server.PostAsync(KeysPath, session, new { name = "in its place" })).Status);

            // R7: one name.
            (_, session) = await server.AddPersonAsync();
            string[] spellings = ["nightly", "Nightly", "NIGHTLY", "ｎｉｇｈｔｌｙ"];
            answers = await TogetherAsync(20, i => server.PostAsync(KeysPath, session, new { name = spellings[i % 4] }, i % nodes));
            var key = Assert.Single(answers, answer => answer.Status == 201);
            Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.AssertProblem(409, "name_taken", "name"));

            // One rotation.
            answers = await TogetherAsync(20, i => server.PostAsync($"{KeysPath}/{key.Text("id")}/rotate", session, node: i % nodes));
            Assert.Single(answers, answer => answer.Status == 200);
            Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertProblem(409, "rotation_pending"));

            // One deletion, and no secret survives it.
            answers = await TogetherAsync(10, i => server.DeleteAsync($"{KeysPath}/{key.Text("id")}", session, i % nodes));
            Assert.Single(answers, answer => answer.Status == 204);
            Assert.All(answers.Where(answer => answer.Status != 204), answer => answer.AssertProblem(404, "not_found"));
        }
    }
}
