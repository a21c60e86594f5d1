using System.Net.Http;
using System.Text.RegularExpressions;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>What an authorization request must be like, and who learns of a wrong one.</summary>
public sealed class AuthorizationRequestTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer _server = shared.Server;

    private async Task<string> RegisterAsync(string? secret = null)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, secret);
        return client;
    }

    private async Task<Answer> GetAsync(string path)
    {
        using var client = _server.Client();
        return await Answer.FromAsync(await client.GetAsync(new Uri(_server.Origin, path)));
    }

    /// <summary>The error went to the application, with our issuer and its state, and without a code.</summary>
    private void AssertRedirected(Answer answer, string error, string state = "state-1")
    {
        Assert.True(answer.Status is 302 or 303, answer.ToString());
        Assert.StartsWith(TestServer.Callback + "?", answer.Header("Location"), StringComparison.Ordinal);
        var location = new Uri(answer.Header("Location")!);
        Assert.Equal(error, TestServer.Parameter(location, "error"));
        Assert.Equal(state, TestServer.Parameter(location, "state"));
        Assert.Equal(_server.Origin.ToString(), TestServer.Parameter(location, "iss"));
        Assert.DoesNotContain("error_uri=", location.Query, StringComparison.Ordinal);
        Assert.DoesNotMatch("[?&]code=", location.Query);
    }

    private static void AssertPage(Answer answer)
    {
        Assert.Equal(400, answer.Status);
        Assert.Null(answer.Header("Location"));
        Assert.Equal("text/html", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("frame-ancestors 'none'", answer.Header("Content-Security-Policy"), StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "A1"), Trait("Case", "A2")]
    [InlineData(null, null)]
    [InlineData(null, "S256")]
    [InlineData("", "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", null)]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "plain")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "s256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM", "S256")]
    [InlineData("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "S256")]
    public async Task Without_a_real_S256_challenge_there_is_no_code_for_any_client(string? challenge, string? method)
    {
        foreach (var secret in new[] { null, "s3cret" })
        {
            var path = TestServer.AuthorizePath(await RegisterAsync(secret), Pkce.New(), ("code_challenge", challenge), ("code_challenge_method", method));
            AssertRedirected(await GetAsync(path), "invalid_request");
        }
    }

    [Theory, Trait("Case", "A14")]
    [InlineData("token")]
    [InlineData("id_token")]
    [InlineData("id_token token")]
    [InlineData("code id_token")]
    [InlineData("code token")]
    [InlineData("none")]
    [InlineData("nonsense")]
    public async Task There_is_no_implicit_and_no_hybrid_flow(string responseType) =>
        AssertRedirected(await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("response_type", responseType))), "unsupported_response_type");

    [Theory, Trait("Case", "A16"), Trait("Case", "A17")]
    [InlineData("scope", "openid root", "invalid_scope")]
    [InlineData("scope", "openid authorized-keys:read", "invalid_scope")]
    [InlineData("response_mode", "fragment", "invalid_request")]
    [InlineData("prompt", "none login", "invalid_request")]
    [InlineData("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported")]
    [InlineData("response_type", null, "invalid_request")]
    public async Task A_wrong_request_of_a_known_application_is_told_to_it_with_state_and_issuer(string name, string? value, string error) =>
        AssertRedirected(await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), (name, value))), error);

    [Theory, Trait("Case", "A16"), Trait("Case", "A25")]
    [InlineData("client_id", null)]
    [InlineData("client_id", "")]
    [InlineData("client_id", "nobody")]
    [InlineData("client_id", "<svg onload=alert(1)>")]
    [InlineData("client_id", "a%00b")]
    [InlineData("redirect_uri", "https://evil.test/callback")]
    [InlineData("redirect_uri", "javascript:alert(1)")]
    [InlineData("redirect_uri", "//evil.test")]
    [InlineData("redirect_uri", "not a uri")]
    [InlineData("redirect_uri", "https://app.example.test/callback%00")]
    [InlineData("request_uri", "http://127.0.0.1:9/x")]
    [InlineData("request_uri", "file:///etc/passwd")]
    public async Task A_request_that_cannot_be_answered_to_the_application_is_a_page_and_goes_nowhere(string name, string? value)
    {
        var path = TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), (name, value is null ? null : Uri.UnescapeDataString(value)));
        var answer = await GetAsync(path);
        if (name == "request_uri" && answer.Status is 302 or 303)
        {
            AssertRedirected(answer, "request_uri_not_supported");
            return;
        }

        AssertPage(answer);
        Assert.DoesNotContain("<svg onload", answer.Body, StringComparison.OrdinalIgnoreCase);
    }

    public static TheoryData<string> OtherRedirects =>
    [
        "https://app.example.test/callback/", "https://app.example.test/CALLBACK", "https://app.example.test/callback?x=1", "https://app.example.test/callback#f",
        "https://app.example.test/a/../callback", "https://app.example.test/%63allback", "https://app.example.test:8443/callback", "https://app.example.test:443/callback",
        "https://user@app.example.test/callback", "https://app.example.test@evil.test/callback", "https://APP.example.test/callback", "http://app.example.test/callback",
        "https://app.example.test/callback\t", "https://app.example.test/call\nback", "https://app.example.test./callback", "https://\u0430pp.example.test/callback",
        "https://app.example.test\\@evil.test/callback", "https://127.1/callback", "https://[::1]/callback", "https://0x7f.1/callback", "https://127.0.0.1/callback",
        "https://app.example.test/x/%2f../callback", "https://app.example.test/x%2f..%2fcallback", "https://app.example.test/callback%2f..", "https://app.example.test/callback/..",
        "https://app.example.test//callback", "https://xn--pp-7kc.example.test/callback", "https://app.ex\u00E4mple.test/callback", " https://app.example.test/callback", "https:app.example.test/callback",
    ];

    [Theory, Trait("Case", "A8"), MemberData(nameof(OtherRedirects))]
    public async Task A_redirect_address_that_is_almost_the_registered_one_gets_nothing(string redirect)
    {
        AssertPage(await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("redirect_uri", redirect))));
        var client = await RegisterAsync("s3cret");
        var pushed = await _server.PostFormAsync("/connect/par",
            [("response_type", "code"), ("redirect_uri", redirect), ("scope", "openid"), ("code_challenge", Pkce.New().Challenge), ("code_challenge_method", "S256")],
            authorization: TestServer.Basic(client, "s3cret"));
        Assert.True(pushed is { Status: 400, Error: "invalid_request" }, pushed.ToString());
    }

    [Fact, Trait("Case", "A16")]
    public async Task Prompt_none_asks_nobody_and_tells_a_valid_redirect_address_only()
    {
        var client = await RegisterAsync();
        AssertRedirected(await GetAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"))), "login_required");
        AssertPage(await GetAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"), ("redirect_uri", "https://evil.test/"))));
        var (_, browser) = await shared.NewUserAsync();
        using (browser)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"))));
            AssertRedirected(await _server.SendAsync(browser, request), "consent_required");
        }
    }

    [Theory, Trait("Case", "A12")]
    [InlineData("client_id")]
    [InlineData("redirect_uri")]
    [InlineData("scope")]
    [InlineData("state")]
    [InlineData("code_challenge")]
    [InlineData("response_type")]
    [InlineData("nonce")]
    [InlineData("prompt")]
    public async Task A_parameter_that_stands_there_twice_is_refused_whichever_it_is(string name)
    {
        var path = TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("prompt", "login"));
        var value = Regex.Match(path, $"[?&]{name}=([^&]*)").Groups[1].Value;
        foreach (var twice in new[] { $"{path}&{name}={value}", $"{path}&{name}=other" })
        {
            var answer = await GetAsync(twice);
            Assert.Equal(400, answer.Status);
            Assert.Null(answer.Header("Location"));
        }
    }

    [Fact, Trait("Case", "A12")]
    public async Task Parameters_in_the_address_and_in_the_body_are_refused()
    {
        var path = TestServer.AuthorizePath(await RegisterAsync(), Pkce.New());
        using var client = _server.Client();
        var fields = System.Web.HttpUtility.ParseQueryString(new Uri(_server.Origin, path).Query);
        var body = new FormUrlEncodedContent(fields.AllKeys.Select(key => KeyValuePair.Create(key!, fields[key]!)));
        var answer = await Answer.FromAsync(await client.PostAsync(new Uri(_server.Origin, "/connect/authorize?redirect_uri=https%3A%2F%2Fevil.test%2F"), body));
        AssertPage(answer);
    }

    [Fact, Trait("Case", "B9")]
    public async Task A_state_of_seven_kilobytes_with_line_breaks_comes_back_unchanged_and_encoded()
    {
        var state = string.Concat(Enumerable.Repeat("a\r\nSet-Cookie: x=1 <svg onload=1>\u20AC&", 80));
        var answer = await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("state", state), ("prompt", "none")));
        AssertRedirected(answer, "login_required", state);
        Assert.Null(answer.Header("Set-Cookie"));
    }

    [Theory, Trait("Case", "B5")]
    [InlineData("max_age", "-1")]
    [InlineData("max_age", "2147483648")]
    [InlineData("max_age", "1e3")]
    [InlineData("max_age", "x")]
    [InlineData("max_age", "\u0661\u0662")]
    public async Task A_number_that_is_none_is_refused(string name, string value) =>
        AssertRedirected(await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), (name, value), ("prompt", "none"))), "invalid_request");

    [Theory, Trait("Case", "B9")]
    [InlineData("claims", "{}")]
    [InlineData("claims", """{"userinfo":{"nobody":null}}""")]
    [InlineData("ui_locales", "xx")]
    [InlineData("display", "popup")]
    [InlineData("acr_values", "urn:nobody")]
    [InlineData("login_hint", "<svg onload=alert(1)>")]
    [InlineData("something", "unknown")]
    public async Task A_parameter_that_means_nothing_here_changes_nothing(string name, string value)
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), (name, value)));
        Assert.Equal(200, (int)person.Response.StatusCode);
        Assert.Empty(person.Page.QuerySelectorAll("svg[onload]"));
        await person.SubmitAsync("Allow", follow: false);
        Assert.NotEmpty(TestServer.Parameter(person.Response.Headers.Location!, "code"));
    }

    [Theory, Trait("Case", "B9")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"id_token":"x"}""")]
    [InlineData("\"x\"")]
    public async Task A_claims_parameter_that_is_no_object_is_refused(string value) =>
        AssertRedirected(await GetAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("claims", value), ("prompt", "none"))), "invalid_request");

    [Theory, Trait("Case", "J9")]
    [InlineData("/connect/authorize")]
    [InlineData("/connect/introspect")]
    [InlineData("/connect/device")]
    [InlineData("/connect/logout")]
    [InlineData("/api/v1/me")]
    public async Task No_answer_lets_a_foreign_page_read_it(string path)
    {
        using var client = _server.Client();
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post, HttpMethod.Options })
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Add("Origin", "https://evil.test");
            request.Headers.Add("Access-Control-Request-Method", "POST");
            using var response = await client.SendAsync(request);
            Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
            Assert.False(response.Headers.Contains("Access-Control-Allow-Credentials"));
            Assert.True((int)response.StatusCode < 500);
        }
    }
}
