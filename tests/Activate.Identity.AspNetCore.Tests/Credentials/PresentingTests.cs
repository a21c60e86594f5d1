using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.AspNetCore.Tests.Credentials;

/// <summary>How credentials are presented, what principal they give, and what is answered to those that do not get in (RFC 6750 §3).</summary>
[Collection(IdentityServerTests.Name)]
public sealed class PresentingTests(IdentityServer identity)
{
    private const string ExchangeType = "urn:ietf:params:oauth:grant-type:token-exchange";

    private readonly TestServer _server = identity.Server;

    private string Realm => $"Bearer realm=\"{identity.Platform}\"";

    private static Dictionary<string, string[]> Claims(Answer answer)
    {
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json.EnumerateObject().ToDictionary(claim => claim.Name, claim => claim.Value.EnumerateArray().Select(value => value.GetString()!).ToArray());
    }

    [Fact]
    public async Task The_principal_of_a_token_and_of_a_key_is_the_same_but_for_what_tells_them_apart()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (username, session, key) = await identity.PersonAsync(scopes: ["platform", "credentials:read"]);
        var token = (await _server.ApiAsync(HttpMethod.Post, "/api/v1/tokens", session, new { scopes = new[] { "platform", "credentials:read" } })).Text("token");
        var ofToken = Claims(await sample.GetAsync("/whoami", token));
        var ofKey = Claims(await sample.GetAsync("/whoami", key.Key));
        foreach (var claims in new[] { ofToken, ofKey })
        {
            Assert.Equal([username], claims["preferred_username"]);
            Assert.Equal(["platform", "credentials:read"], claims["scope"]);
            Assert.Equal(["hydrology-lab"], claims["organization"]);
            Assert.Equal([$"{identity.Base}/api", identity.Platform], claims["aud"]);
            Assert.Equal([$"{identity.Base}/"], claims["iss"]);
        }

