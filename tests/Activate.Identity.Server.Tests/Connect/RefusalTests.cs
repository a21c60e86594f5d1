using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>A database server, because it is stricter than SQLite about what a text may hold and how long it may be.</summary>
public sealed class SharedDatabaseServer : SharedServer
{
    protected override TestServerOptions Options => new() { Database = TestDatabases.OnAServer };
}

/// <summary>How the OAuth endpoints that take a POST refuse (RFC 6749 §5.2), and what they never take.</summary>
public sealed class RefusalTests(SharedDatabaseServer shared) : IClassFixture<SharedDatabaseServer>
{
    public static readonly string[] Endpoints = ["/connect/token", "/connect/introspect", "/connect/revoke", "/connect/device", "/connect/par"];

    private static readonly string[] s_errors =
        ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "unsupported_token_type", "invalid_token"];

    private readonly TestServer _server = shared.Server;

    private async Task<string> RegisterAsync(string? secret = "s3cret")
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, secret, deviceFlow: true);
        return client;
    }

    /// <summary>JSON with an error of the RFCs, never cached; 401 with a challenge for invalid_client and nothing else.</summary>
    private static void AssertRefused(Answer answer, string? error = null)
    {
        Assert.True(answer.Has("error"), answer.ToString());
        if (error is not null)
            Assert.True(error == answer.Error, answer.ToString());
        Assert.Contains(answer.Error, s_errors);
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.False(answer.Has("error_uri"));
        Assert.Equal(answer.Error == "invalid_client" ? 401 : 400, answer.Status);
        Assert.Equal(answer.Status == 401, answer.Response.Headers.WwwAuthenticate.Count > 0);
    }

    private async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content, AuthenticationHeaderValue? authorization = null)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = authorization;
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    public static TheoryData<string> EndpointRows => [.. Endpoints];

    [Theory, Trait("Case", "A14"), Trait("Case", "B7")]
    [InlineData("password")]
    [InlineData("implicit")]
    [InlineData("urn:ietf:params:oauth:grant-type:jwt-bearer")]
    [InlineData("nonsense")]
    public async Task A_grant_that_does_not_exist_is_refused_for_first_parties_too(string grant)
    {
        foreach (var client in new[] { TestServer.Cli, await RegisterAsync(null) })
        {
            AssertRefused(await _server.PostFormAsync("/connect/token",
                [("grant_type", grant), ("client_id", client), ("username", TestServer.OwnerName), ("password", TestServer.OwnerPassword), ("refresh_token", "x"), ("subject_token", "x"), ("assertion", "x")]),
                "unsupported_grant_type");
        }
    }

    [Theory, Trait("Case", "B7")]
    [InlineData("", "invalid_request")]
    [InlineData("grant_type=", "invalid_request")]
    [InlineData("grant_type=authorization_code", "invalid_request")]
    [InlineData("grant_type=authorization_code&client_id=nobody&code=x&redirect_uri=x&code_verifier=x", "invalid_client")]
    [InlineData("grant_type=authorization_code&client_id=activate-cli", "invalid_request")]
    [InlineData("grant_type=authorization_code&client_id=activate-cli&code=x&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_grant")]
    [InlineData("grant_type=authorization_code&client_id=app&code=x&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_grant")]
    [InlineData("grant_type=authorization_code&client_id=app&code=ey.ey.ey.ey.ey&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_grant")]
    [InlineData("grant_type=authorization_code&client_id=activate-cli&client_secret=x&code=x&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "invalid_client")]
    public async Task A_wrong_token_request_gets_the_error_of_the_RFC(string body, string error)
    {
        var app = await RegisterAsync(null);
        AssertRefused(await SendAsync(HttpMethod.Post, "/connect/token",
            new StringContent(body.Replace("client_id=app", $"client_id={app}", StringComparison.Ordinal), Encoding.UTF8, "application/x-www-form-urlencoded")), error);
    }

    [Theory, Trait("Case", "A18"), Trait("Case", "I5"), Trait("Case", "L2"), MemberData(nameof(EndpointRows))]
    public async Task A_parameter_in_the_address_is_refused_and_never_logged(string endpoint)
    {
        var client = await RegisterAsync();
        var canary = $"canary{Guid.NewGuid():N}";
        AssertRefused(await _server.PostFormAsync($"{endpoint}?client_id={client}&client_secret={canary}", [("token", "x"), ("grant_type", "authorization_code")]), "invalid_request");
        AssertRefused(await SendAsync(HttpMethod.Get, $"{endpoint}?token={canary}&client_id={client}&client_secret={canary}", null), "invalid_request");
        AssertRefused(await _server.PostFormAsync($"{endpoint}?access_token={canary}", [("token", canary), ("client_id", client), ("client_secret", "s3cret")]), "invalid_request");
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(canary, StringComparison.Ordinal));
    }

    [Theory, Trait("Case", "A19"), MemberData(nameof(EndpointRows))]
    public async Task Two_ways_to_authenticate_at_once_are_refused(string endpoint)
    {
        var (client, other) = (await RegisterAsync(), await RegisterAsync());
        List<(string, string)> fields = [("token", "x"), ("grant_type", "authorization_code"), ("code", "x")];
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_id", client), ("client_secret", "s3cret")], authorization: TestServer.Basic(client, "s3cret")), "invalid_request");
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_secret", "s3cret")], authorization: TestServer.Basic(client, "s3cret")), "invalid_request");
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_id", other)], authorization: TestServer.Basic(client, "s3cret")), "invalid_request");
        AssertRefused(await _server.PostFormAsync(endpoint,
            [.. fields, ("client_id", client), ("client_secret", "s3cret"), ("client_assertion", "x"), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]));
    }

    [Theory, Trait("Case", "B7"), MemberData(nameof(EndpointRows))]
    public async Task A_client_that_cannot_prove_itself_gets_401_with_a_challenge(string endpoint)
    {
        var client = await RegisterAsync();
        List<(string, string)> fields =
        [
            ("token", "x"), ("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", Pkce.New().Verifier), ("response_type", "code"), ("redirect_uri", TestServer.Callback),
            ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256"),
        ];
        AssertRefused(await _server.PostFormAsync(endpoint, fields, authorization: TestServer.Basic(client, "wrong")), "invalid_client");
        AssertRefused(await _server.PostFormAsync(endpoint, fields, authorization: TestServer.Basic("nobody", "s3cret")), "invalid_client");
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_id", client)]), "invalid_client");
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_id", client), ("client_secret", "S3CRET")]), "invalid_client");
        AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, ("client_id", client), ("client_assertion", "ey.ey.ey"), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]));
        foreach (var header in new[] { "!!!", "", Convert.ToBase64String("nocolon"u8), Convert.ToBase64String("%00:%00"u8), Convert.ToBase64String(":"u8), Convert.ToBase64String([0xFF, 0xFE, (byte)':', 0x00]) })
            AssertRefused(await _server.PostFormAsync(endpoint, fields, authorization: new AuthenticationHeaderValue("Basic", header)));
    }

    [Theory, Trait("Case", "A12"), MemberData(nameof(EndpointRows))]
    public async Task A_parameter_that_stands_there_twice_is_refused(string endpoint)
    {
        var client = await RegisterAsync();
        List<(string Name, string Value)> fields =
        [
            ("client_id", client), ("client_secret", "s3cret"), ("grant_type", "authorization_code"), ("code", "x"), ("token", "x"), ("scope", "platform"), ("code_verifier", "x"), ("redirect_uri", "x"),
            ("device_name", "x"), ("lifetime_hours", "1"), ("token_type_hint", "access_token"), ("unknown", "x"),
        ];
        foreach (var field in fields)
        {
            AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, field]), "invalid_request");
            AssertRefused(await _server.PostFormAsync(endpoint, [.. fields, (field.Name, "other")]), "invalid_request");
        }
    }

    [Theory, Trait("Case", "B6"), MemberData(nameof(EndpointRows))]
    public async Task Another_method_or_content_type_is_refused_with_JSON(string endpoint)
    {
        const string Json = """{"grant_type":"authorization_code","client_id":"activate-cli","token":"x"}""";
        foreach (var type in new[] { "application/json", "text/plain", "application/xml", "application/x-www-form-urlencodedx", "application/x-www-form-urlencoded,application/x-www-form-urlencoded" })
        {
            using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Json));
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            AssertRefused(await SendAsync(HttpMethod.Post, endpoint, content), "invalid_request");
        }

        using var multipart = new MultipartFormDataContent { { new StringContent("activate-cli"), "client_id" } };
        AssertRefused(await SendAsync(HttpMethod.Post, endpoint, multipart), "invalid_request");
        AssertRefused(await SendAsync(HttpMethod.Post, endpoint, null), "invalid_request");
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Delete, HttpMethod.Patch, HttpMethod.Options, new HttpMethod("PROPFIND") })
            AssertRefused(await SendAsync(method, endpoint, null), "invalid_request");
        foreach (var method in new[] { HttpMethod.Head, HttpMethod.Trace })
            Assert.InRange((await SendAsync(method, endpoint, null)).Status, 400, 405);
        // A GET with a header that asks to be taken for a POST is a GET.
        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, endpoint);
        request.Headers.Add("X-HTTP-Method-Override", "POST");
        AssertRefused(await Answer.FromAsync(await client.SendAsync(request)), "invalid_request");
    }

    [Theory, Trait("Case", "B4"), MemberData(nameof(EndpointRows))]
    public async Task Nothing_that_a_field_can_hold_is_a_server_error(string endpoint)
    {
        var client = await RegisterAsync();
        string[] values = ["%00", "a%00b", "%ED%A0%80", "%FF%FE", "%0D%0A", "%E2%80%AE", "%F0%9F%92%A9", "%C4%B0", "%2500", "'%22%3B--", "%%%", "+", new string('x', 3000), new string('x', 200_000),
            string.Join('+', Enumerable.Repeat("openid", 500)), string.Join('+', Enumerable.Range(0, 500)), "ey" + new string('J', 20_000) + ".e30.", "pwt_a.b", "-1", "1e400"];
        string[] names = ["client_id", "client_secret", "grant_type", "code", "code_verifier", "redirect_uri", "device_code", "token", "token_type_hint", "scope", "device_name", "lifetime_hours",
            "client_assertion", "client_assertion_type", "resource", "audience", "%00", "refresh_token"];
        var sound = new Dictionary<string, string>
        {
            ["client_id"] = client, ["client_secret"] = "s3cret", ["grant_type"] = "authorization_code", ["code"] = "x", ["code_verifier"] = Pkce.New().Verifier, ["token"] = "x", ["scope"] = "platform",
        };
        foreach (var grant in endpoint == "/connect/token" ? ["authorization_code", TestServer.DeviceGrantType] : new[] { "authorization_code" })
        {
            foreach (var name in names)
            {
                foreach (var value in values)
                {
                    var fields = new Dictionary<string, string>(sound) { ["grant_type"] = Uri.EscapeDataString(grant), [name] = value };
                    if (grant == TestServer.DeviceGrantType)
                    {
                        fields.Remove("scope");
                        fields.TryAdd("device_code", "x");
                    }

                    var body = string.Join('&', fields.Select(field => $"{field.Key}={field.Value}"));
                    var answer = await SendAsync(HttpMethod.Post, endpoint, new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded"));
                    Assert.True(answer.Status is 200 or 400 or 401 or 413 or 429, $"{name}={value[..Math.Min(40, value.Length)]}: {answer}");
                    Assert.True(answer.Body.StartsWith('{'), $"{name}={value[..Math.Min(40, value.Length)]}: {answer}");
                }
            }
        }
    }

    [Fact, Trait("Case", "B2")]
    public async Task A_body_that_is_too_large_or_has_too_many_fields_is_refused_with_JSON()
    {
        foreach (var endpoint in Endpoints)
        {
            var answer = await SendAsync(HttpMethod.Post, endpoint, new StringContent("token=" + new string('x', 1_000_000), Encoding.UTF8, "application/x-www-form-urlencoded"));
            Assert.Equal((413, "invalid_request"), (answer.Status, answer.Error));
            answer = await SendAsync(HttpMethod.Post, endpoint, new StringContent(string.Join('&', Enumerable.Range(0, 2000).Select(n => $"f{n}=x")), Encoding.UTF8, "application/x-www-form-urlencoded"));
            Assert.Equal((400, "invalid_request"), (answer.Status, answer.Error));
        }
    }

    [Fact, Trait("Case", "K9")]
    public async Task An_API_key_is_no_client_secret_no_code_and_no_device_code()
    {
        var bearer = await _server.LoginWithDeviceAsync();
        var key = (await _server.CreateApiKeyAsync(bearer, shared.NewName("key"))).Key;
        var client = await RegisterAsync();
        var pkce = Pkce.New();
        AssertRefused(await _server.RedeemAsync(client, key, "x", pkce), "invalid_client");
        AssertRefused(await _server.RedeemAsync(client, "s3cret", key, pkce), "invalid_grant");
        AssertRefused(await _server.PollAsync(new DeviceLogin(key, "", null!)), "invalid_grant");
        AssertRefused(await _server.PostFormAsync("/connect/token", [("grant_type", "refresh_token"), ("client_id", TestServer.Cli), ("refresh_token", key)]), "invalid_grant");
        AssertRefused(await _server.IntrospectAsync(key, "", bearer), "invalid_client");
        using var browser = _server.Browser();
        await browser.GoAsync($"/connect/authorize?client_id={Uri.EscapeDataString(key)}&response_type=code");
        Assert.Equal(400, (int)browser.Response.StatusCode);
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(key, StringComparison.Ordinal));
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", key)).Status);
    }
}
