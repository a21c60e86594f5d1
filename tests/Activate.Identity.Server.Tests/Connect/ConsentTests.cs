using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Applications;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>What a person is asked, what is remembered, what is asked again, and how it all ends under Connected apps.</summary>
public sealed class ConsentTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private async Task<string> RegisterAsync(string? name = null, string? secret = Secret)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, secret, name: name, deviceFlow: true);
        return client;
    }

    private static bool IsAsked(Browser browser) => browser.Page.QuerySelectorAll("button").Any(button => button.TextContent.Trim() == "Allow");

    private async Task<bool> AsksAsync(Browser browser, string client, params (string, string?)[] changes)
    {
        await browser.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), changes));
        if (IsAsked(browser))
            return true;
        Assert.NotEmpty(TestServer.Parameter(browser.Response.Headers.Location, "code"));
        return false;
    }

    [Fact]
    public async Task The_page_names_the_application_its_publisher_who_registered_it_the_scopes_in_words_and_for_how_long()
    {
        var client = await RegisterAsync("Simulator");
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.Publisher, "Waves GmbH")));
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        Assert.True(await AsksAsync(person, client, ("scope", "openid email offline_access credentials:write")));
        foreach (var text in new[] { "Simulator", "Waves GmbH", "the operators of this server", "app.example.test", username, "See your e-mail address", "Stay signed in when you are away", "90 days" })
            Assert.Contains(text, person.PageText, StringComparison.Ordinal);
        Assert.Contains(person.Page.QuerySelectorAll("strong"), strong => strong.TextContent == Core.Scopes.Descriptions["credentials:write"]);
    }

    [Fact]
    public async Task What_was_allowed_is_remembered_and_asked_again_only_for_more_or_on_request()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        Assert.True(await AsksAsync(person, client, ("scope", "openid profile")));
        Assert.Equal("consent_required", TestServer.Parameter((await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("scope", "openid profile"), ("prompt", "none")))).Response.Headers.Location, "error"));
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New(), ("scope", "openid profile")));
        Assert.False(await AsksAsync(person, client, ("scope", "openid profile")));
        Assert.False(await AsksAsync(person, client, ("scope", "openid")));
        Assert.False(await AsksAsync(person, client, ("scope", "openid profile"), ("prompt", "none")));
        Assert.True(await AsksAsync(person, client, ("scope", "openid profile"), ("prompt", "consent")));
        Assert.True(await AsksAsync(person, client, ("scope", "openid email")));
        Assert.Contains("asks for more", person.PageText, StringComparison.Ordinal);
        Assert.True(await AsksAsync(person, client, ("scope", "openid"), ("claims", """{"userinfo":{"email":null}}""")));
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New(), ("scope", "openid email")));
        Assert.False(await AsksAsync(person, client, ("scope", "openid profile email")));
    }

    [Fact]
    public async Task A_resource_server_that_was_not_asked_for_before_is_named_and_asked_about_once()
    {
        var (client, jupyter) = (await RegisterAsync(), $"https://{shared.NewName("jupyter")}.example.test/");
        await _server.RegisterApplicationAsync(shared.NewName("rs"), Secret, jupyter, name: "Notebooks");
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New()));
        Assert.False(await AsksAsync(person, client, ("resource", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/platform")));
        Assert.True(await AsksAsync(person, client, ("resource", jupyter)));
        Assert.Contains($"Notebooks ({jupyter})", person.PageText, StringComparison.Ordinal);
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New(), ("resource", jupyter)));
        Assert.False(await AsksAsync(person, client, ("resource", jupyter)));
        Assert.False(await AsksAsync(person, client));
    }

    [Theory, Trait("Case", "J7")]
    [InlineData("prompt", "login")]
    [InlineData("prompt", "select_account")]
    [InlineData("max_age", "0")]
    public async Task Who_is_not_signed_in_signs_in_once(string parameter, string value)
    {
        var client = await RegisterAsync();
        var (username, signedIn) = await shared.NewUserAsync();
        signedIn.Dispose();
        using var person = _server.Browser();
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), (parameter, value)));
        await person.SubmitAsync("Sign in", ("Username", username), ("Password", TestServer.UserPassword));
        Assert.True(IsAsked(person), person.PageText);
    }

    [Theory, Trait("Case", "J7")]
    [InlineData("prompt", "login consent")]
    [InlineData("max_age", "0")]
    public async Task Who_has_to_sign_in_first_is_asked_all_the_same_where_the_application_wants_it(string parameter, string value)
    {
        var client = await RegisterAsync();
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New()));
        Assert.False(await AsksAsync(person, client));
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), parameter == "prompt" ? [(parameter, value)] : [("prompt", "consent"), (parameter, value)]));
        Assert.Equal("/sign-in", person.Address.AbsolutePath);
        await person.SubmitAsync("Sign in", ("Username", username), ("Password", TestServer.UserPassword));
        Assert.True(IsAsked(person), person.PageText);
    }

    [Fact]
    public async Task A_claim_whose_scope_the_application_is_not_registered_for_is_not_told()
    {
        var client = await RegisterAsync();
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Permissions, a => a.Permissions!.Replace("\"scp:email\"", "\"scp:nothing\""))));
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var changes = (("scope", "openid"), ("claims", """{"userinfo":{"email":null,"name":null},"id_token":{"email":null}}"""));
        Assert.True(await AsksAsync(person, client, changes.Item1, changes.Item2));
        Assert.DoesNotContain("See your e-mail address", person.PageText, StringComparison.Ordinal);
        var pkce = Pkce.New();
        var tokens = await _server.RedeemAsync(client, Secret, await _server.GetCodeAsync(person, client, pkce, changes.Item1, changes.Item2), pkce);
        var userinfo = await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", tokens.Text("access_token"));
        Assert.Equal((true, false), (userinfo.Has("name"), userinfo.Has("email")));
    }

    [Theory]
    [InlineData(ApplicationKind.Native, Secret)]
    [InlineData(ApplicationKind.Browser, null)]
    public async Task An_application_that_anybody_can_pretend_to_be_asks_every_time(ApplicationKind kind, string? secret)
    {
        var client = await RegisterAsync(secret: secret);
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.Kind, kind)));
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        await TestServer.AllowAsync(person, TestServer.AuthorizePath(client, Pkce.New()));
        Assert.True(await AsksAsync(person, client));
    }

    [Fact, Trait("Case", "J8")]
    public async Task The_ID_token_says_when_and_how_and_what_was_asked_for()
    {
        var client = await RegisterAsync();
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        var code = await _server.GetCodeAsync(person, client, pkce, ("scope", "openid"), ("claims", """{"id_token":{"name":{"essential":true}},"userinfo":{"email":null}}"""), ("max_age", "1000"));
        var tokens = await _server.RedeemAsync(client, Secret, code, pkce);
        var payload = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(tokens.Text("id_token").Split('.')[1])).RootElement;
        Assert.Equal(("1", "nonce-1", client), (payload.GetProperty("acr").GetString(), payload.GetProperty("nonce").GetString(), payload.GetProperty("aud").GetString()));
        Assert.Equal("pwd", Assert.Single(payload.GetProperty("amr").EnumerateArray()).GetString());
        Assert.InRange(payload.GetProperty("auth_time").GetInt64(), 1, long.MaxValue);
        Assert.True(payload.TryGetProperty("at_hash", out _));
        Assert.True(payload.TryGetProperty("name", out _));
        Assert.False(payload.TryGetProperty("email", out _));
        var userinfo = await _server.ApiAsync(HttpMethod.Get, "/connect/userinfo", tokens.Text("access_token"));
        Assert.Equal((false, payload.GetProperty("sub").GetString()), (userinfo.Has("name"), userinfo.Text("sub")));
    }

    [Fact, Trait("Case", "J7")]
    public async Task A_hint_of_another_person_is_not_answered_silently()
    {
        var client = await RegisterAsync();
        var (_, one) = await shared.NewUserAsync();
        using var first = one;
        var hint = (await _server.ConnectAsync(first, client, Secret)).Text("id_token");
        Assert.NotEmpty(TestServer.Parameter((await first.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"), ("id_token_hint", hint)))).Response.Headers.Location, "code"));
        var (_, two) = await shared.NewUserAsync();
        using var second = two;
        await TestServer.AllowAsync(second, TestServer.AuthorizePath(client, Pkce.New()));
        Assert.Equal("login_required", TestServer.Parameter((await second.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"), ("id_token_hint", hint)))).Response.Headers.Location, "error"));
        await second.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("id_token_hint", hint)));
        Assert.Equal("/sign-in", second.Address.AbsolutePath);
    }

    [Theory, Trait("Case", "J7")]
    [InlineData("forged")]
    [InlineData("unsigned")]
    [InlineData("garbage")]
    [InlineData("other client's")]
    [InlineData("access token")]
    [InlineData("refresh token")]
    public async Task A_hint_that_is_not_right_gets_no_code_silently(string what)
    {
        var (client, other) = (await RegisterAsync(), await RegisterAsync());
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var tokens = await _server.ConnectAsync(person, client, Secret);
        var right = tokens.Text("id_token");
        var hint = what switch
        {
            "forged" => right[..^6] + (right[^6] == 'A' ? 'B' : 'A') + right[^5..],
            "unsigned" => $"{System.Buffers.Text.Base64Url.EncodeToString("{\"alg\":\"none\"}"u8)}.{right.Split('.')[1]}.",
            "garbage" => "ey.ey.ey",
            "access token" => tokens.Text("access_token"),
            "refresh token" => tokens.Text("refresh_token"),
            _ => (await _server.ConnectAsync(person, other, Secret)).Text("id_token"),
        };
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"), ("id_token_hint", hint)));
        Assert.Equal(what == "other client's" ? "invalid_request" : "login_required", TestServer.Parameter(person.Response.Headers.Location, "error"));
        Assert.DoesNotContain("code=", person.Response.Headers.Location!.Query, StringComparison.Ordinal);
        // The right one is answered, also when it has expired (OpenID Connect Core §3.1.2.1).
        _server.Clock!.Advance(TimeSpan.FromHours(1.5));
        await person.GoAsync(TestServer.AuthorizePath(client, Pkce.New(), ("prompt", "none"), ("id_token_hint", right)));
        Assert.NotEmpty(TestServer.Parameter(person.Response.Headers.Location, "code"));
    }

    [Fact]
    public async Task A_login_hint_stands_in_the_field()
    {
        using var nobody = _server.Browser();
        await nobody.GoAsync(TestServer.AuthorizePath(await RegisterAsync(), Pkce.New(), ("login_hint", "ada")));
        Assert.Equal("ada", nobody.Page.QuerySelector("input[name=Username]")?.GetAttribute("value"));
    }

    [Fact, Trait("Case", "A5")]
    public async Task An_application_that_is_exempt_from_PKCE_may_leave_it_out_and_nothing_else()
    {
        var client = await RegisterAsync();
        await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).ExecuteUpdateAsync(set => set.SetProperty(a => a.Settings, """{"pkce_exempt":"true"}""")));
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        (string, string?)[] without = [("code_challenge", null), ("code_challenge_method", null)];
        var withVerifier = await _server.RedeemAsync(client, Secret, await _server.GetCodeAsync(person, client, pkce, without), pkce);
        Assert.True(withVerifier.Status == 400, withVerifier.ToString());
        var answer = await _server.RedeemAsync(client, Secret, await _server.GetCodeAsync(person, client, pkce, without), pkce, 0, ("code_verifier", null));
        Assert.True(answer.Status == 200, answer.ToString());
        await person.GoAsync(TestServer.AuthorizePath(client, pkce, ("code_challenge_method", "plain")));
        Assert.Equal("invalid_request", TestServer.Parameter(person.Response.Headers.Location, "error"));
    }

    [Fact, Trait("Case", "T8")]
    public async Task Connected_apps_lists_applications_and_device_logins_and_ends_each_of_them_completely()
    {
        var (client, other) = (await RegisterAsync("Simulator"), await RegisterAsync("Notebook"));
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        await person.GoAsync("/account/connected-apps");
        Assert.Contains("You have not signed in to any application yet", person.PageText, StringComparison.Ordinal);
        var tokens = await _server.ConnectAsync(person, client, Secret);
        var kept = await _server.ConnectAsync(person, other, Secret);
        var pending = Pkce.New();
        var code = await _server.GetCodeAsync(person, client, pending);
        var session = await _server.LoginWithDeviceAsync(username: username, password: TestServer.UserPassword);
        // Approved, and not fetched yet.
        var started = await _server.PostFormAsync("/connect/device", [("scope", "platform")], authorization: TestServer.Basic(client, Secret));
        var device = new DeviceLogin(started.Text("device_code"), started.Text("user_code"), started);
        await TestServer.ApproveAsync(person, device);

        await person.GoAsync("/account/connected-apps");
        foreach (var text in new[] { "Simulator", "Notebook", "Device logins" })
            Assert.Contains(text, person.PageText, StringComparison.Ordinal);
        await person.GoAsync($"/account/connected-apps?delete={await _server.QueryAsync(database => database.Applications.Where(a => a.ClientId == client).Select(a => a.Id).SingleAsync())}");
        Assert.Contains("Disconnect the application “Simulator”?", person.PageText, StringComparison.Ordinal);
        await person.SubmitAsync("Disconnect");
        Assert.Contains("The application “Simulator” was disconnected", person.PageText, StringComparison.Ordinal);

        Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", tokens.Text("access_token"))).Status);
        Assert.Equal("invalid_grant", (await _server.RefreshAsync(client, Secret, tokens.Text("refresh_token"))).Error);
        Assert.Equal("invalid_grant", (await _server.RedeemAsync(client, Secret, code, pending)).Error);
        Assert.Equal("invalid_grant", (await _server.PostFormAsync("/connect/token", [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device.DeviceCode)], authorization: TestServer.Basic(client, Secret))).Error);
        Assert.True(await AsksAsync(person, client));
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", kept.Text("access_token"))).Status);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", session)).Status);

        var id = (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", session)).Json.GetProperty("credential").GetProperty("id").GetString();
        await person.GoAsync($"/account/connected-apps?delete={id}");
        await person.SubmitAsync("End Login");
        Assert.Equal(401, (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", session)).Status);
    }

    [Fact, Trait("Case", "A9")]
    public async Task The_command_line_signs_in_by_the_browser_on_any_loopback_port_and_gets_a_session_of_its_own()
    {
        var (_, browser) = await shared.NewUserAsync();
        using var person = browser;
        var pkce = Pkce.New();
        foreach (var callback in new[] { "http://127.0.0.1:54321/callback", "http://127.0.0.1:1/callback" })
        {
            var code = await _server.GetCodeAsync(person, TestServer.Cli, pkce,
                ("redirect_uri", callback), ("scope", "platform credentials:read credentials:write"), ("lifetime_hours", "2"), ("device_name", "workstation"));
            var tokens = await _server.RedeemAsync(TestServer.Cli, null, code, pkce, 0, ("redirect_uri", callback));
            Assert.True(tokens.Status == 200, tokens.ToString());
            Assert.Equal((false, 7200), (tokens.Has("refresh_token"), tokens.Json.GetProperty("expires_in").GetInt32()));
            var me = (await _server.ApiAsync(HttpMethod.Get, "/api/v1/me", tokens.Text("access_token"))).Json.GetProperty("credential");
            Assert.Equal(("session", "workstation"), (me.GetProperty("kind").GetString(), me.GetProperty("name").GetString()));
            Assert.Equal(201, (await _server.ApiAsync(HttpMethod.Post, "/api/v1/api-keys", tokens.Text("access_token"), new { name = shared.NewName("key") })).Status);
        }

        foreach (var wrong in new[] { "http://localhost:1/callback", "http://127.0.0.1.evil.test/callback", "https://127.0.0.1:1/callback", "http://127.0.0.1:1/other", "http://127.0.0.1:9@evil.test/callback" })
        {
            await person.GoAsync(TestServer.AuthorizePath(TestServer.Cli, pkce, ("redirect_uri", wrong), ("scope", "platform")));
            Assert.Equal((400, null), ((int)person.Response.StatusCode, person.Response.Headers.Location));
        }
    }
}
