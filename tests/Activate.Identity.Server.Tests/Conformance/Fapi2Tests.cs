using System.Buffers.Text;
using System.Globalization;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>The modules of the FAPI 2.0 Security Profile that need neither DPoP nor certificates: an application that pushes its requests, with PKCE, and proves itself by a secret or by a key.</summary>
public sealed class Fapi2Tests(ConformanceServer shared) : ConformanceTests(shared)
{
    private const string Prefix = "fapi2-security-profile-final-";

    private static readonly ECDsa s_ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly RSA s_rsa = RSA.Create(2048);

    private Task<RelyingParty> RegisterAsync() => RegisterAsync(pkce: true);

    private static Dictionary<string, string> Reference(RelyingParty party, Answer pushed) => new() { ["client_id"] = party.Id, ["request_uri"] = pushed.Text("request_uri") };

    /// <summary>Pushes a request, which is accepted (RFC 9126 §2.2).</summary>
    private static async Task<Answer> PushedAsync(RelyingParty party, IReadOnlyDictionary<string, string> request)
    {
        var answer = await party.PushAsync(request);
        Assert.True(answer.Status == 201, answer.ToString());
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.InRange(answer.Json.GetProperty("expires_in").GetInt64(), 1, 600);
        Assert.StartsWith("urn:ietf:params:oauth:request_uri:", answer.Text("request_uri"), StringComparison.Ordinal);
        return answer;
    }

    private static async Task<Visit> VisitAsync(RelyingParty party, Browser browser, string decision = "Allow", params (string Name, string? Value)[] changes)
    {
        var request = party.Request(out var proof, changes);
        return await party.VisitAsync(browser, request, proof, decision: decision, address: Reference(party, await PushedAsync(party, request)));
    }

