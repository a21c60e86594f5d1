using System.Globalization;
using System.Net.Http;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Introspection (RFC 7662): what a resource server is told, and that others are told nothing.</summary>
public sealed class IntrospectionTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private string Base => _server.Origin.GetLeftPart(UriPartial.Authority);

    private async Task<string> ResourceServerAsync(string? audiences, Guid? organizationId = null, string? secret = Secret)
    {
        var client = shared.NewName("rs");
        await _server.RegisterApplicationAsync(client, secret, audiences, organizationId);
        return client;
    }

    private async Task<(string Username, string Token)> LoginAsync(string scope = TestServer.ManageScopes, Guid? organizationId = null)
    {
        var name = shared.NewName();
        await _server.CreateUserAsync(name, organizationId: organizationId);
        return (name, await _server.LoginWithDeviceAsync(scope: scope, username: name, password: TestServer.UserPassword));
    }

    private static void AssertInactive(Answer answer)
    {
        Assert.Equal(200, answer.Status);
        Assert.Equal("{\"active\":false}", answer.Body);
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Members(Answer answer) => answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal);

    [Fact, Trait("Case", "I1"), Trait("Case", "J3")]
    public async Task A_resource_server_is_told_about_an_access_token_for_its_audience()
    {
        var client = await ResourceServerAsync($"{Base}/platform");
        var (username, token) = await LoginAsync("platform credentials:read");
        var jwt = new JsonWebToken(token);
        var answer = await _server.IntrospectAsync(client, Secret, token, node: 1);
        Assert.Equal(["active", "aud", "client_id", "exp", "iat", "jti", "organization", "scope", "sub", "token_type", "username"], Members(answer));
        Assert.True(answer.Json.GetProperty("active").GetBoolean());
        Assert.Equal((jwt.Subject, username, "platform credentials:read", "Bearer", TestServer.Cli, jwt.Id, "hydrology-lab"),
            (answer.Text("sub"), answer.Text("username"), answer.Text("scope"), answer.Text("token_type"), answer.Text("client_id"), answer.Text("jti"), answer.Text("organization")));
        Assert.Equal([$"{Base}/api", $"{Base}/platform"], answer.Json.GetProperty("aud").EnumerateArray().Select(aud => aud.GetString()));
        Assert.Equal(jwt.GetClaim("exp").Value, answer.Json.GetProperty("exp").GetInt64().ToString(CultureInfo.InvariantCulture));
        Assert.Equal(jwt.GetClaim("iat").Value, answer.Json.GetProperty("iat").GetInt64().ToString(CultureInfo.InvariantCulture));
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "I1"), Trait("Case", "K3")]
    [InlineData(null)]
    [InlineData(30)]
    public async Task A_resource_server_is_told_about_an_API_key_as_the_contract_says(int? days)
    {
        var client = await ResourceServerAsync($"{Base}/platform");
        var (username, bearer) = await LoginAsync();
        var key = await _server.CreateApiKeyAsync(bearer, "key", new { name = "key", expiresInDays = days, scopes = new[] { "platform" } });
        var answer = await _server.IntrospectAsync(client, Secret, key.Key);
        string[] members = ["active", "aud", "iat", "jti", "organization", "scope", "sub", "token_type", "username"];
        Assert.Equal((days is null ? members : [.. members, "exp"]).Order(StringComparer.Ordinal), Members(answer));
        Assert.Equal((username, "platform", "Bearer", key.Id), (answer.Text("username"), answer.Text("scope"), answer.Text("token_type"), answer.Text("jti")));
        Assert.Equal([$"{Base}/api", $"{Base}/platform"], answer.Json.GetProperty("aud").EnumerateArray().Select(aud => aud.GetString()));
        if (days is { } n)
            Assert.Equal(new DateTimeOffset(_server.Now.AddDays(n)).ToUnixTimeSeconds(), answer.Json.GetProperty("exp").GetInt64());
    }

    [Fact, Trait("Case", "I1")]
    public async Task A_resource_server_learns_nothing_about_a_token_for_somebody_else()
    {
        var (_, token) = await LoginAsync("credentials:read");
        AssertInactive(await _server.IntrospectAsync(await ResourceServerAsync($"{Base}/platform"), Secret, token));
        AssertInactive(await _server.IntrospectAsync(await ResourceServerAsync("https://other.example.test"), Secret, token));
        AssertInactive(await _server.IntrospectAsync(await ResourceServerAsync(null), Secret, token));
        AssertInactive(await _server.IntrospectAsync(await ResourceServerAsync("-"), Secret, token));
        AssertInactive(await _server.IntrospectAsync(await ResourceServerAsync($"{Base}/ap {Base}/apis {Base}/API"), Secret, token));
        Assert.True((await _server.IntrospectAsync(await ResourceServerAsync($"x {Base}/api"), Secret, token)).Json.GetProperty("active").GetBoolean());
    }

    [Fact, Trait("Case", "I1"), Trait("Case", "O1")]
    public async Task An_organizations_resource_server_is_told_about_its_own_users_only()
    {
        var (own, foreign) = (await _server.CreateOrganizationAsync(shared.NewName("org")), await _server.CreateOrganizationAsync(shared.NewName("org")));
        var client = await ResourceServerAsync($"{Base}/platform", own.Id);
        var (_, token) = await LoginAsync("platform", own.Id);
        Assert.True((await _server.IntrospectAsync(client, Secret, token)).Json.GetProperty("active").GetBoolean());
        var (_, other) = await LoginAsync(organizationId: foreign.Id);
        AssertInactive(await _server.IntrospectAsync(client, Secret, other));
        AssertInactive(await _server.IntrospectAsync(client, Secret, (await _server.CreateApiKeyAsync(other, "key")).Key));
    }

    [Fact, Trait("Case", "I1")]
    public async Task The_client_a_token_was_made_for_is_no_resource_server()
    {
        var (client, pkce) = (await ResourceServerAsync(null), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            var token = (await _server.RedeemAsync(client, Secret, await _server.GetCodeAsync(browser, client, pkce), pkce)).Text("access_token");
            // RFC 7662 leaves it open whether a client may ask about its own token; the answer has the username, which the token has not.
            AssertInactive(await _server.IntrospectAsync(client, Secret, token));
        }
    }

    [Fact, Trait("Case", "I2")]
    public async Task Whoever_does_not_authenticate_learns_nothing()
    {
        var (_, token) = await LoginAsync();
        var open = await ResourceServerAsync($"{Base}/platform", secret: null);
        var closed = await ResourceServerAsync($"{Base}/platform");
        foreach (var fields in new (string, string)[][]
                 {
                     [("token", token)], [("token", token), ("client_id", open)], [("token", token), ("client_id", closed)], [("token", token), ("client_id", closed), ("client_secret", "wrong")],
                     [("token", token), ("client_id", TestServer.Cli)],
                 })
        {
            var answer = await _server.PostFormAsync("/connect/introspect", fields);
            Assert.True(answer is { Status: 401, Error: "invalid_client" }, answer.ToString());
            Assert.False(answer.Has("active"));
        }

        Assert.Equal(401, (await _server.PostFormAsync("/connect/introspect", [("token", token)], authorization: new("Bearer", token))).Status);
        // A client that has no business here is told so, and nothing about the token.
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == closed).ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, "[]")));
        _server.Services().GetRequiredService<CredentialCache>().Forget();
        Assert.Equal("unauthorized_client", (await _server.IntrospectAsync(closed, Secret, token)).Error);
    }

    [Fact, Trait("Case", "I3")]
    public async Task Whatever_is_not_alive_looks_the_same()
    {
        var client = await ResourceServerAsync($"{Base}/platform {Base}/api");
        var (username, token) = await LoginAsync();
        var key = await _server.CreateApiKeyAsync(token, "key");
        Assert.True((await _server.IntrospectAsync(client, Secret, token)).Json.GetProperty("active").GetBoolean());

        for (var cut = 1; cut <= 40; cut++)
        {
            AssertInactive(await _server.IntrospectAsync(client, Secret, token[..^cut]));
            AssertInactive(await _server.IntrospectAsync(client, Secret, key.Key[..^cut]));
        }

        for (var at = 0; at < token.Length; at += 37)
            AssertInactive(await _server.IntrospectAsync(client, Secret, $"{token[..at]}{(token[at] == 'A' ? 'B' : 'A')}{token[(at + 1)..]}"));
        foreach (var nothing in new[] { "x", "ey.ey.ey", "pwt_x.y", " ", key.Key + "x", token + "A", token + ".", "\u20AC", new string('e', 100_000), "ey" + new string('J', 9000) })
            AssertInactive(await _server.IntrospectAsync(client, Secret, nothing));

        await _server.SetDisabledAsync(username);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        AssertInactive(await _server.IntrospectAsync(client, Secret, token, 1));
        AssertInactive(await _server.IntrospectAsync(client, Secret, key.Key));
        await _server.SetDisabledAsync(username, false);
        Assert.True((await _server.IntrospectAsync(client, Secret, token)).Json.GetProperty("active").GetBoolean());

        Assert.Equal(204, (await _server.ApiAsync(HttpMethod.Delete, $"/api/v1/api-keys/{key.Id}", token)).Status);
        AssertInactive(await _server.IntrospectAsync(client, Secret, key.Key));
        _server.Clock.Advance(TimeSpan.FromHours(24));
        AssertInactive(await _server.IntrospectAsync(client, Secret, token));
    }

    [Fact, Trait("Case", "I3"), Trait("Case", "I6")]
    public async Task When_an_organization_is_suspended_its_tokens_are_dead_everywhere_within_a_second()
    {
        var organization = await _server.CreateOrganizationAsync(shared.NewName("org"));
        var client = await ResourceServerAsync($"{Base}/platform");
        var (_, token) = await LoginAsync(organizationId: organization.Id);
        var key = (await _server.CreateApiKeyAsync(token, "key")).Key;
        foreach (var node in new[] { 0, 1 })
            Assert.True((await _server.IntrospectAsync(client, Secret, token, node)).Json.GetProperty("active").GetBoolean());
        await _server.SetSuspendedAsync(organization.Slug);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        foreach (var node in new[] { 0, 1 })
        {
            AssertInactive(await _server.IntrospectAsync(client, Secret, token, node));
            AssertInactive(await _server.IntrospectAsync(client, Secret, key, node));
            Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token, node: node)).Status);
        }
    }

    [Fact, Trait("Case", "I3"), Trait("Case", "O11")]
    public async Task A_suspended_resource_server_is_told_nothing()
    {
        var client = await ResourceServerAsync($"{Base}/platform");
        var (_, token) = await LoginAsync();
        await _server.SuspendApplicationAsync(client);
        AssertInactive(await _server.IntrospectAsync(client, Secret, token));
    }

    [Theory, Trait("Case", "I4")]
    [InlineData("access_token")]
    [InlineData("refresh_token")]
    [InlineData("api_key")]
    [InlineData("nonsense")]
    public async Task A_hint_that_lies_changes_nothing(string hint)
    {
        var client = await ResourceServerAsync($"{Base}/platform");
        var (_, token) = await LoginAsync();
        var key = (await _server.CreateApiKeyAsync(token, "key")).Key;
        foreach (var credential in new[] { token, key })
            Assert.Equal((await _server.IntrospectAsync(client, Secret, credential)).Body, (await _server.IntrospectAsync(client, Secret, credential, hint: hint)).Body);
        AssertInactive(await _server.IntrospectAsync(client, Secret, "x", hint: hint));
    }

    [Fact, Trait("Case", "T10")]
    public async Task An_ID_token_a_code_and_a_device_code_are_no_access_tokens()
    {
        var (client, pkce) = (await ResourceServerAsync($"{Base}/platform"), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            var code = await _server.GetCodeAsync(browser, client, pkce);
            AssertInactive(await _server.IntrospectAsync(client, Secret, code));
            AssertInactive(await _server.IntrospectAsync(client, Secret, (await _server.StartDeviceAsync()).DeviceCode));
            var tokens = await _server.RedeemAsync(client, Secret, code, pkce);
            AssertInactive(await _server.IntrospectAsync(client, Secret, tokens.Text("id_token")));
            Assert.True((await _server.IntrospectAsync(client, Secret, tokens.Text("access_token"))).Json.GetProperty("active").GetBoolean());
        }
    }
}
