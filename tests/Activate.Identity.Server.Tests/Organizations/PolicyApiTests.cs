using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;
using static Activate.Identity.Server.Tests.Organizations.PolicyCalls;

namespace Activate.Identity.Server.Tests.Organizations;

[Trait("Database", "Differs")]
public class PolicyApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_new_organization_has_the_policy_of_the_contract()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var answer = await _server.GetAsync(PolicyPath, session);
        Assert.Equal("\"0\"", answer.Header("ETag"));
        Assert.Equal("""{"apiKeys":{"userChoice":true,"maximumDays":null,"defaultDays":30},"tokens":{"userChoice":true,"maximumHours":24,"defaultHours":24},"sshKeys":{"userChoice":true,"maximumDays":null,"defaultDays":null},"deviceLogin":{"enabled":true},"requireTwoFactor":false,"webSessions":{"maximumHours":168,"idleMinutes":720},"applications":{"allowed":"all","refreshMaximumDays":90},"unused":{"endAfterDays":null},"clusters":{"outageMinutes":10}}""",
            answer.Json.GetProperty("policy").GetRawText());
        Assert.Equal(answer.Json.GetProperty("policy").GetRawText(), answer.Json.GetProperty("effective").GetRawText());
        Assert.Equal(("{}", JsonValueKind.Null, JsonValueKind.Null),
            (answer.Json.GetProperty("ceiling").GetRawText(), answer.Json.GetProperty("changedAt").ValueKind, answer.Json.GetProperty("changedBy").ValueKind));
    }

    [Fact]
    public async Task A_policy_is_changed_by_whoever_saw_the_last_one_and_the_audit_log_tells_what()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var first = await _server.PolicyTagAsync(session);
        var changed = await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, etag: first);
        Assert.Equal((200, "\"1\""), (changed.Status, changed.Header("ETag")));
        Assert.Equal("""{"apiKeys":{"maximumDays":30}}""", changed.Json.GetProperty("policy").GetRawText());
        Assert.Equal((30, 24, true), (changed.Json.GetProperty("effective").GetProperty("apiKeys").GetProperty("maximumDays").GetInt32(),
            changed.Json.GetProperty("effective").GetProperty("tokens").GetProperty("maximumHours").GetInt32(), changed.Json.GetProperty("effective").GetProperty("apiKeys").GetProperty("userChoice").GetBoolean()));
        Assert.Equal(owner.UserName, changed.Text("changedBy"));
        Assert.NotNull(changed.Json.Time("changedAt"));

        (await _server.SetPolicyAsync(session, new { }, etag: first)).AssertProblem(412, "policy_changed");
        (await _server.SetPolicyAsync(session, new { }, etag: "W/\"1\"")).AssertProblem(412, "policy_changed");
        (await _server.SetPolicyAsync(session, new { }, etag: "nonsense")).AssertProblem(412, "policy_changed");
        (await _server.ApiAsync(HttpMethod.Put, PolicyPath, session, new { policy = new { } })).AssertProblem(428, "if_match_required");
        Assert.Equal("\"1\"", await _server.PolicyTagAsync(session));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { }, etag: "*")).Status);

        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.Type == AuditTypes.PolicyChanged && e.OrganizationId == organization.Id).ToListAsync());
        Assert.Equal(2, events.Count);
        Assert.Single(events, e => e.Detail!.StartsWith("apiKeys.userChoice true → inherited, apiKeys.maximumDays null → 30", StringComparison.Ordinal));
        Assert.All(events, e => Assert.Equal(owner.Id, e.ActorId));
    }

    [Fact]
    public async Task Of_twenty_changes_at_once_one_is_taken()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var answers = await TogetherAsync(20, i => _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = i + 1 } }, etag: "\"0\""));
        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertProblem(412, "policy_changed"));
        Assert.Equal("\"1\"", await _server.PolicyTagAsync(session));
    }

    [Fact]
    public async Task After_twenty_changes_within_an_hour_the_next_has_to_wait()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { FakeClock = true });
        var (_, _, session) = await server.AddOrganizationAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(200, (await server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 + i } })).Status);
            // What changes nothing does not count.
            (await server.SetPolicyAsync(session, new { }, etag: "\"0\"")).AssertProblem(412, "policy_changed");
        }

        var refused = await server.SetPolicyAsync(session, new { }, "shorten");
        refused.AssertProblem(429, "too_many_policy_changes");
        Assert.Equal("3600", refused.Header("Retry-After"));
        Assert.Equal("\"20\"", await server.PolicyTagAsync(session));
        Assert.Equal(200, (await server.PreviewAsync(session, new { })).Status);
        var (_, _, other) = await server.AddOrganizationAsync();
        Assert.Equal(200, (await server.SetPolicyAsync(other, new { })).Status);
        server.Clock!.Advance(TimeSpan.FromHours(1));
        Assert.Equal(200, (await server.SetPolicyAsync(session, new { })).Status);
    }

    [Fact]
    public async Task Members_see_the_policy_and_only_an_administrator_who_signed_in_changes_it()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (_, member) = await _server.AddPersonAsync(Role.Member, organization.Id);
        Assert.Equal(200, (await _server.GetAsync(PolicyPath, member)).Status);
        (await _server.SetPolicyAsync(member, new { })).AssertProblem(403, "insufficient_scope");
        (await _server.PreviewAsync(member, new { })).AssertProblem(403, "insufficient_scope");

        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "organization:read", "organization:write" } })).Key;
        (await _server.SetPolicyAsync(key, new { })).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(200, (await _server.PreviewAsync(key, new { })).Status);
        (await _server.ApiAsync(HttpMethod.Put, PolicyPath, (string?)null, new { policy = new { } })).AssertProblem(401, "credential_required");
        Assert.Equal("\"0\"", await _server.PolicyTagAsync(session));
    }

    [Theory]
    [InlineData("""{"policy":{"apiKeys":{"maximumDays":0}},"existing":{"mode":"keep","graceDays":0}}""", "policy_invalid", "policy.apiKeys.maximumDays")]
    [InlineData("""{"policy":{"apiKeys":{"maximumWeeks":1}}}""", "policy_invalid", "policy")]
    [InlineData("""{"policy":[]}""", "policy_invalid", "policy")]
    [InlineData("""{"policy":{},"existing":{"mode":"cut"}}""", "mode_invalid", "existing.mode")]
    [InlineData("""{"policy":{},"existing":{"mode":"shorten","graceDays":-1}}""", "grace_invalid", "existing.graceDays")]
    [InlineData("""{"policy":{},"existing":{"mode":"shorten","graceDays":366}}""", "grace_invalid", "existing.graceDays")]
    [InlineData("""{"policy":{},"existing":{"mode":"shorten","graceDays":1.5}}""", null, null)]
    [InlineData("""{"existing":{"mode":"keep"}}""", null, null)]
    [InlineData("""{"policy":{},"surprise":1}""", null, null)]
    [InlineData("{", null, null)]
    [InlineData("""{"policy":{"applications":{"allowed":"\ud800"}}}""", "policy_invalid", "policy.applications.allowed")]
    [InlineData("""{"policy":{"\ud800":1}}""", null, null)]
    [InlineData("""{"policy":{"apiKeys":{"\udc00":1}}}""", null, null)]
    [InlineData("""{"policy":{},"existing":{"mode":"\ud800"}}""", null, null)]
    public async Task What_means_nothing_is_refused_and_changes_nothing(string body, string? code, string? field)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        using var client = _server.Client();
        foreach (var (method, path) in ((HttpMethod, string)[])[(HttpMethod.Put, PolicyPath), (HttpMethod.Post, $"{PolicyPath}/preview")])
        {
            var request = new HttpRequestMessage(method, path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new("Bearer", session);
            request.Headers.TryAddWithoutValidation("If-Match", "*");
            (await Answer.FromAsync(await client.SendAsync(request))).AssertProblem(400, code, field);
        }

        Assert.Equal("\"0\"", await _server.PolicyTagAsync(session));
    }

    [Fact]
    public async Task A_key_of_90_days_under_a_maximum_of_30_is_refused_with_the_rule_and_whose_it_is()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } })).Status);
        var refused = await _server.PostAsync(KeysPath, session, new { name = "long", expiresInDays = 90 });
        refused.AssertProblem(403, "expiration_beyond_maximum", "expiresInDays");
        Assert.Equal("Your organization's policy allows at most 30 days. Choose 30 days or less.", refused.Text("detail"));
        (await _server.PostAsync(KeysPath, session, new { name = "endless", expiresInDays = (int?)null })).AssertProblem(403, "expiration_beyond_maximum", "expiresInDays");
    }

    [Fact]
    public async Task The_policy_of_one_organization_is_nothing_to_another()
    {
        var (_, _, ours) = await _server.AddOrganizationAsync();
        var (_, _, theirs) = await _server.AddOrganizationAsync();
        var key = await _server.CreateApiKeyAsync(theirs, "endless", new { name = "endless", expiresInDays = (int?)null });
        Assert.Equal(200, (await _server.SetPolicyAsync(ours, new { apiKeys = new { maximumDays = 1 } }, "shorten")).Status);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);
        Assert.Equal(201, (await _server.PostAsync(KeysPath, theirs, new { name = "another", expiresInDays = (int?)null })).Status);
        Assert.Equal(0, (await _server.PreviewAsync(ours, new { apiKeys = new { maximumDays = 1 } })).Json.GetProperty("affected").GetArrayLength());
    }
}
