using System.Net.Http;
using System.Net.Sockets;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;

namespace Activate.Identity.Server.Tests.Connect;

/// <summary>OpenID Connect RP-Initiated Logout: who may sign somebody out, and where the browser may go afterwards.</summary>
public sealed class LogoutTests(SharedServerWithClock shared) : IClassFixture<SharedServerWithClock>
{
    private const string Secret = "s3cret";
    private readonly TestServer _server = shared.Server;

    private async Task<(string Client, Browser Browser, string IdToken)> SignedInAsync()
    {
        var client = shared.NewName("app");
        await _server.RegisterApplicationAsync(client, Secret);
        var (_, browser) = await shared.NewUserAsync();
        return (client, browser, (await _server.ConnectAsync(browser, client, Secret)).Text("id_token"));
    }

    private static string Path(params (string Name, string Value)[] parameters) =>
        "/connect/logout?" + string.Join('&', parameters.Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value)}"));

    private static async Task<bool> IsSignedInAsync(Browser browser)
    {
        await browser.GoAsync("/account/profile");
        return browser.Address.AbsolutePath == "/account/profile";
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_application_that_knows_the_person_signs_them_out_and_gets_them_back_with_its_state(bool expired)
    {
        var (client, browser, idToken) = await SignedInAsync();
        using var person = browser;
        if (expired)
            _server.Clock!.Advance(TimeSpan.FromHours(2));
        await person.GoAsync(Path(("id_token_hint", idToken), ("post_logout_redirect_uri", TestServer.SignedOut), ("state", "a b&c")));
        Assert.True(person.Response.Headers.Location is not null, $"{(int)person.Response.StatusCode} {person.PageText}");
        Assert.StartsWith(TestServer.SignedOut, person.Response.Headers.Location.ToString(), StringComparison.Ordinal);
        Assert.Equal("a b&c", TestServer.Parameter(person.Response.Headers.Location, "state"));
        Assert.False(await IsSignedInAsync(person));
        Assert.NotEmpty(client);
    }

    [Fact, Trait("Case", "U1")]
    public async Task Without_a_hint_of_that_person_a_page_asks_and_only_its_own_form_signs_out()
    {
        var (client, browser, _) = await SignedInAsync();
        var (_, other, foreignToken) = await SignedInAsync();
        using var person = browser;
        other.Dispose();
        foreach (var path in new[] { "/connect/logout", Path(("client_id", client), ("post_logout_redirect_uri", TestServer.SignedOut)), Path(("id_token_hint", foreignToken)) })
        {
            await person.GoAsync(path);
            Assert.Contains("Sign out?", person.PageText, StringComparison.Ordinal);
            Assert.True(await IsSignedInAsync(person), path);
        }

        // A form of another site has no antiforgery token.
        var forged = await _server.SendAsync(person, new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, "/connect/logout"))
        {
            Content = new FormUrlEncodedContent([new("decision", "sign-out")]),
        });
        Assert.Equal(400, forged.Status);
        Assert.True(await IsSignedInAsync(person));

        await person.GoAsync(Path(("client_id", client), ("post_logout_redirect_uri", TestServer.SignedOut), ("state", "s")));
        await person.SubmitAsync("Yes, sign out", follow: false);
        Assert.StartsWith(TestServer.SignedOut, person.Response.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.False(await IsSignedInAsync(person));
    }

    [Fact, Trait("Case", "A15")]
    public async Task The_answer_to_the_form_makes_the_browser_drop_what_was_posted()
    {
        var (client, browser, _) = await SignedInAsync();
        using var person = browser;
        await person.GoAsync(Path(("client_id", client), ("post_logout_redirect_uri", TestServer.SignedOut)));
        await person.SubmitAsync("Yes, sign out", follow: false);
        Assert.InRange((int)person.Response.StatusCode, 302, 303);
    }

    [Fact, Trait("Case", "A18"), Trait("Case", "L2")]
    public async Task Nothing_secret_that_stands_in_its_address_is_logged_and_a_form_has_everything_in_its_body()
    {
        var (_, browser, idToken) = await SignedInAsync();
        using var person = browser;
        var canary = $"canary{Guid.NewGuid():N}";
        await person.GoAsync(Path(("id_token_hint", idToken), ("client_secret", canary), ("access_token", canary)));
        var posted = await _server.SendAsync(person, new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, Path(("id_token_hint", idToken + canary))))
        {
            Content = new FormUrlEncodedContent([new("decision", "sign-out")]),
        });
        Assert.Equal(400, posted.Status);
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains(canary, StringComparison.Ordinal) || line.Contains(idToken, StringComparison.Ordinal));
    }

    /// <summary>No back-channel logout exists: there is no address that the server could be made to call.</summary>
    [Theory, Trait("Case", "U4")]
    [InlineData("backchannelLogoutUri")]
    [InlineData("backchannel_logout_uri")]
    [InlineData("frontchannelLogoutUri")]
    public async Task An_application_registers_no_address_that_the_server_would_call(string member)
    {
        using var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var session = await _server.GrantAsync((await _server.AddUserAsync(Core.Organizations.Role.Owner, shared.NewName())).Id);
        var answer = await _server.PostAsync("/api/v1/organization/applications", session, new Dictionary<string, object>
        {
            ["name"] = "App", ["type"] = "web", ["redirectUris"] = new[] { TestServer.Callback }, ["scopes"] = new[] { "openid" },
            [member] = $"http://127.0.0.1:{((System.Net.IPEndPoint)listener.LocalEndpoint).Port}/",
        });
        Assert.True(answer.Status == 400, answer.ToString());
        Assert.DoesNotContain("channel_logout", (await _server.ApiAsync(HttpMethod.Get, "/.well-known/openid-configuration", session)).Body, StringComparison.Ordinal);
        Assert.False(listener.Pending());
    }

    [Fact, Trait("Case", "U3")]
    public async Task The_old_cookie_is_worth_nothing_afterwards()
    {
        var (_, browser, idToken) = await SignedInAsync();
        using var person = browser;
        using var before = new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, "/account/profile"));
        before.Headers.Add("Cookie", person.Cookies.GetCookieHeader(_server.Origin));
        await person.GoAsync(Path(("id_token_hint", idToken)));
        Assert.Contains("You are signed out", person.PageText, StringComparison.Ordinal);
        using var client = _server.Client();
        using var answer = await client.SendAsync(before);
        Assert.Equal(302, (int)answer.StatusCode);
        Assert.Contains("/sign-in", answer.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    [Theory, Trait("Case", "U2")]
    [InlineData("https://evil.test/")]
    [InlineData("https://app.example.test/signed-out?foo=bar")]
    [InlineData("https://app.example.test/signed-out/")]
    [InlineData("https://app.example.test/signed-outside")]
    [InlineData("https://APP.example.test/signed-out#x")]
    [InlineData("javascript:alert(1)")]
    [InlineData("//evil.test")]
    [InlineData("x")]
    public async Task An_address_that_is_not_registered_leads_nowhere(string address)
    {
        var (client, browser, idToken) = await SignedInAsync();
        using var person = browser;
        foreach (var path in new[] { Path(("id_token_hint", idToken), ("post_logout_redirect_uri", address)), Path(("client_id", client), ("post_logout_redirect_uri", address)) })
        {
            await person.GoAsync(path);
            Assert.Null(person.Response.Headers.Location);
            Assert.Equal(400, (int)person.Response.StatusCode);
        }
    }

    [Theory, Trait("Case", "J7")]
    [InlineData("forged")]
    [InlineData("garbage")]
    [InlineData("other client's")]
    [InlineData("access token")]
    public async Task A_hint_that_is_not_right_signs_nobody_out(string what)
    {
        var (client, browser, idToken) = await SignedInAsync();
        using var person = browser;
        var (_, other, foreignToken) = await SignedInAsync();
        other.Dispose();
        var hint = what switch
        {
            "forged" => idToken[..^6] + (idToken[^6] == 'A' ? 'B' : 'A') + idToken[^5..],
            "garbage" => "ey.ey.ey",
            "access token" => (await _server.ConnectAsync(person, client, Secret)).Text("access_token"),
            _ => foreignToken,
        };
        await person.GoAsync(Path(("id_token_hint", hint), ("client_id", client), ("post_logout_redirect_uri", TestServer.SignedOut)));
        Assert.Null(person.Response.Headers.Location);
        Assert.True(await IsSignedInAsync(person));
    }

    [Fact]
    public async Task Somebody_who_is_not_signed_in_goes_straight_back()
    {
        var (client, browser, idToken) = await SignedInAsync();
        browser.Dispose();
        using var nobody = _server.Browser();
        await nobody.GoAsync(Path(("id_token_hint", idToken), ("post_logout_redirect_uri", TestServer.SignedOut)));
        Assert.StartsWith(TestServer.SignedOut, nobody.Response.Headers.Location!.ToString(), StringComparison.Ordinal);
        await nobody.GoAsync("/connect/logout");
        Assert.Contains("You are signed out", nobody.PageText, StringComparison.Ordinal);
        Assert.NotEmpty(client);
    }
}
