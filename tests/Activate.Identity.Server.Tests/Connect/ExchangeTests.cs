using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Token exchange (RFC 8693) and client credentials: never more, never later, dead with the parent, and no row until somebody ends one.</summary>
public sealed class ExchangeTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
    private const string ApiKeyType = "urn:parallelworks:token-type:api-key";
    private readonly TestServer _server = shared.Server;

    private string Origin => _server.Origin.GetLeftPart(UriPartial.Authority);

    private async Task<int> MeAsync(string credential, int node = 0) => (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", credential, node: node)).Status;

    private async Task<string> RegisterAsync(string? audiences = null, Guid? organizationId = null)
    {
        var client = shared.NewName("svc");
        await _server.RegisterApplicationAsync(client, Secret, audiences, organizationId);
        return client;
    }

    private async Task<string> LoginAsync(string scope = TestServer.ManageScopes)
    {
        var name = shared.NewName();
        await _server.CreateUserAsync(name, Core.Organizations.Role.Admin);
        return await _server.LoginWithDeviceAsync(scope: scope, username: name, password: TestServer.UserPassword);
    }

    private Task<Answer> ExchangeAsync(string? client, string subject, string type, params (string, string)[] more) => _server.PostFormAsync("/connect/token",
        [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", subject), ("subject_token_type", type),
            .. client is null ? [("client_id", TestServer.Cli)] : Array.Empty<(string, string)>(), .. more],
        authorization: client is null ? null : TestServer.Basic(client, Secret));

    private Task<Answer> ForItselfAsync(string client, params (string, string)[] more) =>
        _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), .. more], authorization: TestServer.Basic(client, Secret));

    private static JsonElement Payload(string jwt) => JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(jwt.Split('.')[1])).RootElement;

    private static void AssertRefused(Answer answer, params string[] errors) => Assert.True(answer.Status is 400 or 401 && errors.Contains(answer.Error), answer.ToString());

    [Fact]
    public async Task An_API_key_becomes_an_access_token_without_a_row()
    {
        var rs = await RegisterAsync($"{Origin}/platform {Origin}/api");
        var session = await LoginAsync();
        var key = (await _server.CreateApiKeyAsync(session, "k")).Key;
        var rows = await _server.QueryAsync(database => database.TokenGrants.CountAsync());
        foreach (var client in new[] { rs, null })
        {
            var answer = await ExchangeAsync(client, key, ApiKeyType);
            Assert.True(answer.Status == 200, answer.ToString());
            Assert.Equal((AccessTokenType, "Bearer", "platform credentials:read"), (answer.Text("issued_token_type"), answer.Text("token_type"), answer.Text("scope")));
            Assert.False(answer.Has("refresh_token"));
            Assert.InRange(answer.Json.GetProperty("expires_in").GetInt32(), 1, 24 * 3600);
            Assert.Equal($"{Origin}/api", Payload(answer.Text("access_token")).GetProperty("aud").GetString());
            Assert.Equal((200, 200), (await MeAsync(answer.Text("access_token")), await MeAsync(answer.Text("access_token"), 1)));
            Assert.True((await _server.IntrospectAsync(rs, Secret, answer.Text("access_token"))).Json.GetProperty("active").GetBoolean());
        }

        Assert.Equal(rows, await _server.QueryAsync(database => database.TokenGrants.CountAsync()));
    }

    [Fact, Trait("Case", "E2")]
    public async Task It_never_has_more_scope_and_only_resources_that_there_are()
    {
        var resource = $"https://{shared.NewName("jupyter")}.example.test/";
        var rs = await RegisterAsync($"{resource} {Origin}/api");
        var key = (await _server.CreateApiKeyAsync(await LoginAsync(), "k")).Key;
        AssertRefused(await ExchangeAsync(rs, key, ApiKeyType, ("scope", "platform audit:read")), "invalid_scope");
        AssertRefused(await ExchangeAsync(rs, key, ApiKeyType, ("resource", "https://nobody.example.test/")), "invalid_target");
        AssertRefused(await ExchangeAsync(rs, key, ApiKeyType, ("audience", "nobody")), "invalid_target");
        var answer = await ExchangeAsync(rs, key, ApiKeyType, ("scope", "platform"), ("resource", resource));
        Assert.Equal((200, "platform"), (answer.Status, answer.Text("scope")));
        Assert.Equal(resource, Payload(answer.Text("access_token")).GetProperty("aud").GetString());
        // It is for that resource server, not for us.
        Assert.Equal(401, await MeAsync(answer.Text("access_token")));
        Assert.True((await _server.IntrospectAsync(rs, Secret, answer.Text("access_token"))).Json.GetProperty("active").GetBoolean());
        var other = await RegisterAsync($"{Origin}/platform");
        Assert.Equal("{\"active\":false}", (await _server.IntrospectAsync(other, Secret, answer.Text("access_token"))).Body);
    }

    [Fact, Trait("Case", "E1")]
    public async Task A_token_of_another_client_is_exchanged_only_by_who_answers_for_its_audience()
    {
        var session = await LoginAsync();
        AssertRefused(await ExchangeAsync(await RegisterAsync("https://other.example.test/"), session, AccessTokenType), "invalid_grant");
        Assert.Equal(200, (await ExchangeAsync(await RegisterAsync($"{Origin}/platform"), session, AccessTokenType)).Status);
        // Nor by the command line, which proves nothing.
        var name = shared.NewName();
        await _server.CreateUserAsync(name);
        using var browser = await _server.SignInAsync(username: name, password: TestServer.UserPassword);
        var app = await RegisterAsync();
        AssertRefused(await ExchangeAsync(null, (await _server.ConnectAsync(browser, app, Secret)).Text("access_token"), AccessTokenType), "invalid_grant");
        Assert.Equal(200, (await ExchangeAsync(null, session, AccessTokenType)).Status);
        var foreign = (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id;
        AssertRefused(await ExchangeAsync(await RegisterAsync($"{Origin}/platform", foreign), session, AccessTokenType), "invalid_grant");
        AssertRefused(await ExchangeAsync(await RegisterAsync($"{Origin}/platform", foreign), (await _server.CreateApiKeyAsync(session, "k")).Key, ApiKeyType), "invalid_grant");
    }

    [Fact, Trait("Case", "E2")]
    public async Task Without_a_scope_it_has_what_the_clients_registration_allows()
    {
        var client = await RegisterAsync($"{Origin}/api");
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, a => a.Permissions!.Replace("\"scp:credentials:read\"", "\"scp:nothing\""))));
        var key = (await _server.CreateApiKeyAsync(await LoginAsync(), "k")).Key;
        Assert.Equal("platform", (await ExchangeAsync(client, key, ApiKeyType)).Text("scope"));
        AssertRefused(await ExchangeAsync(client, key, ApiKeyType, ("scope", "credentials:read")), "invalid_scope", "invalid_request");
    }

    [Fact, Trait("Case", "E3")]
    public async Task A_credential_under_a_false_type_is_refused()
    {
        var client = await RegisterAsync($"{Origin}/api");
        var session = await LoginAsync();
        var key = (await _server.CreateApiKeyAsync(session, "k")).Key;
        AssertRefused(await ExchangeAsync(client, key, AccessTokenType), "invalid_grant");
        AssertRefused(await ExchangeAsync(client, session, ApiKeyType), "invalid_grant");
        foreach (var type in new[] { "refresh_token", "id_token", "jwt", "saml2" })
            AssertRefused(await ExchangeAsync(client, session, $"urn:ietf:params:oauth:token-type:{type}"), "invalid_request");
        AssertRefused(await ExchangeAsync(client, session, AccessTokenType, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")), "invalid_request");
        foreach (var nothing in new[] { "x", "ey.ey.ey", key[..^1] + "0" })
            AssertRefused(await ExchangeAsync(client, nothing, AccessTokenType), "invalid_grant");
    }

    [Fact, Trait("Case", "E4")]
    public async Task It_dies_with_its_parent_and_never_ends_later()
    {
        var client = await RegisterAsync($"{Origin}/api");
        var session = await LoginAsync();
        var made = await _server.ApiAsync(HttpMethod.Post, "/api/v1/tokens", session, new { name = "t", expiresInHours = 1 });
        _server.Clock!.Advance(TimeSpan.FromMinutes(45));
        var child = await ExchangeAsync(client, made.Text("token"), AccessTokenType);
        Assert.InRange(child.Json.GetProperty("expires_in").GetInt32(), 1, 15 * 60);
        var key = await _server.CreateApiKeyAsync(session, "k");
        var ofKey = await ExchangeAsync(client, key.Key, ApiKeyType);
        Assert.Equal((200, 200), (await MeAsync(child.Text("access_token")), await MeAsync(ofKey.Text("access_token"), 1)));

        await _server.ApiAsync(HttpMethod.Delete, $"/api/v1/tokens/{made.Text("id")}", session);
        await _server.ApiAsync(HttpMethod.Delete, $"/api/v1/api-keys/{key.Id}", session);
        Assert.Equal((401, 401), (await MeAsync(child.Text("access_token")), await MeAsync(ofKey.Text("access_token"))));
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((401, 401), (await MeAsync(child.Text("access_token"), 1), await MeAsync(ofKey.Text("access_token"), 1)));
        AssertRefused(await ExchangeAsync(client, key.Key, ApiKeyType), "invalid_grant");
        AssertRefused(await ExchangeAsync(client, made.Text("token"), AccessTokenType), "invalid_grant");
    }

    [Theory, Trait("Case", "E4")]
    [InlineData("disabled")]
    [InlineData("suspended")]
    [InlineData("ended by time")]
    public async Task What_no_longer_counts_is_not_exchanged(string why)
    {
        var client = await RegisterAsync($"{Origin}/api");
        var organization = (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id;
        var user = await _server.CreateUserAsync(shared.NewName(), organizationId: organization);
        var session = await _server.GrantAsync(user.Id);
        var key = (await _server.CreateApiKeyAsync(session, "k", new { name = "k", expiresInDays = 1 })).Key;
        Assert.Equal(200, (await ExchangeAsync(client, session, AccessTokenType)).Status);
        Assert.Equal(200, (await ExchangeAsync(client, key, ApiKeyType)).Status);
        if (why == "disabled")
            await _server.SetDisabledAsync(user.UserName!, true);
        else if (why == "suspended")
            await _server.QueryAsync(database => database.Organizations.Where(o => o.Id == organization).ExecuteUpdateAsync(set => set.SetProperty(o => o.Suspended, true)));
        _server.Clock!.Advance(why == "ended by time" ? TimeSpan.FromDays(2) : TimeSpan.FromSeconds(1));
        AssertRefused(await ExchangeAsync(client, session, AccessTokenType), "invalid_grant");
        AssertRefused(await ExchangeAsync(client, key, ApiKeyType), "invalid_grant");
    }

    [Fact, Trait("Case", "E6")]
    public async Task Nobody_acts_for_somebody_and_what_was_exchanged_is_not_exchanged_again()
    {
        var client = await RegisterAsync($"{Origin}/api");
        var session = await LoginAsync();
        AssertRefused(await ExchangeAsync(client, session, AccessTokenType, ("actor_token", session), ("actor_token_type", AccessTokenType)), "invalid_request");
        var child = (await ExchangeAsync(client, session, AccessTokenType)).Text("access_token");
        AssertRefused(await ExchangeAsync(client, child, AccessTokenType), "invalid_grant");
    }

    [Fact, Trait("Case", "E8")]
    public async Task A_public_client_does_not_exchange()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client);
        AssertRefused(await _server.PostFormAsync("/connect/token",
            [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("client_id", client), ("subject_token", await LoginAsync()), ("subject_token_type", AccessTokenType)]), "unauthorized_client");
        AssertRefused(await ExchangeAsync("nobody", "x", AccessTokenType), "invalid_client");
    }

    [Fact]
    public async Task An_exchanged_token_is_no_sign_in_and_makes_and_changes_nothing()
    {
        var client = await RegisterAsync($"{Origin}/api");
        var session = await LoginAsync();
        var key = await _server.CreateApiKeyAsync(session, "k", new { name = "k", scopes = new[] { "platform", "credentials:read", "credentials:write" } });
        var child = (await ExchangeAsync(client, key.Key, ApiKeyType, ("scope", "credentials:read credentials:write"))).Text("access_token");
        foreach (var path in new[] { "/api/v1/api-keys", $"/api/v1/api-keys/{key.Id}/rotate", "/api/v1/tokens" })
            Assert.Equal("interactive_sign_in_required", (await _server.PostAsync(path, child, new { name = "x" })).Error);
        Assert.Equal(403, (await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", child)).Status);
        // A person's own session, exchanged, is no longer interactive either.
        var ofSession = (await ExchangeAsync(client, session, AccessTokenType, ("scope", "credentials:write"))).Text("access_token");
        Assert.Equal("interactive_sign_in_required", (await _server.PostAsync("/api/v1/api-keys", ofSession, new { name = "x" })).Error);
    }

    [Fact, Trait("Case", "V3")]
    public async Task An_exchanged_token_is_revoked_alone()
    {
        var client = await RegisterAsync($"{Origin}/api");
        var session = await LoginAsync();
        var (one, two) = ((await ExchangeAsync(client, session, AccessTokenType)).Text("access_token"), (await ExchangeAsync(client, session, AccessTokenType)).Text("access_token"));
        Assert.Equal(200, (await _server.PostFormAsync("/connect/revoke", [("token", one)], authorization: TestServer.Basic(client, Secret))).Status);
        Assert.Equal((401, 200, 200), (await MeAsync(one), await MeAsync(two), await MeAsync(session)));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((401, 200), (await MeAsync(one, 1), await MeAsync(two, 1)));
        Assert.Equal(200, (await _server.PostFormAsync("/connect/revoke", [("token", one)], authorization: TestServer.Basic(client, Secret))).Status);
    }

    [Fact]
    public async Task An_application_gets_a_token_for_itself_that_is_no_users()
    {
        var client = await RegisterAsync();
        var rs = await RegisterAsync($"{Origin}/platform");
        var answer = await ForItselfAsync(client, ("scope", "platform"));
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.False(answer.Has("refresh_token"));
        var payload = Payload(answer.Text("access_token"));
        Assert.Equal((client, client), (payload.GetProperty("sub").GetString(), payload.GetProperty("client_id").GetString()));
        Assert.Equal(("user_required", 403), ((await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", answer.Text("access_token"))).Error, await MeAsync(answer.Text("access_token"))));
        var seen = await _server.IntrospectAsync(rs, Secret, answer.Text("access_token"));
        Assert.True(seen.Json.GetProperty("active").GetBoolean(), seen.ToString());
        Assert.Equal((client, false), (seen.Text("sub"), seen.Has("username")));
        Assert.Equal(0, await _server.QueryAsync(database => database.TokenGrants.CountAsync(grant => grant.ClientId == client)));
        Assert.Equal(403, (await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", answer.Text("access_token"))).Status);
        foreach (var scope in new[] { "openid", "credentials:read", "organization:write" })
            AssertRefused(await ForItselfAsync(client, ("scope", scope)), "invalid_scope");
        AssertRefused(await ForItselfAsync(client, ("resource", "https://nobody.example.test/")), "invalid_target");
    }

    [Fact, Trait("Case", "V3"), Trait("Case", "O11")]
    public async Task An_applications_own_token_ends_by_revocation_and_with_the_application()
    {
        var (client, rs) = (await RegisterAsync(), await RegisterAsync($"{Origin}/platform"));
        var (one, two) = ((await ForItselfAsync(client, ("scope", "platform"))).Text("access_token"), (await ForItselfAsync(client, ("scope", "platform"))).Text("access_token"));
        await _server.PostFormAsync("/connect/revoke", [("token", one)], authorization: TestServer.Basic(client, Secret));
        Assert.Equal((false, true), (await ActiveAsync(one, 0), await ActiveAsync(two, 0)));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((false, true), (await ActiveAsync(one, 1), await ActiveAsync(two, 1)));
        await _server.SuspendApplicationAsync(client);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((false, false), (await ActiveAsync(two, 0), await ActiveAsync(two, 1)));
        AssertRefused(await ForItselfAsync(client), "unauthorized_client");
        await _server.SuspendApplicationAsync(client, suspended: false);
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await ActiveAsync(two, 0));
        _server.Clock.Advance(TimeSpan.FromHours(1));
        Assert.False(await ActiveAsync(two, 0));

        async Task<bool> ActiveAsync(string token, int node) => (await _server.IntrospectAsync(rs, Secret, token, node)).Json.GetProperty("active").GetBoolean();
    }

    [Fact]
    public async Task An_application_that_asks_for_ES256_gets_it()
    {
        var (client, rs) = (await RegisterAsync(), await RegisterAsync($"{Origin}/platform"));
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.SigningAlgorithm, "ES256")));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        var token = (await ForItselfAsync(client, ("scope", "platform"))).Text("access_token");
        Assert.Equal("ES256", JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[0])).RootElement.GetProperty("alg").GetString());
        Assert.True((await _server.IntrospectAsync(rs, Secret, token)).Json.GetProperty("active").GetBoolean());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var signedIn = await _server.ConnectAsync(person, client, Secret);
        foreach (var member in new[] { "id_token", "access_token" })
            Assert.Equal("ES256", JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(signedIn.Text(member).Split('.')[0])).RootElement.GetProperty("alg").GetString());
        Assert.Equal(200, await MeAsync(signedIn.Text("access_token")));
    }
}
