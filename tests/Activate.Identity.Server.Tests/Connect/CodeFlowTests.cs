using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>The authorization code flow with PKCE, from consent to the token.</summary>
[Trait("Database", "Differs")]
public sealed class CodeFlowTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private readonly TestServer _server = shared.Server;

    private async Task<string> RegisterAsync(string? secret = null, Guid? organizationId = null, string? name = null)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, secret, organizationId: organizationId, name: name);
        return client;
    }

    private async Task<int> MeAsync(string token, int node = 0) => (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", token, node: node)).Status;

    [Theory, Trait("Case", "J3"), Trait("Case", "J8"), Trait("Case", "A17")]
    [InlineData(null)]
    [InlineData("s3cret with spaces + : / and é")]
    public async Task A_person_allows_and_the_application_gets_tokens_that_work(string? secret)
    {
        // RFC 6749 §2.3.1: id and secret are form-encoded before they go into Basic.
        var sent = secret is null ? null : Uri.EscapeDataString(secret);
        var client = await RegisterAsync(secret);
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        var location = await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, pkce, ("scope", "openid profile email platform")));
        Assert.InRange((int)person.Response.StatusCode, 302, 303);
        Assert.StartsWith(TestServer.Callback + "?", location.OriginalString, StringComparison.Ordinal);
        Assert.Equal("state-1", TestServer.Parameter(location, "state"));
        Assert.Equal(_server.Origin.ToString(), TestServer.Parameter(location, "iss"));

        var answer = await _server.RedeemAsync(client, sent, TestServer.Parameter(location, "code"), pkce, node: 1);
        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal(("Bearer", 3600, "openid profile email platform"), (answer.Text("token_type"), answer.Json.GetProperty("expires_in").GetInt32(), answer.Text("scope")));
        Assert.False(answer.Has("refresh_token"));
        var access = new JsonWebToken(answer.Text("access_token"));
        Assert.Equal(("at+jwt", "RS256"), (access.Typ, access.Alg));
        Assert.Equal(["aud", "client_id", "exp", "iat", "iss", "jti", "organization", "platform_host", "scope", "sid", "sub"],
            access.Claims.Select(claim => claim.Type).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(_server.Origin.ToString(), access.Issuer);
        Assert.Equal(client, access.GetClaim("client_id").Value);
        Assert.DoesNotContain(username, Encoding.UTF8.GetString(Base64(access.EncodedPayload)), StringComparison.Ordinal);

        var id = new JsonWebToken(answer.Text("id_token"));
        Assert.Equal(("RS256", access.Subject, _server.Origin.ToString()), (id.Alg, id.Subject, id.Issuer));
        Assert.Equal([client], id.Audiences);
        Assert.Equal("nonce-1", id.GetClaim("nonce").Value);
        Assert.Equal(username, id.GetClaim("preferred_username").Value);
        Assert.Equal($"{username}@example.test", id.GetClaim("email").Value);
        Assert.Equal("false", id.GetClaim("email_verified").Value);
        Assert.Equal(new DateTimeOffset(_server.Now).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture), id.GetClaim("auth_time").Value);
        var half = SHA256.HashData(Encoding.ASCII.GetBytes(answer.Text("access_token")))[..16];
        Assert.Equal(System.Buffers.Text.Base64Url.EncodeToString(half), id.GetClaim("at_hash").Value);

        var me = await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", answer.Text("access_token"));
        Assert.Equal(username, me.Text("username"));
        Assert.Equal("session", me.Json.GetProperty("credential").GetProperty("kind").GetString());
        // T10: an ID token opens nothing.
        Assert.Equal(401, await MeAsync(answer.Text("id_token")));
        _server.Clock!.Advance(TimeSpan.FromSeconds(3600));
        Assert.Equal(401, await MeAsync(answer.Text("access_token")));
    }

    private static byte[] Base64(string text) => System.Buffers.Text.Base64Url.DecodeFromChars(text);

    [Fact, Trait("Case", "W24"), Trait("Case", "W6"), Trait("Case", "W4")]
    public async Task The_consent_page_says_who_asks_for_what_and_where_it_leads()
    {
        var client = await RegisterAsync(name: "<svg onload=alert(1)> App");
        var (username, browser) = await shared.NewUserAsync(Role.Admin);
        using var person = browser;
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("scope", "openid platform credentials:write")));
        foreach (var shown in new[] { "<svg onload=alert(1)> App", "app.example.test", username, TestServer.OrganizationName, "Use the ACTIVATE platform as you" })
            Assert.Contains(shown, person.PageText, StringComparison.Ordinal);
        Assert.Equal("Create and delete your API keys, tokens and SSH keys", Assert.Single(person.Page.QuerySelectorAll(".scopes strong")).TextContent);
        Assert.Empty(person.Page.QuerySelectorAll("svg[onload]"));
        var policy = person.Response.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("form-action 'self' https://app.example.test;", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("DENY", person.Response.Headers.GetValues("X-Frame-Options").Single());
        Assert.True(person.Response.Headers.CacheControl!.NoStore);
    }

    [Fact, Trait("Case", "A16")]
    public async Task Deny_sends_access_denied_and_no_code()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var location = await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New()), "Deny");
        Assert.Equal("access_denied", TestServer.Parameter(location, "error"));
        Assert.Equal("state-1", TestServer.Parameter(location, "state"));
        Assert.Equal(_server.Origin.ToString(), TestServer.Parameter(location, "iss"));
        Assert.DoesNotMatch("[?&]code=", location.Query);
    }

    [Theory, Trait("Case", "W1")]
    [InlineData("allow")]
    [InlineData("deny")]
    public async Task A_decision_without_the_pages_own_token_is_refused(string decision)
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var query = System.Web.HttpUtility.ParseQueryString(new Uri(_server.Origin, TestServer.AuthorizePath(client, Pkce.New())).Query);
        var fields = query.AllKeys.Select(key => KeyValuePair.Create(key!, query[key]!)).Append(new("decision", decision));
        var answer = await _server.SendAsync(person, new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, "/connect/authorize")) { Content = new FormUrlEncodedContent(fields) });
        Assert.Equal(400, answer.Status);
        Assert.Null(answer.Header("Location"));
        // And a GET decides nothing at all.
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("decision", decision)));
        Assert.Contains("It will be able to", person.PageText, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "A15")]
    public async Task Who_is_not_signed_in_signs_in_and_comes_back_to_the_same_request()
    {
        var client = await RegisterAsync();
        var name = shared.NewName();
        await _server.CreateUserAsync(name);
        using var browser = _server.Browser();
        var pkce = Pkce.New();
        await browser.GoAsync(TestServer.AuthorizePath(client, pkce, ("state", "a&b=c d")));
        Assert.Equal("/sign-in", browser.Address.AbsolutePath);
        // RFC 9700 §4.12: a 307 would make the browser post the password on to where it is sent.
        await browser.SubmitAsync("Sign in", follow: false, ("Username", name), ("Password", TestServer.UserPassword));
        Assert.InRange((int)browser.Response.StatusCode, 302, 303);
        await browser.GoAsync(browser.Response.Headers.Location!.ToString());
        await browser.SubmitAsync("Allow", follow: false);
        Assert.InRange((int)browser.Response.StatusCode, 302, 303);
        var location = browser.Response.Headers.Location!;
        Assert.Equal("a&b=c d", TestServer.Parameter(location, "state"));
        Assert.Equal(200, (await _server.RedeemAsync(client, null, TestServer.Parameter(location, "code"), pkce)).Status);
    }

    [Fact, Trait("Case", "W23")]
    public async Task Sensitive_scopes_need_a_sign_in_of_the_last_ten_minutes()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        _server.Clock!.Advance(TimeSpan.FromMinutes(10));
        var path = TestServer.AuthorizePath(client, Pkce.New(), ("scope", "openid credentials:write"));
        await person.GoAsync(path);
        Assert.Equal("/sign-in", person.Address.AbsolutePath);
        await person.SubmitAsync("Sign in", ("Password", TestServer.UserPassword));
        Assert.Contains("It will be able to", person.PageText, StringComparison.Ordinal);
        // Also when the page was open too long.
        _server.Clock.Advance(TimeSpan.FromMinutes(10));
        await person.SubmitAsync("Allow");
        Assert.Equal("/sign-in", person.Address.AbsolutePath);
    }

    [Theory, Trait("Case", "J8")]
    [InlineData("prompt", "login")]
    [InlineData("prompt", "login consent")]
    [InlineData("prompt", "select_account")]
    [InlineData("max_age", "0")]
    [InlineData("max_age", "60")]
    public async Task An_application_may_ask_for_a_fresh_sign_in(string name, string value)
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        _server.Clock!.Advance(TimeSpan.FromSeconds(61));
        var pkce = Pkce.New();
        await person.GoAsync(TestServer.AuthorizePath(client, pkce, (name, value)));
        Assert.Equal("/sign-in", person.Address.AbsolutePath);
        await person.SubmitAsync("Sign in", ("Password", TestServer.UserPassword));
        await person.SubmitAsync("Allow", follow: false);
        var answer = await _server.RedeemAsync(client, null, TestServer.Parameter(person.Response.Headers.Location!, "code"), pkce);
        Assert.Equal(new DateTimeOffset(_server.Now).ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture),
            new JsonWebToken(answer.Text("id_token")).GetClaim("auth_time").Value);
    }

    [Fact, Trait("Case", "J8")]
    public async Task A_sign_in_that_is_young_enough_is_not_asked_for_again()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("max_age", "60")));
        Assert.Contains("It will be able to", person.PageText, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "W4")]
    public async Task Form_post_sends_itself_under_a_policy_that_allows_just_that()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("response_mode", "form_post"), ("state", "\"><svg onload=alert(1)>")));
        await person.SubmitAsync("Allow", follow: false);
        Assert.Equal(200, (int)person.Response.StatusCode);
        var page = person.Page;
        Assert.Equal(TestServer.Callback, page.QuerySelector("form")!.GetAttribute("action"));
        Assert.Equal("\"><svg onload=alert(1)>", page.QuerySelector("input[name=state]")!.GetAttribute("value"));
        Assert.NotEmpty(page.QuerySelector("input[name=code]")!.GetAttribute("value")!);
        Assert.Empty(page.QuerySelectorAll("svg"));
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page.QuerySelector("script")!.TextContent)));
        Assert.Equal($"default-src 'none'; script-src 'sha256-{hash}'; form-action https://app.example.test; base-uri 'none'; frame-ancestors 'none'",
            person.Response.Headers.GetValues("Content-Security-Policy").Single());
    }

    [Fact, Trait("Case", "L1")]
    public async Task Nothing_secret_of_a_sign_in_reaches_the_log()
    {
        var (client, pkce) = (await RegisterAsync("canary-secret-7d1f"), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce, ("state", "canary-state-7d1f"), ("nonce", "canary-nonce-7d1f"), ("login_hint", "canary-hint-7d1f"));
        var tokens = await _server.RedeemAsync(client, "canary-secret-7d1f", code, pkce);
        await _server.RedeemAsync(client, "canary-secret-7d1f", code, pkce);
        await _server.RedeemAsync(client, "canary-wrong-7d1f", code, pkce);
        foreach (var secret in new[] { code, pkce.Verifier, tokens.Text("access_token"), tokens.Text("access_token").Split('.')[2], tokens.Text("id_token").Split('.')[2], "canary" })
            Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(secret, StringComparison.Ordinal));
    }

    [Theory, Trait("Case", "A7")]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(30)]
    public async Task A_code_that_comes_twice_kills_what_it_gave_the_first_time(int seconds)
    {
        var (client, pkce) = (await RegisterAsync("s3cret"), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce);
        var token = (await _server.RedeemAsync(client, "s3cret", code, pkce)).Text("access_token");
        Assert.Equal(200, await MeAsync(token, 1));
        _server.Clock!.Advance(TimeSpan.FromSeconds(seconds));
        var again = await _server.RedeemAsync(client, "s3cret", code, pkce);
        Assert.Equal((400, "invalid_grant"), (again.Status, again.Error));
        Assert.Equal(401, await MeAsync(token));
        _server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(401, await MeAsync(token, 1));
        Assert.False(await _server.QueryAsync(database => database.TokenGrants.AnyAsync(g => g.ClientId == client)));
        Assert.True(await _server.QueryAsync(database => database.AuditEvents.AnyAsync(e => e.ClientId == client && e.Type == Data.Audit.AuditTypes.AuthorizationCodeReplayed)));
    }

    [Fact, Trait("Case", "A7")]
    public async Task A_code_that_comes_twice_leaves_the_persons_other_sign_ins_alone()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var (first, second) = (await _server.GetCodeAsync(person, client, pkce), await _server.GetCodeAsync(person, client, pkce));
        var other = (await _server.RedeemAsync(client, null, first, pkce)).Text("access_token");
        await _server.RedeemAsync(client, null, second, pkce);
        await _server.RedeemAsync(client, null, second, pkce);
        Assert.Equal(200, await MeAsync(other));
    }

    [Fact, Trait("Case", "A21")]
    public async Task A_code_lives_for_a_minute()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce);
        _server.Clock!.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(200, (await _server.RedeemAsync(client, null, code, pkce)).Status);
        code = await _server.GetCodeAsync(person, client, pkce);
        _server.Clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("invalid_grant", (await _server.RedeemAsync(client, null, code, pkce)).Error);
    }

    [Theory, Trait("Case", "A4"), Trait("Case", "A10"), Trait("Case", "A6")]
    [InlineData("code_verifier", null)]
    [InlineData("code_verifier", "")]
    [InlineData("code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")]
    [InlineData("redirect_uri", null)]
    [InlineData("redirect_uri", "https://app.example.test/other")]
    [InlineData("client_id", "another")]
    public async Task A_code_is_bound_to_its_verifier_its_address_and_its_client(string name, string? value)
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        if (value == "another")
            value = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce);
        var answer = await _server.RedeemAsync(client, null, code, pkce, 0, (name, value));
        Assert.Equal(400, answer.Status);
        Assert.Contains(answer.Error, new[] { "invalid_grant", "invalid_request" });
        Assert.False(answer.Has("access_token"));
        // An honest client that was only clumsy may still redeem it.
        Assert.Equal(200, (await _server.RedeemAsync(client, null, code, pkce)).Status);
    }

    [Fact, Trait("Case", "I6")]
    public async Task Who_is_disabled_between_code_and_token_gets_nothing()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce);
        await _server.SetDisabledAsync(username);
        var answer = await _server.RedeemAsync(client, null, code, pkce);
        Assert.Equal((400, "invalid_grant"), (answer.Status, answer.Error));
        Assert.False(await _server.QueryAsync(database => database.TokenGrants.AnyAsync(g => g.ClientId == client)));
    }

    [Theory, Trait("Case", "O11")]
    [InlineData("foreign")]
    [InlineData("suspended")]
    [InlineData("locked")]
    public async Task Whoever_may_not_use_the_application_is_not_asked(string why)
    {
        var organization = why == "foreign" ? (await _server.CreateOrganizationAsync(shared.NewName("org"))).Id : (Guid?)null;
        var client = await RegisterAsync(organizationId: organization, name: "Secret project");
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        if (why == "suspended")
            await _server.SuspendApplicationAsync(client);
        var until = new DateTimeOffset(_server.Now.AddMinutes(5));
        if (why == "locked")
            await _server.QueryAsync(database => database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.LockoutEnd, until)));
        var answer = await _server.SendAsync(person, new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, TestServer.AuthorizePath(client, Pkce.New()))));
        Assert.Equal("access_denied", TestServer.Parameter(new Uri(answer.Header("Location")!), "error"));
        Assert.DoesNotContain("Secret project", answer.Body, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "O11")]
    public async Task An_application_suspended_between_code_and_token_gets_nothing()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce);
        await _server.SuspendApplicationAsync(client);
        Assert.Equal("unauthorized_client", (await _server.RedeemAsync(client, null, code, pkce)).Error);
    }

    [Fact, Trait("Case", "O11")]
    public async Task The_tokens_of_a_suspended_application_are_dead_everywhere_within_a_second()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var token = (await _server.RedeemAsync(client, null, await _server.GetCodeAsync(person, client, pkce), pkce)).Text("access_token");
        Assert.Equal((200, 200), (await MeAsync(token), await MeAsync(token, 1)));
        await _server.SuspendApplicationAsync(client);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((401, 401), (await MeAsync(token), await MeAsync(token, 1)));
        await _server.SuspendApplicationAsync(client, suspended: false);
        Assert.Equal((200, 200), (await MeAsync(token), await MeAsync(token, 1)));
    }

    [Fact, Trait("Case", "O9")]
    public async Task A_member_gives_no_scope_beyond_the_role()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var code = await _server.GetCodeAsync(person, client, pkce, ("scope", "openid platform organization:write audit:read"));
        Assert.Equal("openid platform", (await _server.RedeemAsync(client, null, code, pkce)).Text("scope"));
    }
}