    private async Task<Answer> SucceedAsync(params (string Name, string? Value)[] changes)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var tokens = await party.TokensAsync(await VisitAsync(party, browser, changes: changes));
        await party.UserInfoAsync(tokens);
        return tokens.Answer;
    }

    /// <summary>The push is refused, and so there is nothing to open.</summary>
    private async Task RefusedWhenPushedAsync(string error, params (string Name, string? Value)[] changes)
    {
        var party = await RegisterAsync();
        var answer = await party.PushAsync(party.Request(out _, changes));
        Assert.True(answer.Status == 400 && answer.Error == error, answer.ToString());
    }

    private static void AssertInvalidGrant(Answer answer)
    {
        Assert.True(answer is { Status: 400, Error: "invalid_grant" }, answer.ToString());
        Assert.Equal("application/json", answer.Response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>No answer to the application: an error page.</summary>
    private static void AssertPage(Visit visit, Browser browser)
    {
        Assert.Equal((null, 0, 400), (visit.Answer, visit.SignIns, (int)browser.Response.StatusCode));
        Assert.Null(browser.Response.Headers.Location);
    }

    [Module(Prefix + "discovery-end-point-verification")]
    public void Discovery_end_point_verification()
    {
        ConfigOpTests.AssertAllHttps(Discovery);
        Assert.Contains("code", Discovery.Values("response_types_supported"));
        Assert.Contains("S256", Discovery.Values("code_challenge_methods_supported"));
        Assert.DoesNotContain("plain", Discovery.Values("code_challenge_methods_supported"));
        Assert.Contains("private_key_jwt", Discovery.Values("token_endpoint_auth_methods_supported"));
        Assert.True(Discovery.Says("authorization_response_iss_parameter_supported"));
        Assert.NotEmpty(Discovery.PushEndpoint);
    }

    [Module(Prefix + "happy-flow")]
    public Task Happy_flow() => SucceedAsync();

    [Module(Prefix + "user-rejects-authentication")]
    public async Task User_rejects_authentication()
    {
        using var browser = Nobody();
        Assert.Equal("access_denied", (await VisitAsync(await RegisterAsync(), browser, "Deny")).Error);
    }

    [Module(Prefix + "ensure-registered-redirect-uri")]
    public Task Registered_redirect_uri() => RefusedWhenPushedAsync("invalid_request", ("redirect_uri", $"{TestServer.Callback}/other"));

    [Module(Prefix + "ensure-redirect-uri-in-authorization-request")]
    public Task Redirect_uri_in_authorization_request() => RefusedWhenPushedAsync("invalid_request", ("redirect_uri", null));

    [Module(Prefix + "ensure-response-type-token-fails")]
    public Task Response_type_token() => RefusedWhenPushedAsync("unsupported_response_type", ("response_type", "token"));

    [Module(Prefix + "ensure-response-type-code-idtoken-fails")]
    public Task Response_type_code_id_token() => RefusedWhenPushedAsync("unsupported_response_type", ("response_type", "code id_token"));

    [Module(Prefix + "ensure-other-scope-order-succeeds")]
    public Task Other_scope_order() => SucceedAsync(("scope", "profile openid"));

    [Module(Prefix + "ensure-authorization-code-is-bound-to-client")]
    public async Task Code_is_bound_to_client()
    {
        var (party, other) = (await RegisterAsync(), await RegisterAsync());
        using var browser = Nobody();
        AssertInvalidGrant(await other.RedeemAsync(await VisitAsync(party, browser)));
    }

    [Module(Prefix + "attempt-reuse-authorization-code-after-one-second")]
    public async Task Reuse_of_code_after_one_second()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await VisitAsync(party, browser);
        var (tokens, _) = await party.TokensAsync(visit);
        Server.Clock!.Advance(TimeSpan.FromSeconds(1));
        AssertInvalidGrant(await party.RedeemAsync(visit));
        Assert.Equal(401, (await party.AskUserInfoAsync(tokens.Text("access_token"))).Status);
    }

    [Module(Prefix + "ensure-token-endpoint-fails-with-expired-auth-code")]
    public async Task Expired_code()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await VisitAsync(party, browser);
        Server.Clock!.Advance(TimeSpan.FromSeconds(61));
        AssertInvalidGrant(await party.RedeemAsync(visit));
    }

    [Module(Prefix + "ensure-pkce-code-verifier-required")]
    public async Task Code_verifier_required()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await VisitAsync(party, browser);
        AssertInvalidGrant(await party.TokenAsync([.. RelyingParty.Redemption(visit).Where(field => field.Name != "code_verifier")]));
    }

    [Module(Prefix + "incorrect-pkce-code-verifier-rejected")]
    public async Task Incorrect_code_verifier()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        AssertInvalidGrant(await party.RedeemAsync(await VisitAsync(party, browser) with { Pkce = Pkce.New() }));
    }

    [Module(Prefix + "par-ensure-pkce-required")]
    public Task Pkce_required() => RefusedWhenPushedAsync("invalid_request", ("code_challenge", null), ("code_challenge_method", null));

    [Module(Prefix + "par-plain-pkce-rejected")]
    public Task Plain_pkce() => RefusedWhenPushedAsync("invalid_request", ("code_challenge_method", "plain"));

    [Module(Prefix + "par-attempt-reuse-request_uri")]
    public async Task Reuse_of_request_uri()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var request = party.Request(out var proof);
        var reference = Reference(party, await PushedAsync(party, request));
        await party.TokensAsync(await party.VisitAsync(browser, request, proof, address: reference));
        AssertPage(await party.VisitAsync(browser, request, proof, address: reference), browser);
    }

    [Module(Prefix + "par-attempt-to-use-expired-request_uri")]
    public async Task Expired_request_uri()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var request = party.Request(out var proof);
        var pushed = await PushedAsync(party, request);
        Server.Clock!.Advance(TimeSpan.FromSeconds(pushed.Json.GetProperty("expires_in").GetInt64()));
        AssertPage(await party.VisitAsync(browser, request, proof, address: Reference(party, pushed)), browser);
    }

    [Module(Prefix + "par-attempt-to-use-request_uri-for-different-client")]
    public async Task Request_uri_of_different_client()
    {
        var (party, other) = (await RegisterAsync(), await RegisterAsync());
        using var browser = Nobody();
        var request = party.Request(out var proof);
        AssertPage(await other.VisitAsync(browser, request, proof, address: Reference(other, await PushedAsync(party, request))), browser);
    }

    [Module(Prefix + "par-authorization-request-containing-request_uri")]
    public async Task Pushed_request_uri()
    {
        var party = await RegisterAsync();
        var first = await PushedAsync(party, party.Request(out _));
        var answer = await party.PushAsync(new Dictionary<string, string> { ["request_uri"] = first.Text("request_uri") });
        Assert.True(answer is { Status: 400, Error: "invalid_request" }, answer.ToString());
    }

    [Module(Prefix + "par-authorization-request-containing-request_uri-form-param")]
    public async Task Pushed_request_uri_beside_others()
    {
        var party = await RegisterAsync();
        var first = await PushedAsync(party, party.Request(out _));
        var answer = await party.PushAsync(party.Request(out _, ("request_uri", first.Text("request_uri"))));
        Assert.True(answer is { Status: 400, Error: "invalid_request" }, answer.ToString());
    }

    [Module(Prefix + "par-attempt-invalid-http-method")]
    public async Task Invalid_http_method()
    {
        using var client = Server.Client();
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Put })
        {
            using var request = new HttpRequestMessage(method, new Uri(Server.Origin, Discovery.PushEndpoint));
            using var answer = await client.SendAsync(request);
            Assert.InRange((int)answer.StatusCode, 400, 405);
        }
    }

    [Module(Prefix + "par-without-duplicate-parameters")]
    public async Task Without_duplicate_parameters()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var request = party.Request(out var proof);
        var reference = Reference(party, await PushedAsync(party, request));
        Assert.Equal(["client_id", "request_uri"], reference.Keys);
        await party.TokensAsync(await party.VisitAsync(browser, request, proof, address: reference));
    }

    [Module(Prefix + "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")]
    public async Task Request_uri_opened_again_before_the_answer()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var request = party.Request(out var proof);
        var reference = Reference(party, await PushedAsync(party, request));
        using var abandoned = Nobody();
        Assert.Null((await party.VisitAsync(abandoned, request, proof, decision: "neither", address: reference)).Answer);
        await party.TokensAsync(await party.VisitAsync(browser, request, proof, address: reference));
    }

    [Module(Prefix + "ensure-unsigned-authorization-request-without-using-par-fails")]
    public async Task Request_that_was_not_pushed()
    {
        Note("The application is registered with the requirement to push its requests.");
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser);
        Assert.Equal(("invalid_request", 0), (visit.Error, visit.SignIns));
    }

    [Module(Prefix + "ensure-authorization-request-without-state-success")]
    public Task Without_state() => SucceedAsync(("state", null));

    [Module(Prefix + "ensure-authorization-request-without-nonce-success")]
    public Task Without_nonce() => SucceedAsync(("nonce", null));

    [Module(Prefix + "ensure-authorization-request-with-long-state")]
    public Task Long_state() => SucceedAsync(("state", new string('s', 384)));

    [Module(Prefix + "ensure-authorization-request-with-long-nonce")]
    public Task Long_nonce() => SucceedAsync(("nonce", new string('n', 384)));

    [Module(Prefix + "ensure-authorization-request-with-64-char-nonce-success")]
    public Task Nonce_of_64_characters() => SucceedAsync(("nonce", new string('n', 64)));

    [Module(Prefix + "access-token-type-header-case-sensitivity")]
    public async Task Scheme_in_any_case()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var tokens = await party.TokensAsync(await VisitAsync(party, browser));
        foreach (var scheme in new[] { "bEARER", "bearer", "BEARER" })
            await party.UserInfoAsync(tokens, scheme: scheme);
    }

    [Module(Prefix + "refresh-token")]
    public async Task Refresh_token()
    {
        var (party, other) = (await RegisterAsync(), await RegisterAsync());
        using var browser = Nobody();
        var (first, idToken) = await party.TokensAsync(await VisitAsync(party, browser, changes: [("scope", "openid offline_access"), ("prompt", "consent")]));
        AssertInvalidGrant(await other.TokenAsync(Refresh(first)));
        var again = await party.TokenAsync(Refresh(first));
        RelyingParty.CheckTokens(again);
        await party.UserInfoAsync((again, idToken));
        // FAPI 2.0 §5.3.2.1: refresh tokens are not rotated for security, so an answer that was lost does no harm.
        RelyingParty.CheckTokens(await party.TokenAsync(Refresh(first)));
    }

    private static (string, string)[] Refresh(Answer tokens) => [("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token"))];

    /// <summary>An application with keys, as an administrator registers it. Its assertions are right unless a module changes them.</summary>
    private async Task<RelyingParty> RegisterKeyedAsync()
    {
        var (rsa, point) = (s_rsa.ExportParameters(false), s_ec.ExportParameters(false).Q);
        var session = await Server.GrantAsync((await Server.AddUserAsync(Role.Owner, Shared.NewName("admin"))).Id);
        var created = await Server.PostAsync("/api/v1/organization/applications", session, new
        {
            name = Shared.NewName("keyed"), type = "web", redirectUris = new[] { TestServer.Callback }, grants = new[] { "authorization_code" }, scopes = new[] { "openid" },
            jwks = new
            {
                keys = new object[]
                {
                    new { kty = "EC", crv = "P-256", x = Base64Url.EncodeToString(point.X), y = Base64Url.EncodeToString(point.Y), kid = "ec" },
                    new { kty = "RSA", n = Base64Url.EncodeToString(rsa.Modulus), e = Base64Url.EncodeToString(rsa.Exponent), kid = "rsa" },
                },
            },
        });
        Assert.True(created.Status == 201, created.ToString());
        var client = created.Text("clientId");
        await Shared.ChangeAsync(client, pkceExempt: false);
        return new RelyingParty(Server, Discovery, client, "", pkce: true, formPost: false) { Assertion = () => Sign(client) };
    }

    private string Sign(string client, Action<JsonObject>? change = null, bool rs256 = false)
    {
        var now = new DateTimeOffset(Server.Now).ToUnixTimeSeconds();
        var header = new JsonObject { ["alg"] = rs256 ? "RS256" : "ES256", ["kid"] = rs256 ? "rsa" : "ec" };
        var payload = new JsonObject
        {
            ["iss"] = client, ["sub"] = client, ["aud"] = Discovery.Issuer, ["iat"] = now, ["nbf"] = now, ["exp"] = now + 60, ["jti"] = Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture),
        };
        change?.Invoke(payload);
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(payload.ToJsonString()))}";
        var bytes = Encoding.ASCII.GetBytes(signed);
        return $"{signed}.{Base64Url.EncodeToString(rs256 ? s_rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) : s_ec.SignData(bytes, HashAlgorithmName.SHA256))}";
    }

    /// <summary>What the token endpoint and the push endpoint say to an assertion; the code stays good for the right one.</summary>
    private async Task<(Answer Token, Answer Push)> ProveAsync(Action<JsonObject>? change = null, bool rs256 = false)
    {
        var party = await RegisterKeyedAsync();
        using var browser = Nobody();
        var visit = await VisitAsync(party, browser);
        var token = await party.RedeemAsync(visit, assertion: Sign(party.Id, change, rs256));
        var push = await party.PushAsync(party.Request(out _), Sign(party.Id, change, rs256));
        if (token.Status != 200)
            await party.TokensAsync(visit);
        return (token, push);
    }

    private async Task ProvesNobodyAsync(Action<JsonObject> change)
    {
        var (token, push) = await ProveAsync(change);
        foreach (var answer in new[] { token, push })
            Assert.True(answer is { Status: 400 or 401, Error: "invalid_client" }, answer.ToString());
    }

    private long Later(int seconds) => new DateTimeOffset(Server.Now).ToUnixTimeSeconds() + seconds;

    [Module(Prefix + "ensure-client-assertion-in-token-endpoint")]
    public async Task Client_assertion_in_token_endpoint()
    {
        var party = await RegisterKeyedAsync();
        using var browser = Nobody();
        var visit = await VisitAsync(party, browser);
        var answer = await Server.PostFormAsync(Discovery.TokenEndpoint, [.. RelyingParty.Redemption(visit), ("client_id", party.Id)]);
        Assert.True(answer is { Status: 400 or 401, Error: "invalid_client" or "invalid_request" }, answer.ToString());
        await party.TokensAsync(visit);
    }

    [Module(Prefix + "ensure-client-assertion-with-wrong-aud-fails")]
    public Task Wrong_audience() => ProvesNobodyAsync(payload => payload["aud"] = "https://other.example.test/");

    [Module(Prefix + "ensure-client-assertion-with-no-sub-fails")]
    public Task No_subject() => ProvesNobodyAsync(payload => payload.Remove("sub"));

    [Module(Prefix + "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails")]
    public Task Expired_assertion() => ProvesNobodyAsync(payload => payload["exp"] = Later(-300));

    [Module(Prefix + "ensure-signed-client-assertion-with-RS256-fails")]
    public async Task Assertion_with_RS256()
    {
        var (token, push) = await ProveAsync(rs256: true);
        Assert.Equal((200, 201), (token.Status, push.Status));
        Skip("Not met: an application with an RSA key may sign with RS256, as ordinary clients of OpenID Connect do. FAPI allows PS256, ES256 and EdDSA.");
    }

    [Module(Prefix + "par-test-array-as-audience-fails")]
    public Task Array_as_audience() => AudienceAsync(new JsonArray("https://other.example.test/", Discovery.Issuer));

    [Module(Prefix + "par-test-token-endpoint-url-as-audience-fails")]
    public Task Token_endpoint_as_audience() => AudienceAsync(Discovery.Answer.Text("token_endpoint"));

    [Module(Prefix + "par-test-par-endpoint-url-as-audience-fails")]
    public Task Push_endpoint_as_audience() => AudienceAsync(Discovery.Answer.Text("pushed_authorization_request_endpoint"));

    private Task AudienceAsync(JsonNode audience) => ProvesNobodyAsync(payload => payload["aud"] = audience.DeepClone());

    [Module(Prefix + "par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")]
    public async Task Not_before_in_8_seconds()
    {
        var (token, push) = await ProveAsync(payload => payload["nbf"] = Later(8));
        RelyingParty.CheckTokens(token);
        Assert.Equal(201, push.Status);
    }

    [Module(Prefix + "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")]
    public Task Not_before_in_more_than_60_seconds() => ProvesNobodyAsync(payload => (payload["nbf"], payload["exp"]) = (Later(70), Later(130)));
}
