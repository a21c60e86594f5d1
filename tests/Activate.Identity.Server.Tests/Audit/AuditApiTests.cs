using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Audit;

[Trait("Database", "Differs")]
public sealed class AuditApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organization/audit-events";
    private const string Scopes = TestServer.ManageScopes + " audit:read";
    private readonly TestServer _server = fixture.Server;

    private async Task<(Guid Organization, Data.Accounts.User Owner, string Session)> NewAsync()
    {
        var organization = await _server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var owner = await _server.AddUserAsync(Role.Owner, organizationId: organization.Id);
        return (organization.Id, owner, await _server.GrantAsync(owner.Id, Scopes));
    }

    private static List<JsonElement> ItemsOf(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private async Task<List<string?>> TypesAsync(string query, string session) => [.. ItemsOf(await _server.GetAsync($"{Path}?{query}", session)).Select(e => e.GetProperty("type").GetString())];

    private async Task<(string Body, HttpResponseMessage Response)> ExportAsync(string session, string accept, string query = "")
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, Path + query);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", session);
        request.Headers.Accept.ParseAdd(accept);
        var response = await client.SendAsync(request);
        return (await response.Content.ReadAsStringAsync(), response);
    }

    [Fact]
    [Trait("Case", "L4")]
    public async Task An_event_says_who_what_whose_from_where_and_how_it_ended()
    {
        var (organization, owner, session) = await NewAsync();
        var key = await _server.CreateApiKeyAsync(session, "ada’s laptop");
        var e = Assert.Single(ItemsOf(await _server.GetAsync($"{Path}?type=api_key.created", session)));
        Assert.Equal(["actor", "address", "after", "at", "before", "clientId", "credentialId", "detail", "id", "name", "outcome", "owner", "subject", "type"],
            e.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal(("api_key.created", "done", "127.0.0.1", "ada’s laptop"),
            (e.GetProperty("type").GetString(), e.GetProperty("outcome").GetString(), e.GetProperty("address").GetString(), e.GetProperty("name").GetString()));
        Assert.Equal((owner.Id.ToString(), owner.UserName, key.Id), (e.GetProperty("actor").GetProperty("id").GetString(), e.GetProperty("actor").GetProperty("username").GetString(), e.GetProperty("subject").GetProperty("id").GetString()));
        Assert.EndsWith("Z", e.GetProperty("at").GetString(), StringComparison.Ordinal);
        Assert.NotEqual(JsonValueKind.Null, e.GetProperty("credentialId").ValueKind);

        // The row itself names nobody.
        var row = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.OrganizationId == organization && e.Type == AuditTypes.ApiKeyCreated));
        Assert.Null(row.Detail);
    }

    [Fact]
    [Trait("Case", "L4")]
    public async Task A_change_of_policy_has_the_policies_before_and_after()
    {
        var (_, _, session) = await NewAsync();
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 30 } }, etag: "*")).Status);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 7 } }, etag: "*")).Status);
        var e = ItemsOf(await _server.GetAsync($"{Path}?type=policy.changed", session))[0];
        Assert.Equal((30, 7), (e.GetProperty("before").GetProperty("apiKeys").GetProperty("maximumDays").GetInt32(), e.GetProperty("after").GetProperty("apiKeys").GetProperty("maximumDays").GetInt32()));
    }

    [Fact]
    public async Task The_pages_are_newest_first_and_stay_the_same_while_new_events_come()
    {
        var (_, _, session) = await NewAsync();
        for (var i = 0; i < 7; i++)
        {
            // Two in one second, too.
            _server.Clock!.Advance(TimeSpan.FromSeconds(i % 2));
            await _server.CreateApiKeyAsync(session, $"key {i}");
        }

        List<string?> seen = [];
        string? after = null;
        do
        {
            var page = await _server.GetAsync($"{Path}?type=api_key.created&limit=2{(after is null ? "" : $"&after={after}")}", session);
            seen.AddRange(ItemsOf(page).Select(e => e.GetProperty("name").GetString()));
            after = page.Json.GetProperty("next").GetString();
            _server.Clock!.Advance(TimeSpan.FromSeconds(1));
            await _server.CreateApiKeyAsync(session, $"later {seen.Count}");
        }
        while (after is not null);
        Assert.Equal(7, seen.Count);
        // Of one instant, in either order, but the same for everybody who asks.
        Assert.Contains(seen[0], (string[])["key 5", "key 6"]);
        Assert.Equal("key 0", seen[^1]);
        Assert.Equal(7, seen.Distinct().Count());
    }

    [Fact]
    public async Task Each_filter_leaves_what_it_names()
    {
        var (organization, owner, session) = await NewAsync();
        var start = _server.Now;
        var (member, theirs) = await _server.AddPersonAsync(organizationId: organization);
        var key = await _server.CreateApiKeyAsync(theirs, "theirs");
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        var later = _server.Now;
        Assert.Equal(204, (await _server.DeleteAsync($"{KeysPath}/{key.Id}", theirs)).Status);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(403, (await _server.PatchAsync("/api/v1/organization", theirs, new { name = "Mine" })).Status);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        await _server.CreateApiKeyAsync(session, "own");

        Assert.Equal(["api_key.created", "access.refused", "api_key.deleted", "api_key.created"], await TypesAsync("", session));
        Assert.Equal(["access.refused", "api_key.deleted", "api_key.created"], await TypesAsync($"actor={member.UserName}", session));
        Assert.Equal(["api_key.created"], await TypesAsync($"actor={owner.Id}", session));
        Assert.Equal(["api_key.deleted", "api_key.created"], await TypesAsync($"subject={key.Id}", session));
        Assert.Equal(["access.refused"], await TypesAsync("outcome=refused", session));
        Assert.Equal(["api_key.deleted"], await TypesAsync("type=api_key.deleted&outcome=done", session));
        Assert.Equal(["access.refused", "api_key.deleted"], await TypesAsync("type=api_key.deleted&type=access.refused", session));
        Assert.Equal(3, (await TypesAsync($"from={later:yyyy-MM-dd'T'HH:mm:ss'Z'}", session)).Count);
        Assert.Equal(["api_key.created"], await TypesAsync($"from={start:yyyy-MM-dd'T'HH:mm:ss'Z'}&to={later:yyyy-MM-dd'T'HH:mm:ss'Z'}", session));
        // A day counts as a whole, and a '+' may have become a space.
        Assert.Equal(4, (await TypesAsync($"from={start:yyyy-MM-dd}&to={later:yyyy-MM-dd}", session)).Count);
        Assert.Equal(3, (await TypesAsync($"from={later.AddHours(2):yyyy-MM-dd'T'HH:mm:ss}+02:00", session)).Count);
        Assert.Equal(4, (await TypesAsync("address=127.0.0.1", session)).Count);
        Assert.Equal(4, (await TypesAsync("actor=&subject=&outcome=&type=", session)).Count);
        foreach (var none in (string[])["address=192.0.2.7", "actor=nobody", "actor=%00", "client=no-such", $"subject={Guid.NewGuid()}", "from=2100-01-01", "actor=" + TestServer.OwnerName])
            Assert.Empty(await TypesAsync(none, session));
    }

    [Theory]
    [InlineData("type=api_key.creatd", "type_unknown", "type")]
    [InlineData("outcome=maybe", "outcome_invalid", "outcome")]
    [InlineData("from=yesterday", "time_invalid", "from")]
    [InlineData("to=2026-13-01", "time_invalid", "to")]
    [InlineData("client=%00", "client_invalid", "client")]
    [InlineData("address=here", "address_invalid", "address")]
    [InlineData("limit=201", "limit_invalid", "limit")]
    [InlineData("after=x", "cursor_invalid", "after")]
    [InlineData("after=________________________________", "cursor_invalid", "after")]
    public async Task A_filter_that_means_nothing_is_refused_with_its_field(string query, string code, string field)
    {
        var (_, _, session) = await NewAsync();
        (await _server.GetAsync($"{Path}?{query}", session)).AssertProblem(400, code, field);
    }

    [Fact]
    [Trait("Case", "O1")]
    public async Task Administrators_read_their_own_log_with_any_credential_that_has_the_scope_and_nobody_else_does()
    {
        var (organization, owner, session) = await NewAsync();
        var key = (await _server.CreateApiKeyAsync(session, "siem", new { name = "siem", scopes = new[] { "audit:read" } })).Key;
        Assert.Single(await TypesAsync("type=api_key.created", key));
        (await _server.GetAsync(Path, await _server.GrantAsync(owner.Id))).AssertProblem(403, "insufficient_scope");
        var member = await _server.AddUserAsync(organizationId: organization);
        (await _server.GetAsync(Path, await _server.GrantAsync(member.Id, Scopes))).AssertProblem(403, "insufficient_scope");
        (await _server.GetAsync(Path, null)).AssertProblem(401, "credential_required");
        var (_, _, foreign) = await NewAsync();
        Assert.Empty(await TypesAsync("", foreign));
        Assert.Empty(await TypesAsync($"actor={owner.Id}", foreign));
        (await _server.GetAsync($"{Path}?server=true", session)).AssertProblem(403, "operator_required");
    }

    [Fact]
    public async Task Operators_read_what_belongs_to_no_organization()
    {
        var operatorUser = await _server.AddUserAsync(Role.Admin, isOperator: true);
        var session = await _server.GrantAsync(operatorUser.Id, Scopes);
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in");
        await browser.SubmitAsync("Sign in", ("Username", "nobody-of-that-name"), ("Password", "a wrong password"));
        var e = ItemsOf(await _server.GetAsync($"{Path}?server=true&type=sign_in.failed", session))[0];
        Assert.Equal(("refused", JsonValueKind.Null), (e.GetProperty("outcome").GetString(), e.GetProperty("actor").ValueKind));
    }

    [Fact]
    public async Task There_is_no_way_to_change_or_delete_an_event()
    {
        var (organization, _, session) = await NewAsync();
        await _server.CreateApiKeyAsync(session, "a");
        var id = ItemsOf(await _server.GetAsync(Path, session))[0].GetProperty("id").GetString();
        foreach (var method in (HttpMethod[])[HttpMethod.Delete, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Post])
        {
            foreach (var path in (string[])[Path, $"{Path}/{id}"])
                Assert.Contains((await _server.ApiAsync(method, path, session, method == HttpMethod.Delete ? null : new { })).Status, (int[])[404, 405]);
        }

        Assert.Equal(1, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.OrganizationId == organization && e.Type == AuditTypes.ApiKeyCreated)));
    }

    [Fact]
    public async Task An_export_has_every_event_the_filter_leaves_and_is_an_event_itself()
    {
        var (organization, owner, session) = await NewAsync();
        var now = _server.Now;
        await _server.QueryAsync(async database =>
        {
            // More than three of the pieces in which it is read.
            database.AuditEvents.AddRange(Enumerable.Range(0, 1600).Select(i => new AuditEvent
            {
                Id = Guid.CreateVersion7(now.AddSeconds(-i)), At = now.AddSeconds(-i), OrganizationId = organization, Type = AuditTypes.SignedIn, ActorId = owner.Id,
            }));
            return await database.SaveChangesAsync();
        });
        var ids = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == organization && e.Type == AuditTypes.SignedIn).OrderByDescending(e => e.At).ThenByDescending(e => e.Id).Select(e => e.Id).ToListAsync());

        var (lines, response) = await ExportAsync(session, "application/x-ndjson", "?type=sign_in.succeeded");
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("no-store", response.Headers.CacheControl?.ToString(), StringComparison.Ordinal);
        Assert.Equal(ids, lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetGuid()));

        var (csv, asCsv) = await ExportAsync(session, "text/csv", "?type=sign_in.succeeded");
        Assert.Equal("text/csv", asCsv.Content.Headers.ContentType?.MediaType);
        var rows = csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("id,at,type,outcome,actor,", rows[0], StringComparison.Ordinal);
        Assert.Equal(ids.Select(id => id.ToString()), rows[1..].Select(row => row.Split(',')[0]));
        Assert.Equal(owner.UserName, rows[1].Split(',')[4]);
        Assert.Equal(["audit.exported", "audit.exported"], await TypesAsync("type=audit.exported", session));
        // What accepts everything gets JSON.
        Assert.StartsWith("{\"items\":", (await ExportAsync(session, "application/json, */*;q=0.5")).Body, StringComparison.Ordinal);
        Assert.StartsWith("{\"items\":", (await ExportAsync(session, "text/csv;q=0.1, application/json")).Body, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "L3")]
    public async Task A_name_that_a_spreadsheet_would_run_is_text_in_the_file()
    {
        var (_, _, session) = await NewAsync();
        await _server.CreateApiKeyAsync(session, "=cmd|' /C calc'!A0");
        await _server.CreateApiKeyAsync(session, "a \"b\", c");
        var (csv, _) = await ExportAsync(session, "text/csv", "?type=api_key.created");
        Assert.Contains(",'=cmd|' /C calc'!A0,", csv, StringComparison.Ordinal);
        Assert.Contains(",\"a \"\"b\"\", c\",", csv, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Nodes", "One")]
    public async Task A_refusal_is_written_once_however_often_it_is_tried()
    {
        var (organization, owner, session) = await NewAsync();
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "credentials:write" } })).Key;
        for (var i = 0; i < 5; i++)
            (await _server.PostAsync(KeysPath, key, new { name = "more" })).AssertProblem(403, "interactive_sign_in_required");
        var e = Assert.Single(ItemsOf(await _server.GetAsync($"{Path}?type=access.refused", session)));
        Assert.Equal(("refused", owner.UserName), (e.GetProperty("outcome").GetString(), e.GetProperty("actor").GetProperty("username").GetString()));
        Assert.Equal("POST /api/v1/api-keys: interactive_sign_in_required", e.GetProperty("detail").GetString()!.Replace("keys/", "keys", StringComparison.Ordinal));
        _server.Clock!.Advance(TimeSpan.FromMinutes(10));
        (await _server.PostAsync(KeysPath, key, new { name = "more" })).AssertProblem(403);
        // Of the policy, too.
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 7 } }, etag: "*")).Status);
        (await _server.PostAsync(KeysPath, session, new { name = "long", expiresInDays = 90 })).AssertProblem(403, "expiration_beyond_maximum");
        Assert.Equal(3, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.OrganizationId == organization && e.Type == AuditTypes.AccessRefused)));
    }

    [Fact]
    [Trait("Nodes", "One")]
    public async Task Who_calls_as_an_application_without_its_secret_is_in_its_organizations_log_once()
    {
        var (_, _, session) = await NewAsync();
        var made = await _server.PostAsync("/api/v1/organization/applications", session, new
        {
            name = "portal", type = "web", redirectUris = new[] { TestServer.Callback }, grants = new[] { "authorization_code", "client_credentials" }, scopes = new[] { "platform" },
        });
        var client = made.Text("clientId");
        foreach (var (path, fields) in ((string, (string, string)[])[])[
            ("/connect/token", [("grant_type", "client_credentials")]), ("/connect/introspect", [("token", "x")]), ("/connect/revoke", [("token", "x")]), ("/connect/par", [("response_type", "code")])])
        {
            for (var i = 0; i < 3; i++)
                Assert.Equal("invalid_client", (await _server.PostFormAsync(path, fields, authorization: TestServer.Basic(client, "a wrong secret"))).Error);
            await _server.PostFormAsync(path, fields, authorization: TestServer.Basic(client, made.Text("clientSecret")));
            await _server.PostFormAsync(path, fields, authorization: TestServer.Basic("nobody", "a wrong secret"));
        }

        var events = ItemsOf(await _server.GetAsync($"{Path}?type=application.authentication_failed", session));
        Assert.Equal(["/connect/introspect", "/connect/par", "/connect/revoke", "/connect/token"], events.Select(e => e.GetProperty("detail").GetString()).Order(StringComparer.Ordinal));
        Assert.All(events, e => Assert.Equal(("refused", client, "127.0.0.1"), (e.GetProperty("outcome").GetString(), e.GetProperty("clientId").GetString(), e.GetProperty("address").GetString())));
        Assert.DoesNotContain("a wrong secret", string.Join('\n', events.Select(e => e.GetRawText())), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_type_of_event_is_documented_and_no_other()
    {
        var documented = File.ReadLines(System.IO.Path.Combine(AppContext.BaseDirectory, "docs", "audit.md"))
            .SkipWhile(line => line != "## Types").Select(line => Regex.Match(line, @"^\| `([a-z_]+(?:\.[a-z_]+)?)` \| \S")).Where(match => match.Success).Select(match => match.Groups[1].Value).ToList();
        Assert.Equal(AuditTypes.All, documented.Order(StringComparer.Ordinal));
        Assert.All(AuditTypes.All, type => Assert.InRange(type.Length, 3, 64));
    }
}
