using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Inventory;

/// <summary>Administrators find and end what their people have.</summary>
[Trait("Database", "Differs")]
public sealed class InventoryApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organization/credentials";
    private readonly TestServer _server = fixture.Server;

    private static List<JsonElement> ItemsOf(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private static string Text(JsonElement item, string member) => item.GetProperty(member).GetString() ?? "";

    private async Task<List<string>> NamesAsync(string query, string session) =>
        [.. ItemsOf(await _server.GetAsync($"{Path}?{query}", session)).Where(item => Text(item, "name") != "login-node").Select(item => Text(item, "name"))];

    [Fact]
    public async Task Every_credential_of_everybody_is_there_page_by_page_and_can_be_filtered()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (member, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        for (var i = 0; i < 5; i++)
            await _server.CreateApiKeyAsync(i % 2 == 0 ? session : theirs, $"key {i}");
        await _server.PostAsync("/api/v1/tokens", theirs, new { name = "token" });
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", theirs, new { name = "laptop", publicKey = SshTestKeys.Ed25519() })).Status);

        var all = ItemsOf(await _server.GetAsync(Path, session));
        Assert.Equal(9, all.Count);
        Assert.Equal(["clientId", "createdAt", "expiresAt", "expiresBecause", "fingerprint", "id", "kind", "last4", "lastUsedAt", "lastUsedFrom", "lastUsedOn", "name", "owner", "ownerId", "scopes", "state"],
            all[0].EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        // Kind by kind, and the things of one person together.
        Assert.Equal(all.Take(5).Select(item => Text(item, "owner")).Distinct().Count(), 1 + all.Take(5).Zip(all.Skip(1).Take(4)).Count(pair => Text(pair.First, "owner") != Text(pair.Second, "owner")));
        Assert.Equal(["apiKey", "apiKey", "apiKey", "apiKey", "apiKey", "token", "session", "session", "sshKey"], all.Select(item => Text(item, "kind")));
        foreach (var limit in (int[])[1, 2, 4])
        {
            List<string> seen = [];
            string? after = null;
            do
            {
                var page = await _server.GetAsync($"{Path}?limit={limit}{(after is null ? "" : $"&after={after}")}", session);
                seen.AddRange(ItemsOf(page).Select(item => Text(item, "id")));
                after = page.Json.GetProperty("next").GetString();
            }
            while (after is not null);
            Assert.Equal(all.Select(item => Text(item, "id")), seen);
        }

        Assert.Equal(["key 1", "key 3"], (await NamesAsync($"kind=apiKey&owner={member.UserName}", session)).Order());
        Assert.Equal(["key 0", "key 2", "key 4"], (await NamesAsync($"kind=api-keys&owner={owner.Id}", session)).Order());
        Assert.Equal(["laptop"], await NamesAsync("kind=sshKey", session));
        Assert.Equal(["token"], await NamesAsync("application=activate-cli", session));
        foreach (var none in (string[])["owner=nobody", "owner=%00", "application=nothing", "state=expired", $"lastUsedBefore={_server.Now.AddDays(-1):yyyy-MM-dd}", $"owner={Guid.NewGuid()}"])
            Assert.Empty(await NamesAsync(none, session));
        Assert.Equal(5, (await NamesAsync("kind=apiKey&state=active&lastUsedBefore=2100-01-01", session)).Count);
        (await _server.GetAsync($"{Path}?kind=browser", session)).AssertProblem(400, "kind_unknown", "kind");
        (await _server.GetAsync($"{Path}?state=dead", session)).AssertProblem(400, "state_unknown", "state");
        (await _server.GetAsync($"{Path}?lastUsedBefore=now", session)).AssertProblem(400, "time_invalid", "lastUsedBefore");
        (await _server.GetAsync($"{Path}?after=x", session)).AssertProblem(400, "cursor_invalid", "after");
        (await _server.GetAsync($"{Path}?format=xml", session)).AssertProblem(400, "format_unknown", "format");
        (await _server.GetAsync(Path, theirs)).AssertProblem(403, "insufficient_role");
    }

    [Fact]
    public async Task States_are_those_of_the_moment_also_while_a_cut_is_not_written_yet()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        await _server.CreateApiKeyAsync(session, "long", new { name = "long", expiresInDays = (int?)null });
        await _server.CreateApiKeyAsync(session, "short", new { name = "short", expiresInDays = 7 });
        Assert.Equal(["long", "short"], (await NamesAsync("kind=apiKey&state=active", session)).Order());
        _server.Clock!.Advance(TimeSpan.FromDays(6));
        var admin = await AgainAsync(session);
        Assert.Equal(["short"], await NamesAsync("kind=apiKey&state=expiring", admin));
        Assert.Equal(200, (await _server.SetPolicyAsync(admin, new { apiKeys = new { maximumDays = 1 } }, "shorten")).Status);
        Assert.Equal(["long", "short"], (await NamesAsync("kind=apiKey&state=expired", admin)).Order());
        Assert.Empty(await NamesAsync("kind=apiKey&state=active", admin));
    }

    [Fact]
    public async Task A_file_has_all_of_it_and_no_name_runs_in_a_spreadsheet()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        await _server.CreateApiKeyAsync(session, "=1+1,\"x\"");
        foreach (var (accept, query, type) in ((string, string, string)[])[("text/csv", "", "text/csv"), ("application/json", "?format=csv", "text/csv"), ("application/x-ndjson", "", "application/x-ndjson"), ("*/*", "?format=ndjson", "application/x-ndjson")])
        {
            using var client = _server.Client();
            using var request = new HttpRequestMessage(HttpMethod.Get, Path + query);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", session);
            request.Headers.Accept.ParseAdd(accept);
            var response = await client.SendAsync(request);
            Assert.Equal(type, response.Content.Headers.ContentType?.MediaType);
            var lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(type == "text/csv" ? 3 : 2, lines.Length);
            if (type == "text/csv")
                Assert.Contains(",\"'=1+1,\"\"x\"\"\",", lines[1], StringComparison.Ordinal);
            else
                Assert.Equal("=1+1,\"x\"", JsonDocument.Parse(lines[0]).RootElement.GetProperty("name").GetString());
        }

        Assert.Equal(4, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.OrganizationId == organization.Id && e.Type == AuditTypes.CredentialsExported)));
    }

    [Fact]
    [Trait("Case", "K12")]
    public async Task An_administrator_ends_what_a_member_has_and_nothing_of_an_owner()
    {
        var (organization, _, ownerSession) = await _server.AddOrganizationAsync();
        var (member, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var (admin, session) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        var key = await _server.CreateApiKeyAsync(theirs, "a");
        var token = await _server.PostAsync("/api/v1/tokens", theirs, new { name = "t" });
        var ssh = await _server.PostAsync("/api/v1/ssh-keys", theirs, new { name = "s", publicKey = SshTestKeys.Ed25519() });
        var owners = await _server.CreateApiKeyAsync(ownerSession, "o");
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", key.Key)).Status);

        (await _server.DeleteAsync($"{Path}/api-keys/{owners.Id}", session)).AssertProblem(403, "owner_required");
        (await _server.DeleteAsync($"{Path}/tokens/{key.Id}", session)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync($"{Path}/nonsense/{key.Id}", session)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync($"{Path}/api-keys/{key.Id}", theirs)).AssertProblem(403, "insufficient_scope");
        foreach (var path in (string[])[$"api-keys/{key.Id}", $"tokens/{token.Text("id")}", $"ssh-keys/{ssh.Text("id")}"])
        {
            Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{path}", session)).Status);
            (await _server.DeleteAsync($"{Path}/{path}", session)).AssertProblem(404, "not_found");
        }

        // At once on this node.
        (await _server.GetAsync("/api/v1/me", key.Key)).AssertProblem(401, "invalid_credential");
        (await _server.GetAsync("/api/v1/me", token.Text("token"))).AssertProblem(401, "invalid_credential");
        var events = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OwnerId == member.Id).ToListAsync());
        Assert.Equal([AuditTypes.ApiKeyDeleted, AuditTypes.SshKeyDeleted, AuditTypes.TokenDeleted], events.Select(e => e.Type).Order());
        Assert.All(events, e => Assert.Equal(admin.Id, e.ActorId));
    }

    [Fact]
    public async Task Many_end_with_one_request_after_they_were_counted()
    {
        var (organization, _, ownerSession) = await _server.AddOrganizationAsync();
        var (member, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        await _server.CreateApiKeyAsync(theirs, "used");
        await _server.CreateApiKeyAsync(theirs, "forgotten");
        await _server.CreateApiKeyAsync(ownerSession, "owner's");
        var since = _server.Now.AddSeconds(1);
        _server.Clock!.Advance(TimeSpan.FromSeconds(5));
        await _server.QueryAsync(database => database.ApiKeys.Where(k => k.OwnerId == member.Id && k.Name == "used").ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, since.AddSeconds(1))));
        var (_, session) = await _server.AddPersonAsync(Role.Admin, organization.Id);
        var body = new { kind = "apiKey", unusedSince = $"{since:yyyy-MM-dd'T'HH:mm:ss'Z'}" };

        var counted = await _server.PostAsync($"{Path}/end?dryRun=true", session, body);
        Assert.Equal((200, 1, 1, true), (counted.Status, counted.Json.GetProperty("counts").GetProperty("apiKey").GetInt32(), counted.Json.GetProperty("kept").GetInt32(), counted.Json.GetProperty("dryRun").GetBoolean()));
        Assert.Equal(3, (await NamesAsync("kind=apiKey", session)).Count);
        var ended = await _server.PostAsync($"{Path}/end", session, body);
        Assert.Equal((1, 1, false), (ended.Json.GetProperty("counts").GetProperty("apiKey").GetInt32(), ended.Json.GetProperty("kept").GetInt32(), ended.Json.GetProperty("more").GetBoolean()));
        Assert.Equal(["owner's", "used"], (await NamesAsync("kind=apiKey", session)).Order());

        // All sessions but the one that asks; those of the owner are kept.
        Assert.Equal(1, (await _server.PostAsync($"{Path}/end", session, new { kind = "session" })).Json.GetProperty("counts").GetProperty("session").GetInt32());
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", session)).Status);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", ownerSession)).Status);
        (await _server.GetAsync("/api/v1/me", theirs)).AssertProblem(401);
        (await _server.PostAsync($"{Path}/end", session, new { })).AssertProblem(400, "filter_required");
        (await _server.PostAsync($"{Path}/end", session, new { unusedSince = "soon" })).AssertProblem(400, "time_invalid", "unusedSince");
    }

    [Fact]
    public async Task Which_rule_decided_an_end_is_told_to_administrators_and_the_owner_alone()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (_, theirs) = await _server.AddPersonAsync(organizationId: organization.Id);
        var (_, others) = await _server.AddPersonAsync(organizationId: organization.Id);
        var asked = await _server.CreateApiKeyAsync(theirs, "asked", new { name = "asked", expiresInDays = 7 });
        var given = await _server.CreateApiKeyAsync(theirs, "given");
        var endless = await _server.CreateApiKeyAsync(theirs, "endless", new { name = "endless", expiresInDays = (int?)null });
        await ExplainedAsync(asked.Id, "requested", "The end was asked for");
        await ExplainedAsync(given.Id, "default", "30 days");
        await ExplainedAsync(endless.Id, "requested", "No expiration was asked for");
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 14 } }, "shorten")).Status);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 20 } })).Status);
        await ExplainedAsync(asked.Id, "requested", "The end was asked for");
        var cut = await ExplainedAsync(endless.Id, "policy_changed", $"{owner.UserName} made the policy stricter");
        Assert.Contains("Your organization's policy allows at most 14 days", cut.Text("detail"), StringComparison.Ordinal);
        Assert.Contains("Your organization's policy allows at most 20 days", cut.Text("policyNow"), StringComparison.Ordinal);
        Assert.Equal(owner.UserName, cut.Text("decidedBy"));
        (await _server.GetAsync($"{Path}/api-keys/{endless.Id}/explain", others)).AssertProblem(404, "not_found");
        (await _server.GetAsync($"{Path}/tokens/{endless.Id}/explain", session)).AssertProblem(404, "not_found");
        var platform = await _server.CreateApiKeyAsync(theirs, "weak", new { name = "weak", scopes = new[] { "platform" } });
        (await _server.GetAsync($"{Path}/api-keys/{platform.Id}/explain", platform.Key)).AssertProblem(403, "insufficient_scope");

        async Task<Answer> ExplainedAsync(string id, string code, string words)
        {
            var answer = await _server.GetAsync($"{Path}/api-keys/{id}/explain", theirs);
            Assert.True(answer.Status == 200, answer.ToString());
            Assert.Equal(code, answer.Text("code"));
            Assert.Contains(words, answer.Text("detail"), StringComparison.Ordinal);
            Assert.Equal(answer.Body, (await _server.GetAsync($"{Path}/api-keys/{id}/explain", session)).Body);
            return answer;
        }
    }

    /// <summary>A session that has not ended meanwhile, of the same person.</summary>
    private async Task<string> AgainAsync(string session)
    {
        var hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(session));
        return await _server.GrantAsync(await _server.QueryAsync(database => database.TokenGrants.Where(g => g.TokenHash == hash).Select(g => g.OwnerId).SingleAsync()));
    }
}
