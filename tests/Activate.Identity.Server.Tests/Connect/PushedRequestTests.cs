using System.Net.Http;
using System.Net.Sockets;
using Activate.Identity.Server.Connect;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>Pushed authorization requests (RFC 9126): short-lived, answered once, bound to their client, and stronger than what stands beside them.</summary>
[Trait("Database", "Differs")]
public sealed class PushedRequestTests(SharedNodesWithClock shared) : IClassFixture<SharedNodesWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private async Task<string> RegisterAsync(string? secret = Secret)
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, secret);
        return client;
    }

    private async Task<Browser> PersonAsync() => (await shared.NewUserAsync()).Browser;

    private Task<Answer> PushAsync(string client, Pkce pkce, params (string Name, string? Value)[] changes)
    {
        var fields = new Dictionary<string, string?>
        {
            ["response_type"] = "code", ["redirect_uri"] = TestServer.Callback, ["scope"] = "openid platform", ["state"] = "pushed state", ["nonce"] = "n",
            ["code_challenge"] = pkce.Challenge, ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in changes)
            fields[name] = value;
        return _server.PostFormAsync("/connect/par", fields.Where(field => field.Value is not null).Select(field => (field.Key, field.Value!)), authorization: TestServer.Basic(client, Secret));
    }

    private static string Path(string client, string requestUri, string more = "") => $"/connect/authorize?client_id={client}&request_uri={Uri.EscapeDataString(requestUri)}{more}";

    private async Task<string> PushedAsync(string client, Pkce pkce, params (string Name, string? Value)[] changes)
    {
        var answer = await PushAsync(client, pkce, changes);
        Assert.True(answer.Status == 201, answer.ToString());
        Assert.InRange(answer.Json.GetProperty("expires_in").GetInt32(), 5, 600);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        return answer.Text("request_uri");
    }

    private static async Task<string> ErrorAsync(Browser browser, string path)
    {
        await browser.GoAsync(path);
        return browser.Response.Headers.Location is { } location ? TestServer.Parameter(location, "error") : $"{(int)browser.Response.StatusCode}";
    }

    [Fact]
    public async Task A_pushed_request_leads_to_a_code_like_one_in_the_address()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        using var browser = await PersonAsync();
        var answered = await TestServer.AllowAsync(browser, Path(client, await PushedAsync(client, pkce)));
        Assert.Equal("pushed state", TestServer.Parameter(answered, "state"));
        var tokens = await _server.RedeemAsync(client, Secret, TestServer.Parameter(answered, "code"), pkce);
        Assert.True(tokens.Status == 200, tokens.ToString());
    }

    [Fact, Trait("Case", "A23")]
    public async Task It_is_answered_once_and_counts_no_more_when_it_expired_or_for_another_client()
    {
        var (client, other, pkce) = (await RegisterAsync(), await RegisterAsync(), Pkce.New());
        using var browser = await PersonAsync();
        var uri = await PushedAsync(client, pkce);
        Assert.Equal("400", await ErrorAsync(browser, Path(other, uri)));
        await TestServer.AllowAsync(browser, Path(client, uri));
        Assert.Equal("400", await ErrorAsync(browser, Path(client, uri)));
        var denied = await PushedAsync(client, pkce, ("prompt", "consent"));
        Assert.Equal("access_denied", TestServer.Parameter(await TestServer.AllowAsync(browser, Path(client, denied), "Deny"), "error"));
        Assert.Equal("400", await ErrorAsync(browser, Path(client, denied)));
        var late = await PushedAsync(client, pkce);
        _server.Clock!.Advance(PushedRequests.Lifetime);
        Assert.Equal("400", await ErrorAsync(browser, Path(client, late)));
    }

    [Fact, Trait("Case", "A24")]
    public async Task What_was_pushed_wins_over_what_stands_beside_it()
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        using var browser = await PersonAsync();
        var uri = await PushedAsync(client, pkce);
        var answered = await TestServer.AllowAsync(browser, Path(client, uri, "&redirect_uri=https%3A%2F%2Fevil.test%2F&scope=organization%3Awrite&state=x&response_mode=form_post"));
        Assert.StartsWith(TestServer.Callback, answered.ToString(), StringComparison.Ordinal);
        Assert.Equal("pushed state", TestServer.Parameter(answered, "state"));
        Assert.Equal("openid platform", (await _server.RedeemAsync(client, Secret, TestServer.Parameter(answered, "code"), pkce)).Text("scope"));
    }

    [Theory, Trait("Case", "A25")]
    [InlineData("http://127.0.0.1:{0}/x")]
    [InlineData("https://127.0.0.1:{0}/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://127.0.0.1:{0}/x")]
    [InlineData("urn:other:x")]
    public async Task A_foreign_request_uri_is_refused_and_nobody_is_called(string uri)
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        using var browser = await PersonAsync();
        uri = string.Format(System.Globalization.CultureInfo.InvariantCulture, uri, ((System.Net.IPEndPoint)listener.LocalEndpoint).Port);
        Assert.Contains(await ErrorAsync(browser, Path(await RegisterAsync(), uri, $"&redirect_uri={Uri.EscapeDataString(TestServer.Callback)}&response_type=code")), new[] { "400", "request_uri_not_supported" });
        await browser.GoAsync(Path(await RegisterAsync(), "x", "&request=eyJ"));
        Assert.DoesNotContain("code=", browser.Response.Headers.Location?.ToString() ?? "", StringComparison.Ordinal);
        Assert.False(listener.Pending());
    }

    [Theory, Trait("Case", "A1"), Trait("Case", "A2"), Trait("Case", "A8")]
    [InlineData("code_challenge", null, "invalid_request")]
    [InlineData("code_challenge_method", "plain", "invalid_request")]
    [InlineData("redirect_uri", "https://evil.test/", "invalid_request")]
    [InlineData("redirect_uri", null, "invalid_request")]
    [InlineData("scope", "openid root", "invalid_scope")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("max_age", "-1", "invalid_request")]
    [InlineData("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request")]
    [InlineData("claims", "{", "invalid_request")]
    public async Task A_wrong_request_is_refused_when_it_is_pushed(string name, string? value, string error)
    {
        var answer = await PushAsync(await RegisterAsync(), Pkce.New(), (name, value));
        Assert.True(answer.Status == 400 && answer.Error == error, answer.ToString());
    }

    [Fact]
    public async Task A_client_proves_who_it_is_when_it_pushes()
    {
        var client = await RegisterAsync();
        Assert.Equal("invalid_client", (await _server.PostFormAsync("/connect/par", [("client_id", client), ("response_type", "code"), ("redirect_uri", TestServer.Callback)])).Error);
        await _server.SuspendApplicationAsync(client);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("unauthorized_client", (await PushAsync(client, Pkce.New())).Error);
    }

    [Theory, Trait("Case", "J8")]
    [InlineData("prompt", "login")]
    [InlineData("max_age", "0")]
    public async Task A_pushed_wish_for_a_fresh_sign_in_is_met_once(string name, string value)
    {
        var (client, pkce) = (await RegisterAsync(), Pkce.New());
        var (username, browser) = await shared.NewUserAsync();
        using var person = browser;
        _server.Clock!.Advance(TimeSpan.FromMinutes(1));
        await person.GoAsync(Path(client, await PushedAsync(client, pkce, (name, value))));
        Assert.Contains("/sign-in", person.Address.ToString(), StringComparison.Ordinal);
        await person.SubmitAsync("Sign in", ("Username", username), ("Password", TestServer.UserPassword));
        await person.SubmitAsync("Allow", follow: false);
        Assert.NotEmpty(TestServer.Parameter(person.Response.Headers.Location, "code"));
    }

    [Fact]
    public async Task A_client_that_pushes_without_end_is_slowed_down_and_others_are_not()
    {
        var (client, other) = (await RegisterAsync(), await RegisterAsync());
        await _server.QueryAsync(async database =>
        {
            var end = _server.Clock!.GetUtcNow().UtcDateTime + PushedRequests.Lifetime;
            for (var i = 0; i < 2000; i++)
                database.Add(new Data.Applications.PushedRequest { Id = Guid.CreateVersion7(end), Hash = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32), ClientId = client, Parameters = "{}", ExpiresAt = end });
            return await database.SaveChangesAsync();
        });
        var refused = await PushAsync(client, Pkce.New());
        Assert.Equal((429, "temporarily_unavailable", "60"), (refused.Status, refused.Error, refused.Header("Retry-After")));
        Assert.Equal(201, (await PushAsync(other, Pkce.New())).Status);
        _server.Clock!.Advance(PushedRequests.Lifetime);
        Assert.Equal(201, (await PushAsync(client, Pkce.New())).Status);
    }
}
