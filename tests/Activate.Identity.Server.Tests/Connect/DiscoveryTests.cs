using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Server.Tests.Keys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>What the server says about itself: the truth, and nothing that a request can steer.</summary>
public sealed class DiscoveryTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = shared.Server;

    private async Task<Answer> GetAsync(string path)
    {
        using var client = _server.Client();
        return await Answer.FromAsync(await client.GetAsync(new Uri(_server.Origin, path)));
    }

    private static IEnumerable<string> Strings(Answer answer, string member) => answer.Json.GetProperty(member).EnumerateArray().Select(value => value.GetString()!).Order(StringComparer.Ordinal);

    [Theory, Trait("Case", "A2"), Trait("Case", "A17")]
    [InlineData("/.well-known/openid-configuration")]
    [InlineData("/.well-known/oauth-authorization-server")]
    public async Task The_document_lists_what_exists_and_only_that(string path)
    {
        var answer = await GetAsync(path);
        Assert.Equal(200, answer.Status);
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        var root = _server.Origin.GetLeftPart(UriPartial.Authority);
        Assert.Equal($"{root}/", answer.Text("issuer"));
        foreach (var (member, address) in new[]
                 {
                     ("authorization_endpoint", "/connect/authorize"), ("token_endpoint", "/connect/token"), ("device_authorization_endpoint", "/connect/device"),
                     ("introspection_endpoint", "/connect/introspect"), ("revocation_endpoint", "/connect/revoke"), ("jwks_uri", "/.well-known/jwks"),
                 })
            Assert.Equal(root + address, answer.Text(member));
        Assert.Equal(["S256"], Strings(answer, "code_challenge_methods_supported"));
        Assert.Equal(
            ["authorization_code", "client_credentials", "refresh_token", TestServer.DeviceGrantType, "urn:ietf:params:oauth:grant-type:token-exchange"], Strings(answer, "grant_types_supported"));
        Assert.Equal(["code"], Strings(answer, "response_types_supported"));
        Assert.Equal(["form_post", "query"], Strings(answer, "response_modes_supported"));
        Assert.Equal(["public"], Strings(answer, "subject_types_supported"));
        Assert.Equal(["ES256", "RS256"], Strings(answer, "id_token_signing_alg_values_supported"));
        Assert.Equal(Core.Scopes.All.Order(StringComparer.Ordinal), Strings(answer, "scopes_supported"));
        Assert.Equal(["consent", "login", "none", "select_account"], Strings(answer, "prompt_values_supported"));
        Assert.True(answer.Json.GetProperty("authorization_response_iss_parameter_supported").GetBoolean());
        Assert.True(answer.Json.GetProperty("claims_parameter_supported").GetBoolean());
        foreach (var flag in new[] { "request_parameter_supported", "request_uri_parameter_supported" })
            Assert.False(answer.Json.GetProperty(flag).GetBoolean());
        foreach (var member in new[] { "token_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported", "revocation_endpoint_auth_methods_supported" })
            Assert.Contains("client_secret_basic", Strings(answer, member));

        // Every address that is named answers, and nothing else is named.
        foreach (var member in answer.Json.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String && member.Name != "issuer"))
            Assert.NotEqual(404, (await GetAsync(new Uri(member.Value.GetString()!).AbsolutePath)).Status);
        Assert.DoesNotContain(answer.Json.EnumerateObject(), member => member.Name.Contains("mtls", StringComparison.Ordinal) || member.Name.Contains("dpop", StringComparison.Ordinal));
    }

    [Fact, Trait("Case", "J6")]
    public async Task The_key_set_holds_public_parts_and_unique_ids_only()
    {
        var answer = await GetAsync("/.well-known/jwks");
        Assert.Equal(["RS256", "ES256"], PublicKeySet.Read(answer).Select(key => key.GetProperty("alg").GetString()));
    }

    [Theory, Trait("Case", "D14"), Trait("Case", "W8")]
    [InlineData("X-Forwarded-Host", "evil.test")]
    [InlineData("X-Forwarded-Proto", "https")]
    [InlineData("X-Forwarded-Prefix", "/evil")]
    [InlineData("Forwarded", "host=evil.test;proto=https")]
    [InlineData("X-Original-URL", "/evil")]
    public async Task No_header_changes_the_document(string header, string value)
    {
        var truth = (await GetAsync("/.well-known/openid-configuration")).Body;
        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/.well-known/openid-configuration");
        request.Headers.Add(header, value);
        Assert.Equal(truth, (await Answer.FromAsync(await client.SendAsync(request))).Body);
    }

    [Theory, Trait("Case", "D14"), Trait("Case", "W8")]
    [InlineData("evil.test")]
    [InlineData("localhost:1")]
    [InlineData("localhost")]
    [InlineData("localhost.evil.test")]
    [InlineData("127.0.0.1")]
    public async Task Another_host_is_refused_everywhere(string host)
    {
        using var client = _server.Client();
        foreach (var path in new[] { "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks", "/connect/authorize", "/connect/token", "/device" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Host = host;
            var answer = await Answer.FromAsync(await client.SendAsync(request));
            Assert.Equal(400, answer.Status);
            Assert.DoesNotContain("evil", answer.Body, StringComparison.Ordinal);
        }
    }

    [Theory, Trait("Case", "B6")]
    [InlineData("/.well-known/openid-configuration")]
    [InlineData("/.well-known/jwks")]
    public async Task The_documents_are_for_GET_only(string path)
    {
        using var client = _server.Client();
        using var response = await client.PostAsync(new Uri(_server.Origin, path), null);
        Assert.InRange((int)response.StatusCode, 400, 405);
    }
}