        Assert.Equal(ofToken["sub"], ofKey["sub"]);
        Assert.Equal(["accessToken"], ofToken["credential_kind"]);
        Assert.Equal(["apiKey"], ofKey["credential_kind"]);
        Assert.Equal([key.Id], ofKey["jti"]);
        Assert.Equal(["aud", "client_id", "credential_kind", "exp", "iat", "iss", "jti", "organization", "preferred_username", "scope", "sub"], ofToken.Keys.Order(StringComparer.Ordinal));
        // A key belongs to no client.
        Assert.Equal(["client_id"], ofToken.Keys.Except(ofKey.Keys));
        Assert.Empty(ofKey.Keys.Except(ofToken.Keys));
    }

    [Fact]
    public async Task An_endless_key_has_no_end()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, _) = await identity.PersonAsync();
        var endless = await _server.CreateApiKeyAsync(session, "endless", new { name = "endless", expiresInDays = (int?)null });
        Assert.DoesNotContain("exp", Claims(await sample.GetAsync("/whoami", endless.Key)).Keys);
    }

    [Fact]
    public async Task Basic_takes_a_key_as_the_username_with_an_empty_password()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (username, session, key) = await identity.PersonAsync();
        Assert.Equal([username], Claims(await sample.GetAsync("/whoami", TestServer.Basic(key.Key)))["preferred_username"]);
        Assert.Equal(401, (await sample.GetAsync("/whoami", TestServer.Basic(key.Key, "x"))).Status);
        Assert.Equal(401, (await sample.GetAsync("/whoami", TestServer.Basic("", key.Key))).Status);
        Assert.Equal(401, (await sample.GetAsync("/whoami", TestServer.Basic(session))).Status);
        Assert.Equal(401, (await sample.GetAsync("/whoami", new AuthenticationHeaderValue("Basic", "%%%"))).Status);
        Assert.Equal(401, (await sample.GetAsync("/whoami", new AuthenticationHeaderValue("Basic", new string('A', 4000)))).Status);
    }

    [Fact, Trait("Case", "E1")]
    public async Task An_exchanged_token_is_accepted_where_it_was_asked_for()
    {
        await using var sample = await identity.ResourceServerAsync("https://jobs.example.test/exchange");
        var (username, _, key) = await identity.PersonAsync();
        Assert.Equal(401, (await sample.GetAsync("/whoami", key.Key)).Status);
        var exchanged = await _server.PostFormAsync("/connect/token", [("grant_type", ExchangeType), ("client_id", TestServer.Cli), ("subject_token", key.Key),
            ("subject_token_type", "urn:parallelworks:token-type:api-key"), ("resource", "https://jobs.example.test/exchange")]);
        Assert.True(exchanged.Status == 200, exchanged.ToString());
        var claims = Claims(await sample.GetAsync("/whoami", exchanged.Text("access_token")));
        Assert.Equal([username], claims["preferred_username"]);
        Assert.Equal(["accessToken"], claims["credential_kind"]);
    }

    [Fact]
    public async Task An_application_that_acts_for_itself_has_no_username()
    {
        await using var sample = await identity.ResourceServerAsync();
        var client = identity.NewName("svc");
        await _server.RegisterApplicationAsync(client, IdentityServer.Secret);
        var answer = await _server.PostFormAsync("/connect/token", [("grant_type", "client_credentials"), ("scope", "platform")],
            authorization: TestServer.Basic(client, Uri.EscapeDataString(IdentityServer.Secret)));
        var claims = Claims(await sample.GetAsync("/whoami", answer.Text("access_token")));
        Assert.Equal([client], claims["sub"]);
        Assert.Equal([client], claims["client_id"]);
        Assert.DoesNotContain("preferred_username", claims.Keys);
    }

    [Fact]
    public async Task Without_a_credential_the_challenge_names_no_error_and_open_endpoints_stay_open()
    {
        await using var sample = await identity.ResourceServerAsync();
        foreach (var path in new[] { "/whoami", "/jobs" })
        {
            var answer = await sample.GetAsync(path, (string?)null);
            Assert.Equal((401, Realm), (answer.Status, answer.Header("WWW-Authenticate")));
        }

        Assert.Equal(401, (await sample.GetAsync("/whoami", new AuthenticationHeaderValue("Digest", "x=y"))).Status);
        Assert.Equal(200, (await sample.GetAsync("/", (string?)null)).Status);
        Assert.Equal(200, (await sample.GetAsync("/", "garbage")).Status);
        Assert.Equal(0, sample.Line.Introspections);
    }

    [Fact]
    public async Task A_refused_credential_is_invalid_token()
    {
        await using var sample = await identity.ResourceServerAsync();
        var answer = await sample.GetAsync("/whoami", "garbage");
        Assert.Equal(401, answer.Status);
        Assert.StartsWith($"{Realm}, error=\"invalid_token\", error_description=\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.EndsWith("\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "K9")]
    public async Task Two_credentials_are_one_too_many_and_a_query_is_never_read()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, _, key) = await identity.PersonAsync();
        var inQuery = await sample.GetAsync($"/whoami?access_token={key.Key}", (string?)null);
        Assert.Equal((401, Realm), (inQuery.Status, inQuery.Header("WWW-Authenticate")));
        using var twoHeaders = new HttpRequestMessage(HttpMethod.Get, "/whoami");
        twoHeaders.Headers.TryAddWithoutValidation("Authorization", [$"Bearer {key.Key}", $"Basic {key.Key}"]);
        foreach (var answer in new[]
        {
            await sample.GetAsync($"/whoami?access_token={key.Key}", key.Key),
            await sample.GetAsync("/whoami", new AuthenticationHeaderValue("Bearer", $"{key.Key}, Bearer {key.Key}")),
            await sample.GetAsync("/whoami", new AuthenticationHeaderValue("Bearer", $"{key.Key} {key.Key}")),
            await Answer.FromAsync(await sample.Client.SendAsync(twoHeaders)),
        })
        {
            Assert.Equal(400, answer.Status);
            Assert.StartsWith($"{Realm}, error=\"invalid_request\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }

        Assert.Equal(0, sample.Line.Introspections);
    }

    [Fact]
    public async Task What_an_application_adds_to_a_principal_is_not_there_in_the_next_request()
    {
        await using var sample = await identity.ResourceServerAsync(services: services =>
            Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton<Microsoft.AspNetCore.Authentication.IClaimsTransformation, Careless>(services));
        var (_, _, key) = await identity.PersonAsync();
        for (var i = 0; i < 3; i++)
            Assert.Single(Claims(await sample.GetAsync("/whoami", key.Key))["visited"]);
    }

    /// <summary>Changes the principal that it is given, as many do.</summary>
    private sealed class Careless : Microsoft.AspNetCore.Authentication.IClaimsTransformation
    {
        public Task<System.Security.Claims.ClaimsPrincipal> TransformAsync(System.Security.Claims.ClaimsPrincipal principal)
        {
            ((System.Security.Claims.ClaimsIdentity)principal.Identity!).AddClaim(new System.Security.Claims.Claim("visited", "yes"));
            return Task.FromResult(principal);
        }
    }

    [Fact, Trait("Case", "K6")]
    public async Task No_log_line_holds_a_secret_at_any_level()
    {
        await using var sample = await identity.ResourceServerAsync();
        var (_, session, key) = await identity.PersonAsync();
        var garbage = key.Key[..^1] + (key.Key[^1] == 'a' ? 'b' : 'a');
        foreach (var credential in new[] { session, key.Key, garbage, session[..^5] + "AAAAA" })
        {
            await sample.GetAsync("/whoami", credential);
            await sample.GetAsync("/audit", credential);
            await sample.GetAsync("/whoami", TestServer.Basic(credential));
        }

        sample.Line.Instead = () => throw new HttpRequestException("refused");
        var (_, other, _) = await identity.PersonAsync();
        Assert.Equal(503, (await sample.GetAsync("/whoami", other)).Status);
        Assert.NotEmpty(sample.Logs.Lines);
        foreach (var secret in new[] { session, key.Key, garbage, other, IdentityServer.Secret, Uri.EscapeDataString(IdentityServer.Secret), TestServer.Basic(key.Key).Parameter! })
            Assert.DoesNotContain(secret, sample.Logs.ToString(), StringComparison.Ordinal);
    }
}
