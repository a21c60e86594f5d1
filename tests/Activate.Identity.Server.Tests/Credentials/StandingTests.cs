using System.Text.Json;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Credentials;

/// <summary>A credential is worth what its owner and its scopes are worth now.</summary>
public class StandingTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Me = "/api/v1/me";
    private const string Accounts = "/api/v1/organization/service-accounts";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    [Trait("Case", "K12")]
    public async Task Every_credential_of_a_disabled_user_is_refused_within_a_second_and_works_again_afterwards()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        var token = (await _server.PostAsync("/api/v1/tokens", session, new { })).Text("token");
        string[] credentials = [session, key, token];
        foreach (var credential in credentials)
            Assert.Equal(200, (await _server.GetAsync(Me, credential)).Status);
        await _server.SetDisabledAsync(user.UserName!);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        foreach (var credential in credentials)
            (await _server.GetAsync(Me, credential)).AssertProblem(401, "invalid_credential");
        await _server.SetDisabledAsync(user.UserName!, false);
        foreach (var credential in credentials)
            Assert.Equal(200, (await _server.GetAsync(Me, credential)).Status);
    }

    [Fact]
    [Trait("Case", "K12")]
    public async Task A_suspended_organization_takes_all_its_credentials_along_and_no_others()
    {
        var organization = await _server.CreateOrganizationAsync($"org-{Guid.NewGuid():N}"[..20]);
        var (_, theirs) = await _server.AddPersonAsync(Role.Owner, organization.Id);
        var (_, ours) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(theirs, "a")).Key;
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);
        await _server.SetSuspendedAsync(organization.Slug);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync(Me, key)).AssertProblem(401, "invalid_credential");
        (await _server.GetAsync(Me, theirs)).AssertProblem(401, "invalid_credential");
        Assert.Equal(200, (await _server.GetAsync(Me, ours)).Status);
    }

    [Fact]
    [Trait("Case", "K12")]
    [Trait("Case", "O9")]
    public async Task A_lower_role_takes_the_scopes_it_may_not_have_within_a_second()
    {
        var (user, session) = await _server.AddPersonAsync(Role.Admin);
        var key = (await _server.CreateApiKeyAsync(session, "a", new { name = "a", scopes = new[] { "platform", "organization:read", "organization:write", "credentials:read" } })).Key;
        Assert.Equal(["platform", "organization:read", "organization:write", "credentials:read"], await ScopesAsync(key));
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.Role, Role.Member)));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["platform", "organization:read", "credentials:read"], await ScopesAsync(key));
        Assert.DoesNotContain("organization:write", await ScopesAsync(session));
        Assert.Equal("member", (await _server.GetAsync(Me, key)).Text("role"));
    }

    [Fact]
    [Trait("Case", "K12")]
    public async Task Deleting_the_user_ends_everything()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = (await _server.CreateApiKeyAsync(session, "a")).Key;
        Assert.Equal(200, (await _server.GetAsync(Me, key)).Status);
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == user.Id).ExecuteDeleteAsync());
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync(Me, key)).AssertProblem(401);
        (await _server.GetAsync(Me, session)).AssertProblem(401);
    }

    [Fact]
    public async Task No_key_makes_a_key()
    {
        var (user, session) = await _server.AddPersonAsync(Role.Owner);
        string[] scopes = ["platform", "credentials:read", "credentials:write", "organization:read", "organization:write", "audit:read"];
        var all = await _server.GrantAsync(user.Id, string.Join(' ', scopes));
        var own = await _server.CreateApiKeyAsync(session, "target");
        var weak = new Dictionary<string, string>
        {
            ["API key"] = (await _server.CreateApiKeyAsync(all, "all", new { name = "all", scopes })).Key,
            ["generated token"] = (await _server.PostAsync("/api/v1/tokens", all, new { scopes })).Text("token"),
            ["device login without credentials:write"] = await _server.GrantAsync(user.Id, "platform credentials:read organization:write"),
            ["session that nobody signed in for"] = await _server.GrantAsync(user.Id, interactive: false),
        };
        foreach (var (what, credential) in weak)
        {
            foreach (var (path, body) in ((string, object?)[])[(KeysPath, new { name = "x" }), ("/api/v1/tokens", new { }), ($"{KeysPath}/{own.Id}/rotate", null), (KeysPath, new { nonsense = 1 }), ("/api/v1/tokens", null),
                ("/api/v1/signing-keys/rotate", null), ("/api/v1/organization/ssh-certificate-authorities/rotate", null),
                ("/api/v1/organization/clusters", new { name = "c", address = "c.example.test" }), ("/api/v1/organization/identity-providers", new { name = "i", issuer = "https://i.example.test", clientId = "i" }),
                ($"/api/v1/organization/identity-providers/{own.Id}/check", null), ($"/api/v1/organization/clusters/{own.Id}/rotate-key", null),
                (Accounts, new { username = "weak", description = "d", keepers = new[] { user.UserName } }), ($"{Accounts}/{own.Id}/api-keys", new { name = "x" }), ($"{Accounts}/{own.Id}/api-keys/{own.Id}/rotate", null),
                ("/api/v1/organization/members", new { username = "weak", email = "weak@example.test" }), ("/api/v1/organization/credentials/end", new { owner = "nobody" }), ("/api/v1/organization/members/import", new { people = Array.Empty<object>() }),
                ($"/api/v1/organization/members/{user.Id}/invitation", null), ($"/api/v1/organization/members/{user.Id}/revoke-credentials", null),
                ($"/api/v1/organization/members/{user.Id}/reset-second-factor", null),
                ("/api/v1/organizations", new { name = "o", owner = new { username = "weak", email = "weak@example.test" } }),
                ("/api/v1/organization/applications", new { name = "a", type = "service", scopes = new[] { "platform" } }), ($"/api/v1/organization/applications/{own.Id}/secret", null),
                ("/api/v1/applications", new { name = "a", type = "service", scopes = new[] { "platform" } }), ($"/api/v1/applications/{own.Id}/secret", null), ($"/api/v1/organization/ssh-fingerprints/SHA256:{new string('A', 43)}/allow", null)])
            {
                var answer = await _server.PostAsync(path, credential, body);
                Assert.True(answer is { Status: 403, Error: "interactive_sign_in_required" }, $"{what} POST {path}: {answer}");
            }
        }

        foreach (var (what, credential) in weak)
        {
            foreach (var answer in (Answer[])[await _server.PatchAsync($"/api/v1/organization/members/{user.Id}", credential, new { role = "member" }),
                         await _server.DeleteAsync($"/api/v1/organization/members/{user.Id}", credential), await _server.PatchAsync($"/api/v1/organizations/{user.OrganizationId}", credential, new { suspended = true }),
                         await _server.PatchAsync($"{Accounts}/{user.Id}", credential, new { role = "admin" }), await _server.DeleteAsync($"{Accounts}/{user.Id}", credential),
                         await _server.PatchAsync($"{Accounts}/{user.Id}/api-keys/{own.Id}", credential, new { allowedAddresses = (string[]?)null }), await _server.DeleteAsync($"{Accounts}/{user.Id}/api-keys/{own.Id}", credential)])
                Assert.True(answer is { Status: 403, Error: "interactive_sign_in_required" }, $"{what}: {answer}");
        }

        Assert.Equal(2, (await _server.GetAsync(KeysPath, session)).Items());
        Assert.Equal(1, (await _server.GetAsync("/api/v1/tokens", session)).Items());
    }

    [Fact]
    public async Task Nobody_gives_a_scope_beyond_the_role_the_own_credential_or_a_recent_sign_in()
    {
        var member = await _server.AddUserAsync();
        var session = await _server.GrantAsync(member.Id, "platform credentials:read credentials:write organization:write");
        foreach (var path in (string[])[KeysPath, "/api/v1/tokens"])
        {
            (await _server.PostAsync(path, session, new { name = "x", scopes = new[] { "organization:write" } })).AssertProblem(403, "scope_beyond_role", "scopes");
            (await _server.PostAsync(path, session, new { name = "x", scopes = new[] { "audit:read" } })).AssertProblem(403, "scope_beyond_role", "scopes");
            (await _server.PostAsync(path, session, new { name = "x", scopes = new[] { "organization:read" } })).AssertProblem(403, "scope_beyond_credential", "scopes");
        }

        var admin = await _server.AddUserAsync(Role.Admin);
        var fresh = await _server.GrantAsync(admin.Id);
        Assert.Equal(201, (await _server.PostAsync(KeysPath, fresh, new { name = "fresh", scopes = new[] { "credentials:write", "organization:write" } })).Status);
        foreach (var sensitive in (string[])["credentials:write", "organization:write"])
        {
            var old = await _server.GrantAsync(admin.Id, signedInAgo: TimeSpan.FromMinutes(10));
            (await _server.PostAsync(KeysPath, old, new { name = "x", scopes = new[] { sensitive } })).AssertProblem(403, "recent_sign_in_required", "scopes");
            (await _server.PostAsync("/api/v1/tokens", old, new { scopes = new[] { sensitive } })).AssertProblem(403, "recent_sign_in_required", "scopes");
            var just = await _server.GrantAsync(admin.Id, signedInAgo: TimeSpan.FromMinutes(10) - TimeSpan.FromSeconds(1));
            Assert.Equal(201, (await _server.PostAsync(KeysPath, just, new { name = sensitive, scopes = new[] { sensitive } })).Status);
        }

        // The default has what the credential in use has of it.
        var narrow = await _server.GrantAsync(admin.Id, "platform credentials:write");
        var made = await _server.CreateApiKeyAsync(narrow, "narrow");
        Assert.Equal(["platform"], await ScopesAsync(made.Key));
    }

    [Fact]
    public async Task Each_endpoint_wants_its_scope_and_says_which()
    {
        var (user, session) = await _server.AddPersonAsync();
        var id = (await _server.CreateApiKeyAsync(session, "a")).Id;
        var none = await _server.GrantAsync(user.Id, "platform");
        foreach (var path in (string[])[KeysPath, $"{KeysPath}/{id}", "/api/v1/tokens", "/api/v1/sessions", "/api/v1/expiration-choices"])
        {
            var answer = await _server.GetAsync(path, none);
            Assert.True(answer is { Status: 403, Error: "insufficient_scope" }, $"{path}: {answer}");
            Assert.Contains("credentials:read", answer.Text("detail"), StringComparison.Ordinal);
            Assert.Contains("insufficient_scope", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }

        var read = await _server.GrantAsync(user.Id, "platform credentials:read");
        foreach (var path in (string[])[$"{KeysPath}/{id}", $"/api/v1/tokens/{id}", $"/api/v1/sessions/{id}"])
            Assert.Equal("insufficient_scope", (await _server.DeleteAsync(path, read)).Error);
        Assert.Equal("insufficient_scope", (await _server.PatchAsync($"{KeysPath}/{id}", read, new { name = "x" })).Error);
        Assert.Equal(200, (await _server.GetAsync(Me, none)).Status);
    }

    [Fact]
    public async Task The_last_use_is_written_in_batches_and_never_goes_backwards()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "a");
        await _server.FlushLastUsesAsync();
        Assert.Equal(JsonValueKind.Null, (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Json.GetProperty("lastUsedAt").ValueKind);
        var used = _server.Now;
        for (var i = 0; i < 5; i++)
            await _server.GetAsync(Me, key.Key);
        Assert.Equal(JsonValueKind.Null, (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Json.GetProperty("lastUsedAt").ValueKind);
        await _server.FlushLastUsesAsync();
        var item = await _server.GetAsync($"{KeysPath}/{key.Id}", session);
        Assert.InRange((item.Json.GetProperty("lastUsedAt").GetDateTime() - used).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal("127.0.0.1", item.Text("lastUsedFrom"));

        // Another node has written a later use meanwhile.
        var later = used.AddMinutes(5);
        await _server.GetAsync(Me, key.Key);
        await _server.QueryAsync(database => database.ApiKeys.Where(k => k.Id == Guid.Parse(key.Id)).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, later).SetProperty(k => k.LastUsedFrom, "192.0.2.1")));
        await _server.FlushLastUsesAsync();
        Assert.Equal("192.0.2.1", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("lastUsedFrom"));

        // A refused request uses nothing; the timer writes without being asked.
        await _server.FlushLastUsesAsync();
        var sessions = await _server.GetAsync("/api/v1/sessions", session);
        Assert.NotEqual(JsonValueKind.Null, sessions.Json.GetProperty("items")[0].GetProperty("lastUsedAt").ValueKind);
    }

    [Fact]
    public async Task A_session_lists_itself_and_ends_itself()
    {
        var (user, session) = await _server.AddPersonAsync();
        var me = await _server.GetAsync(Me, session);
        var id = me.Json.GetProperty("credential").GetProperty("id").GetString();
        Assert.Equal("session", me.Json.GetProperty("credential").GetProperty("kind").GetString());
        var list = await _server.GetAsync("/api/v1/sessions", session);
        Assert.Equal(id, list.Json.GetProperty("items")[0].GetProperty("id").GetString());
        // A session is not to be had through the tokens, nor a token through the sessions.
        (await _server.DeleteAsync($"/api/v1/tokens/{id}", session)).AssertProblem(404, "not_found");
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/sessions/{id}", session)).Status);
        (await _server.GetAsync(Me, session)).AssertProblem(401, "invalid_credential");
        Assert.Equal(0, (await _server.GetAsync("/api/v1/sessions", await _server.GrantAsync(user.Id, kind: CredentialKind.Token))).Items());
    }

    private async Task<string?[]> ScopesAsync(string credential) =>
        [.. (await _server.GetAsync(Me, credential)).Json.GetProperty("credential").GetProperty("scopes").EnumerateArray().Select(scope => scope.GetString())];
}
