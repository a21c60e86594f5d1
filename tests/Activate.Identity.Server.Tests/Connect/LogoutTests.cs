using System.Net.Http;
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
