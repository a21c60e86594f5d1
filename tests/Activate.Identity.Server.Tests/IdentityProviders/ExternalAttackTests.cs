using System.Net.Http;
using System.Text;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Tests.IdentityProviders;

/// <summary>What a stranger, another browser, another provider or a provider that lies can try: nobody is signed in, and a page says why.</summary>
public sealed class ExternalAttackTests(SsoNodes fixture) : IClassFixture<SsoNodes>, IAsyncLifetime
{
    private readonly TestServer _server = fixture.Server;
    private FakeProvider _provider = null!;

    public async ValueTask InitializeAsync() => _provider = await FakeProvider.StartAsync();

    public ValueTask DisposeAsync() => _provider.DisposeAsync();

    [Fact]
    [Trait("Case", "F8")]
    public async Task A_state_works_once_on_whatever_node()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        // Begun on one node, finished on the other.
        await sso.ComeBackAsync(browser.At(1), _provider, begun, Sso.Person("1", fixture.NewName("once")));
        Assert.NotNull(await Sso.WhoAsync(browser));
        using var other = _server.Browser();
        var path = Sso.CallbackOf(_provider, begun);
        await other.GoAsync(path);
        await Sso.AssertRefusedAsync(other, "Start again");
        for (var node = 0; node < 2; node++)
        {
            await browser.At(node).GoAsync(path);
            Assert.Contains("Start again", browser.PageText, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Case", "F8")]
    public async Task Of_many_answers_to_one_start_one_signs_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        _provider.Claims = new(Sso.Person("1", fixture.NewName("many"))) { ["nonce"] = TestServer.Parameter(begun, "nonce") };
        var path = Sso.CallbackOf(_provider, begun);
        var answers = await ApiCalls.TogetherAsync(8, i => _server.SendAsync(browser, new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, path)), i % 2));
        Assert.Equal((1, 7), (answers.Count(answer => answer.Status == 303), answers.Count(answer => answer.Status == 403)));
        Assert.Single(_provider.TokenRequests);
    }

    [Fact]
    [Trait("Case", "W2")]
    public async Task An_answer_for_another_browser_signs_nobody_in_and_uses_nothing_up()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var attacker = _server.Browser();
        using var victim = _server.Browser();
        var begun = await sso.BeginAsync(attacker);
        await sso.BeginAsync(victim);
        await sso.ComeBackAsync(victim, _provider, begun, Sso.Person("1", fixture.NewName("swap")));
        await Sso.AssertRefusedAsync(victim, "Start again");
        Assert.Empty(_provider.TokenRequests);
        await sso.ComeBackAsync(attacker, _provider, begun, Sso.Person("1", fixture.NewName("swap")));
        Assert.NotNull(await Sso.WhoAsync(attacker));
    }

    [Theory]
    [InlineData("/sign-in/callback")]
    [InlineData("/sign-in/callback?code=x")]
    [InlineData("/sign-in/callback?code=x&state=nonsense")]
    [InlineData("/sign-in/callback?error=access_denied")]
    [InlineData("/sign-in/callback?code=x&code=y&state=a&state=b")]
    [InlineData("/sign-in/callback?code=x&state=eyJhbGciOiJub25lIn0.e30.")]
    [InlineData("/sign-in/callback?error=%3Cscript%3E&error_description=%3Csvg%20onload%3D1%3E&state=x")]
    public async Task An_answer_that_nobody_began_is_a_page_that_says_so(string path)
    {
        using var browser = _server.Browser();
        await browser.GoAsync(path);
        await Sso.AssertRefusedAsync(browser, "Start again");
        Assert.DoesNotContain("onload", browser.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Case", "A17")]
    public async Task An_answer_of_another_provider_is_no_answer()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        await using var evil = await FakeProvider.StartAsync();
        foreach (var iss in (string[])[evil.Issuer, $"{_provider.Issuer}/x", "nonsense", ""])
        {
            using var browser = _server.Browser();
            var begun = await sso.BeginAsync(browser);
            await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1"), iss);
            await Sso.AssertRefusedAsync(browser, "did not prove to be its own");
        }

        // The code went nowhere: the other provider would have had it.
        Assert.Empty(_provider.TokenRequests);
        Assert.Empty(evil.TokenRequests);
    }

    [Fact]
    public async Task A_state_of_one_provider_takes_no_answer_of_another()
    {
        // Two organizations; a token of the one's provider is sent to whoever began at the other's.
        await using var evil = await FakeProvider.StartAsync();
        var (honest, hostile) = (await Sso.NewAsync(_server, _provider.Issuer), await Sso.NewAsync(_server, evil.Issuer));
        using var browser = _server.Browser();
        var begun = await honest.BeginAsync(browser);
        _provider.Sign = claims => evil.SignWith(evil.Credentials(), claims);
        await honest.ComeBackAsync(browser, _provider, begun, Sso.Person("1"));
        await Sso.AssertRefusedAsync(browser, "did not prove to be its own");
        // Nor does a hostile provider that calls itself the honest one open accounts of it.
        using var member = _server.Browser();
        _provider.Sign = null;
        await honest.SignInAsync(_provider, Sso.Person("1", fixture.NewName("mix")), member);
        using var other = _server.Browser();
        begun = await hostile.BeginAsync(other);
        await hostile.ComeBackAsync(other, evil, begun, Sso.Person("1", fixture.NewName("mix"), more: ("iss", _provider.Issuer)));
        await Sso.AssertRefusedAsync(other, "did not prove to be its own");
    }

    public static TheoryData<string> Lies => ["nonce", "no nonce", "issuer", "audience", "azp", "expired", "no subject", "empty subject", "unsigned", "hmac with the secret", "hmac with the public key", "foreign key", "broken signature", "no token"];

    [Theory]
    [MemberData(nameof(Lies))]
    [Trait("Case", "J2")]
    public async Task An_ID_token_that_is_not_what_it_should_be_signs_nobody_in(string lie)
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        var claims = Sso.Person("1");
        switch (lie)
        {
            case "nonce":
                claims["nonce"] = "another";
                break;
            case "no nonce":
                claims["nonce"] = null;
                break;
            case "issuer":
                claims["iss"] = "https://login.example.org";
                break;
            case "audience":
                claims["aud"] = "somebody-else";
                break;
            case "azp":
                claims["azp"] = "somebody-else";
                break;
            case "expired":
                claims["exp"] = DateTimeOffset.UtcNow.AddMinutes(-3).ToUnixTimeSeconds();
                break;
            case "no subject":
                claims["sub"] = null;
                break;
            case "empty subject":
                claims["sub"] = "";
                break;
            case "unsigned":
                _provider.Sign = all => _provider.SignWith(null, all);
                break;
            case "hmac with the secret":
                _provider.Sign = all => _provider.SignWith(new SigningCredentials(new SymmetricSecurityKey(Encoding.UTF8.GetBytes("s3cret of the provider".PadRight(32, '\0'))), SecurityAlgorithms.HmacSha256), all);
                break;
            case "hmac with the public key":
                _provider.Sign = all => _provider.SignWith(new SigningCredentials(new SymmetricSecurityKey(_provider.Key.ExportSubjectPublicKeyInfo()), SecurityAlgorithms.HmacSha256), all);
                break;
            case "foreign key":
                using (var foreign = System.Security.Cryptography.RSA.Create(2048))
                {
                    var key = new RsaSecurityKey(foreign.ExportParameters(true)) { KeyId = ((RsaSecurityKey)_provider.Credentials().Key).KeyId };
                    _provider.Sign = all => _provider.SignWith(new SigningCredentials(key, SecurityAlgorithms.RsaSha256), all);
                }

                break;
            case "broken signature":
                _provider.Sign = all => _provider.SignWith(_provider.Credentials(), all) is var token && token[^10] == 'A' ? $"{token[..^10]}B{token[^9..]}" : $"{token[..^10]}A{token[^9..]}";
                break;
            case "no token":
                _provider.Sign = _ => "";
                break;
        }

        await sso.ComeBackAsync(browser, _provider, begun, claims);
        await Sso.AssertRefusedAsync(browser, "did not prove to be its own");
        Assert.Equal(1, await sso.PeopleAsync());
    }

    [Fact]
    public async Task Clocks_may_differ_by_two_minutes()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1", fixture.NewName("skew"), more: ("exp", DateTimeOffset.UtcNow.AddSeconds(-90).ToUnixTimeSeconds())));
        Assert.NotNull(await Sso.WhoAsync(browser));
    }

    [Fact]
    public async Task Userinfo_of_somebody_else_is_refused()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        _provider.UserInfo = new() { ["sub"] = "2", ["groups"] = "admins" };
        using var browser = await sso.SignInAsync(_provider, Sso.Person("1"));
        await Sso.AssertRefusedAsync(browser, "did not prove to be its own");
    }

    [Fact]
    [Trait("Case", "C6")]
    public async Task A_new_key_of_the_provider_is_found_at_the_next_try()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var name = fixture.NewName("key");
        using var first = await sso.SignInAsync(_provider, Sso.Person("1", name));
        _provider.Rotate();
        using var second = await sso.SignInAsync(_provider, Sso.Person("1", name));
        await Sso.AssertRefusedAsync(second, "did not prove to be its own");
        await Task.Delay(TimeSpan.FromSeconds(5.2));
        using var third = await sso.SignInAsync(_provider, Sso.Person("1", name));
        Assert.Equal(name, await Sso.WhoAsync(third));
    }

    [Theory]
    [InlineData("access_denied", "may not sign in here", 403)]
    [InlineData("login_required", "may not sign in here", 403)]
    [InlineData("server_error", "cannot be reached just now", 503)]
    [InlineData("invalid_scope", "answered with the error invalid_scope", 403)]
    [InlineData("unauthorized_client", "answered with the error unauthorized_client", 403)]
    [InlineData("Call%20+1-555", "answered with the error that it has", 403)]
    public async Task A_refusal_of_the_provider_is_told_in_our_words(string error, string words, int status)
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        await browser.GoAsync($"/sign-in/callback?error={error}&error_description=%3Csvg%20onload%3D1%3E&state={TestServer.Parameter(begun, "state")}&iss={Uri.EscapeDataString(_provider.Issuer)}");
        await Sso.AssertRefusedAsync(browser, words, status);
        Assert.DoesNotContain("onload", browser.Body, StringComparison.Ordinal);
    }

    public static TheoryData<string> Troubles => ["down", "slow", "web page", "huge", "error", "redirect", "foreign issuer", "endpoint on plain http", "no keys"];

    [Theory]
    [MemberData(nameof(Troubles))]
    [Trait("Case", "S13")]
    public async Task A_provider_that_cannot_be_relied_on_is_told_plainly_and_quickly(string trouble)
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        var elsewhere = false;
        await using var other = await FakeProvider.StartAsync();
        other.Mood = _ =>
        {
            elsewhere = true;
            return Task.FromResult(false);
        };
        _provider.Mood = trouble switch
        {
            "slow" => async context =>
            {
                await Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted);
                return true;
            },
            "web page" => async context =>
            {
                context.Response.ContentType = "text/html";
                await context.Response.WriteAsync("<html>Welcome</html>");
                return true;
            },
            "huge" => async context =>
            {
                context.Response.ContentType = "application/json";
                await context.Response.WriteAsync("{\"issuer\":\"" + new string('x', 2_000_000) + "\"}");
                return true;
            },
            "error" => context =>
            {
                context.Response.StatusCode = 500;
                return Task.FromResult(true);
            },
            "redirect" => context =>
            {
                context.Response.Redirect(other.Issuer + context.Request.Path);
                return Task.FromResult(true);
            },
            _ => _provider.Mood,
        };
        if (trouble == "down")
            await _provider.DisposeAsync();
        if (trouble == "foreign issuer")
            _provider.Document["issuer"] = "https://login.example.org";
        if (trouble == "endpoint on plain http")
            _provider.Document["token_endpoint"] = "http://login.example.org/token";
        if (trouble == "no keys")
            _provider.Document["jwks_uri"] = $"{_provider.Issuer}/nothing";
        using var browser = _server.Browser();
        var began = TimeProvider.System.GetTimestamp();
        await browser.GoAsync(sso.Path);
        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(9));
        await Sso.AssertRefusedAsync(browser, "cannot be reached just now", 503);
        Assert.False(elsewhere);
        // And to its administrators more exactly.
        var check = await _server.PostAsync($"{Sso.Providers}/{sso.ProviderId}/check", sso.Session);
        Assert.False(check.Json.GetProperty("good").GetBoolean());
        Assert.Contains(trouble switch
        {
            "down" => "cannot be reached: no connection",
            "slow" => "did not answer within 5 seconds",
            "web page" => "no JSON, perhaps a web page",
            "huge" => "more than 256 KB",
            "error" => "status 500",
            "redirect" => "a redirect, which is not followed",
            "foreign issuer" => "has another issuer",
            "endpoint on plain http" => "token_endpoint does not begin with https://",
            _ => "status 404",
        }, check.Body, StringComparison.Ordinal);
        if (trouble == "down")
            _provider = await FakeProvider.StartAsync();
    }

    [Theory]
    [InlineData("slow")]
    [InlineData("error")]
    [InlineData("huge")]
    public async Task A_token_endpoint_in_trouble_is_asked_once(string trouble)
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        var asked = 0;
        _provider.Mood = async context =>
        {
            if (context.Request.Path != "/token")
                return false;
            asked++;
            if (trouble == "slow")
                await Task.Delay(TimeSpan.FromSeconds(20), context.RequestAborted);
            else if (trouble == "error")
                context.Response.StatusCode = 503;
            else
                await context.Response.WriteAsync(new string('x', 2_000_000));
            return true;
        };
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1"));
        await Sso.AssertRefusedAsync(browser, "cannot be reached just now", 503);
        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_provider_switched_off_or_an_organization_suspended_half_way_lets_nobody_in()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        await sso.ChangeAsync(new { enabled = false });
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1"));
        await Sso.AssertRefusedAsync(browser, "switched this way of signing in off");
        await sso.ChangeAsync(new { enabled = true });
        begun = await sso.BeginAsync(browser);
        await _server.SetSuspendedAsync(sso.Organization.Slug);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1"));
        await Sso.AssertRefusedAsync(browser, "switched this way of signing in off");
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task A_changed_client_counts_at_once_on_the_other_node()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer);
        using var browser = _server.Browser(1);
        await sso.BeginAsync(browser);
        await sso.ChangeAsync(new { clientId = "another", clientSecret = "another secret" });
        var begun = await sso.BeginAsync(browser);
        Assert.Equal("another", TestServer.Parameter(begun, "client_id"));
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("1", fixture.NewName("client"), more: ("aud", "another")));
        Assert.NotNull(await Sso.WhoAsync(browser));
    }

    [Fact]
    [Trait("Case", "L1")]
    public async Task Nothing_secret_is_logged_or_stored_readable()
    {
        var sso = await Sso.NewAsync(_server, _provider.Issuer, secret: "canary-of-a-client-secret");
        using var browser = _server.Browser();
        var begun = await sso.BeginAsync(browser);
        await sso.ComeBackAsync(browser, _provider, begun, Sso.Person("canary-of-a-subject", fixture.NewName("log")));
        var stored = await _server.QueryAsync(database => database.IdentityProviders.Where(row => row.Id == Guid.Parse(sso.ProviderId)).Select(row => row.ProtectedSecret).SingleAsync());
        Assert.DoesNotContain("canary", Encoding.Latin1.GetString(stored!), StringComparison.Ordinal);
        foreach (var canary in (string[])["canary-of-a-client-secret", "canary-of-a-subject", TestServer.Parameter(begun, "state"), TestServer.Parameter(begun, "nonce"), "code-1"])
            Assert.DoesNotContain(canary, _server.Logs.ToString(), StringComparison.Ordinal);
    }
}
