using System.Buffers.Text;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using Activate.Identity.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>The modules of Basic OP, in the order of the plan, with the answer in the redirect.</summary>
public sealed class BasicOpTests(ConformanceServer shared) : BasicModules(shared, formPost: false);

/// <summary>The same modules with the answer in a form.</summary>
public sealed class FormPostOpTests(ConformanceServer shared) : BasicModules(shared, formPost: true);

public abstract class BasicModules : ConformanceTests
{
    private readonly bool _formPost;

    private protected BasicModules(ConformanceServer shared, bool formPost) : base(shared) => _formPost = formPost;

    private Task<RelyingParty> RegisterAsync() => RegisterAsync(formPost: _formPost);

    /// <summary>Most modules: a request that differs in a parameter goes through to tokens and userinfo.</summary>
    private async Task<(JsonWebToken IdToken, JsonElement UserInfo)> SucceedAsync(params (string Name, string? Value)[] changes)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, changes);
        Assert.Equal(1, visit.SignIns);
        var tokens = await party.TokensAsync(visit);
        return (tokens.IdToken, await party.UserInfoAsync(tokens));
    }

    [Module("oidcc-server")]
    public Task Server_answers() => SucceedAsync();

    [Module("oidcc-response-type-missing")]
    public async Task Response_type_missing()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, ("response_type", null));
        Assert.Contains(visit.Error, new[] { "invalid_request", "unsupported_response_type" });
        Assert.Equal(0, visit.SignIns);
    }

    [Module("oidcc-idtoken-signature")]
    public async Task Id_token_signature()
    {
        var (token, _) = await SucceedAsync();
        Assert.Equal("RS256", token.Alg);
        Assert.Contains(token.Kid, Discovery.Keys.Select(key => key.KeyId));
        Note("The suite runs it with dynamic registration only.");
    }

    [Module("oidcc-idtoken-unsigned")]
    public void Id_token_unsigned()
    {
        Assert.DoesNotContain("none", Discovery.Values("id_token_signing_alg_values_supported"));
        Skip("`none` is not offered: every ID token is signed. The suite skips it, too, and runs it with dynamic registration only.");
    }

    [Module("oidcc-userinfo-get")]
    public Task Userinfo_get() => UserInfoAsync(HttpMethod.Get, inBody: false);

    [Module("oidcc-userinfo-post-header")]
    public Task Userinfo_post_header() => UserInfoAsync(HttpMethod.Post, inBody: false);

    [Module("oidcc-userinfo-post-body")]
    public Task Userinfo_post_body() => UserInfoAsync(HttpMethod.Post, inBody: true);

    private async Task UserInfoAsync(HttpMethod method, bool inBody)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        await party.UserInfoAsync(await party.SignInAsync(browser), method, inBody);
        Assert.Equal(401, (await party.AskUserInfoAsync("nonsense", method, inBody)).Status);
    }

    [Module("oidcc-ensure-request-without-nonce-succeeds-for-code-flow")]
    public Task Without_nonce() => SucceedAsync(("nonce", null));

    [Module("oidcc-scope-profile")]
    public async Task Scope_profile()
    {
        var (_, info) = await SucceedAsync(("scope", "openid profile"));
        Assert.Equal(ConformanceServer.Username, info.GetProperty("preferred_username").GetString());
        Assert.True(info.TryGetProperty("name", out _));
        Assert.False(info.TryGetProperty("email", out _));
        Note("Warning in the suite: it looks for every claim of §5.4 (birthdate, picture, …), and this server keeps name and username.");
    }

    [Module("oidcc-scope-email")]
    public Task Scope_email() => EmailAsync("openid email");

    private async Task EmailAsync(string scope)
    {
        var (token, info) = await SucceedAsync(("scope", scope));
        CheckEmail(token, info);
        Note("Warning in the suite: the e-mail address stands in the ID token as well as at userinfo, for the many applications that read nothing else.");
    }

    private static void CheckEmail(JsonWebToken token, JsonElement info)
    {
        Assert.Equal($"{ConformanceServer.Username}@example.test", info.GetProperty("email").GetString());
        Assert.Equal(JsonValueKind.False, info.GetProperty("email_verified").ValueKind);
        Assert.False(info.TryGetProperty("name", out _) || RelyingParty.Payload(token).TryGetProperty("name", out _));
    }

    [Module("oidcc-scope-address")]
    public Task Scope_address() => WithoutScopeAsync("openid address", "address");

    [Module("oidcc-scope-phone")]
    public Task Scope_phone() => WithoutScopeAsync("openid phone", "phone");

    [Module("oidcc-scope-all")]
    public Task Scope_all() => WithoutScopeAsync("openid email phone address profile", "address", "phone");

    /// <summary>As the suite decides it: by what the discovery document says of scopes. Who asks nevertheless is told, not given less in silence.</summary>
    private async Task WithoutScopeAsync(string scope, params string[] missing)
    {
        Assert.Empty(missing.Intersect(Discovery.Values("scopes_supported")));
        var party = await RegisterAsync();
        using var browser = Nobody();
        Assert.Equal("invalid_scope", (await party.VisitAsync(browser, ("scope", scope))).Error);
        Skip($"No {string.Join(" and no ", missing.Select(name => $"`{name}`"))} in scopes_supported: the server keeps no such data. The suite skips it, too.");
    }

    [Module("oidcc-alternate-happy-flow")]
    public async Task Alternate_happy_flow()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var request = party.Request(out var proof, ("scope", "email openid"));
        var visit = await party.VisitAsync(browser, request, proof, address: request.OrderByDescending(parameter => parameter.Key, StringComparer.Ordinal).ToDictionary());
        var tokens = await party.TokensAsync(visit);
        CheckEmail(tokens.IdToken, await party.UserInfoAsync(tokens));
        Note("Warning in the suite, as in oidcc-scope-email.");
    }

    [Module("oidcc-display-page")]
    public Task Display_page() => SucceedAsync(("display", "page"));

    [Module("oidcc-display-popup")]
    public Task Display_popup() => SucceedAsync(("display", "popup"));

    [Module("oidcc-prompt-login")]
    public Task Prompt_login() => SecondSignInAsync(("prompt", "login"));

    /// <summary>The second request has the person sign in once more, and the ID token says so.</summary>
    private async Task SecondSignInAsync((string, string?) change)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var first = await party.SignInAsync(browser);
        Server.Clock!.Advance(TimeSpan.FromSeconds(2));
        var visit = await party.VisitAsync(browser, change);
        Assert.Equal(1, visit.SignIns);
        var (_, second) = await party.TokensAsync(visit);
        Assert.Equal(first.IdToken.Subject, second.Subject);
        Assert.True(RelyingParty.Seconds(second, "auth_time") > RelyingParty.Seconds(first.IdToken, "auth_time"));
        Assert.Equal(party.Now, RelyingParty.Seconds(second, "auth_time"));
    }

    [Module("oidcc-prompt-none-not-logged-in")]
    public async Task Prompt_none_not_logged_in()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, ("prompt", "none"), ("state", new string('s', 128)));
        Assert.Equal(("login_required", 0), (visit.Error, visit.SignIns));
    }

    [Module("oidcc-prompt-none-logged-in")]
    public Task Prompt_none_logged_in() => SameSignInAsync([], _ => [("prompt", "none")]);

    /// <summary>The second request goes through without a question, and the ID token tells of the same sign-in.</summary>
    private async Task SameSignInAsync((string, string?)[] first, Func<string, (string, string?)[]> second)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var before = await party.SignInAsync(browser, first);
        Server.Clock!.Advance(TimeSpan.FromSeconds(2));
        var visit = await party.VisitAsync(browser, second(before.Answer.Text("id_token")));
        Assert.Equal((0, 0), (visit.SignIns, visit.Consents));
        var (_, after) = await party.TokensAsync(visit);
        Assert.Equal((before.IdToken.Subject, RelyingParty.Seconds(before.IdToken, "auth_time")), (after.Subject, RelyingParty.Seconds(after, "auth_time")));
    }

    [Module("oidcc-max-age-1")]
    public Task Max_age_1() => SecondSignInAsync(("max_age", "1"));

    [Module("oidcc-max-age-10000")]
    public Task Max_age_10000() => SameSignInAsync([("max_age", "15000")], _ => [("max_age", "10000")]);

    [Module("oidcc-ensure-request-with-unknown-parameter-succeeds")]
    public Task Unknown_parameter() => SucceedAsync(("extra", "foobar"));

    [Module("oidcc-id-token-hint")]
    public Task Id_token_hint() => SameSignInAsync([], idToken => [("prompt", "none"), ("id_token_hint", idToken)]);

    [Module("oidcc-login-hint")]
    public Task Login_hint() => SucceedAsync(("login_hint", "buffy@id.example.test"));

    [Module("oidcc-ui-locales")]
    public Task Ui_locales() => SucceedAsync(("ui_locales", "se"));

    [Module("oidcc-claims-locales")]
    public Task Claims_locales() => SucceedAsync(("claims_locales", "se"));

    [Module("oidcc-ensure-request-with-acr-values-succeeds")]
    public async Task Acr_values()
    {
        var offered = Discovery.Values("acr_values_supported").ToList();
        var (token, _) = await SucceedAsync(("acr_values", string.Join(' ', offered)));
        Assert.Contains(token.GetClaim("acr").Value, offered);
    }

    [Module("oidcc-codereuse")]
    public Task Code_reuse() => CodeReuseAsync(TimeSpan.Zero);

    [Module("oidcc-codereuse-30seconds")]
    public Task Code_reuse_after_30_seconds() => CodeReuseAsync(TimeSpan.FromSeconds(30));

    private async Task CodeReuseAsync(TimeSpan wait)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser);
        var tokens = await party.TokensAsync(visit);
        await party.UserInfoAsync(tokens);
        Server.Clock!.Advance(wait);
        var again = await party.RedeemAsync(visit);
        Assert.Equal((400, "invalid_grant", "application/json"), (again.Status, again.Error, again.Response.Content.Headers.ContentType?.MediaType));
        Assert.Equal(401, (await party.AskUserInfoAsync(tokens.Answer.Text("access_token"))).Status);
    }

    [Module("oidcc-ensure-registered-redirect-uri")]
    public Task Registered_redirect_uri() => StaysOnAPageAsync("redirect_uri", ("redirect_uri", $"{TestServer.Callback}/{Guid.NewGuid():N}"));

    /// <summary>The person sees an error, and the browser is sent nowhere.</summary>
    private async Task StaysOnAPageAsync(string names, params (string, string?)[] changes)
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, changes);
        Assert.Equal((null, 0, 400), (visit.Answer, visit.SignIns, (int)browser.Response.StatusCode));
        Assert.Null(browser.Response.Headers.Location);
        Assert.Contains(names, browser.PageText, StringComparison.Ordinal);
    }

    [Module("oidcc-ensure-post-request-succeeds")]
    public async Task Post_request()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        await party.TokensAsync(await party.VisitAsync(browser, party.Request(out var proof), proof, post: true));
    }

    [Module("oidcc-server-client-secret-post")]
    public async Task Client_secret_post()
    {
        Assert.Contains("client_secret_post", Discovery.Values("token_endpoint_auth_methods_supported"));
        var party = await RegisterAsync();
        using var browser = Nobody();
        await party.UserInfoAsync(await party.TokensAsync(await party.VisitAsync(browser), inBody: true));
    }

    [Module("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")]
    public async Task Request_uri_unsigned()
    {
        Assert.False(Discovery.Says("request_uri_parameter_supported"));
        Note("Rejected with `request_uri_not_supported`, which the suite counts as skipped. It runs it with dynamic registration only.");
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, ("request_uri", "https://app.example.test/request.jwt#hash"));
        Assert.Equal("request_uri_not_supported", visit.Error);
    }

    [Module("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")]
    public async Task Unsigned_request_object()
    {
        Assert.False(Discovery.Says("request_parameter_supported"));
        Note("Rejected with `request_not_supported`, which the suite counts as skipped.");
        var party = await RegisterAsync();
        using var browser = Nobody();
        var visit = await party.VisitAsync(browser, ("request", RequestObject(party.Id, TestServer.Callback)), ("state", null), ("nonce", null));
        Assert.Equal("request_not_supported", visit.Error);
    }

    private static string RequestObject(string client, string redirect)
    {
        var claims = JsonSerializer.Serialize(new Dictionary<string, string>
        {
            ["client_id"] = client, ["response_type"] = "code", ["redirect_uri"] = redirect, ["scope"] = "openid", ["state"] = "inside", ["nonce"] = "inside",
        });
        return $"{Base64Url.EncodeToString("""{"alg":"none"}"""u8)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.";
    }

    [Module("oidcc-claims-essential")]
    public async Task Claims_essential()
    {
        Assert.True(Discovery.Says("claims_parameter_supported"));
        var (token, info) = await SucceedAsync(("claims", """{"userinfo":{"name":{"essential":true}}}"""));
        Assert.True(info.TryGetProperty("name", out _));
        Assert.False(RelyingParty.Payload(token).TryGetProperty("name", out _));
    }

    [Module("oidcc-ensure-request-object-with-redirect-uri")]
    public async Task Request_object_with_redirect_uri()
    {
        Note("The wrong address beside the request object leads to an error page, as the module allows; the page speaks of the request object, which is refused first.");
        await StaysOnAPageAsync("request_not_supported", ("request", RequestObject("client", TestServer.Callback)), ("redirect_uri", $"{TestServer.Callback}_invalid"));
    }

    [Module("oidcc-refresh-token")]
    public async Task Refresh_token()
    {
        Assert.Contains("refresh_token", Discovery.Values("grant_types_supported"));
        Assert.Contains("offline_access", Discovery.Values("scopes_supported"));
        var party = await RegisterAsync();
        var other = await RegisterAsync();
        using var browser = Nobody();
        await RefreshAsync(party, browser, sayScope: true);
        var theirs = await RefreshAsync(other, browser, sayScope: false);
        var refused = await party.TokenAsync([("grant_type", "refresh_token"), ("refresh_token", theirs)]);
        Assert.Equal((400, "invalid_grant"), (refused.Status, refused.Error));
        Assert.Equal("application/json", refused.Response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>OpenID Connect Core §12.2: what an ID token that comes with a refresh shares with the first one.</summary>
    private async Task<string> RefreshAsync(RelyingParty party, Browser browser, bool sayScope)
    {
        var first = await party.SignInAsync(browser, ("scope", "openid offline_access"), ("prompt", "consent"));
        Server.Clock!.Advance(TimeSpan.FromSeconds(1));
        var answer = await party.TokenAsync([("grant_type", "refresh_token"), ("refresh_token", first.Answer.Text("refresh_token")), .. sayScope ? [("scope", "openid offline_access")] : Array.Empty<(string, string)>()]);
        RelyingParty.CheckTokens(answer);
        Assert.NotEqual(first.Answer.Text("access_token"), answer.Text("access_token"));
        var nonce = RelyingParty.Payload(new JsonWebToken(answer.Text("id_token"))).TryGetProperty("nonce", out var came) ? came.GetString() : null;
        Assert.True(nonce is null || nonce == first.IdToken.GetClaim("nonce").Value, nonce);
        var second = await party.CheckIdTokenAsync(answer, nonce);
        Assert.Equal((first.IdToken.Issuer, first.IdToken.Subject), (second.Issuer, second.Subject));
        Assert.Equal(first.IdToken.Audiences, second.Audiences);
        Assert.Equal(RelyingParty.Seconds(first.IdToken, "auth_time"), RelyingParty.Seconds(second, "auth_time"));
        Assert.True(RelyingParty.Seconds(second, "iat") > RelyingParty.Seconds(first.IdToken, "iat"));
        await party.UserInfoAsync((answer, second));
        return answer.Text("refresh_token");
    }

    [Module("oidcc-ensure-request-with-valid-pkce-succeeds")]
    public async Task Valid_pkce()
    {
        var party = await RegisterAsync();
        using var browser = Nobody();
        var proof = Pkce.New();
        var request = party.Request(out _, ("code_challenge", proof.Challenge), ("code_challenge_method", "S256"));
        await party.TokensAsync(await party.VisitAsync(browser, request, proof));
    }
}
