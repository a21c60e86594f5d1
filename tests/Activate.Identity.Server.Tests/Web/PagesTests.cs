using System.Net;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Setup;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Web;

public sealed class PagesTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private readonly TestServer _server = fixture.Server;

    [Theory, Trait("Case", "W6")]
    [InlineData("/sign-in", false, 200)]
    [InlineData("/sign-in?reauthenticate=1", true, 200)]
    [InlineData("/", false, 302)]
    [InlineData("/", true, 200)]
    [InlineData("/sign-out", true, 200)]
    [InlineData("/setup", false, 404)]
    [InlineData("/no-such-page", true, 404)]
    public async Task Pages_are_never_framed_or_kept_and_run_nothing_foreign(string path, bool signedIn, int status)
    {
        using var browser = _server.Browser();
        if (signedIn)
            await browser.SignInAsync();
        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(_server.Origin, path)));
        Assert.Equal(status, (int)browser.Response.StatusCode);
        string Header(string name) => string.Join(',', browser.Response.Headers.TryGetValues(name, out var values) ? values : []);
        Assert.Equal("DENY", Header("X-Frame-Options"));
        Assert.Contains("frame-ancestors 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("script-src 'self'", Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal("nosniff", Header("X-Content-Type-Options"));
        Assert.Equal("no-referrer", Header("Referrer-Policy"));
        Assert.Contains("no-store", Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal("", Header("Server"));
        Assert.Empty(browser.Page.QuerySelectorAll("[style], style, script:not([src])"));
        Assert.All(browser.Page.QuerySelectorAll("input:not([type=hidden])"), input => Assert.NotNull(browser.Page.QuerySelector($"label[for={input.Id}]")));
    }

    [Fact, Trait("Case", "W6")]
    public async Task The_page_that_tells_of_a_fault_has_the_headers_of_every_page()
    {
        var fault = new ApiFaultInjection();
        await using var server = await TestServer.StartAsync(new TestServerOptions { Customize = fault.AddTo });
        using var browser = server.Browser();
        await browser.SignInAsync();
        fault.On = true;
        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(server.Origin, "/account/profile")));
        AssertHeaders(browser, 500);
        fault.On = false;
        await browser.GoAsync("/sign-out");
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Origin, "/sign-in")) { Content = new FormUrlEncodedContent([KeyValuePair.Create("Username", new string('x', 300_000))]) };
        request.Headers.Add("RequestVerificationToken", browser.Page.QuerySelector("input[name=__RequestVerificationToken]")!.GetAttribute("value"));
        await browser.SendAsync(request);
        AssertHeaders(browser, 413);

        static void AssertHeaders(Browser browser, int status)
        {
            Assert.Equal(status, (int)browser.Response.StatusCode);
            string Header(string name) => string.Join(',', browser.Response.Headers.TryGetValues(name, out var values) ? values : []);
            Assert.Equal(("DENY", "nosniff", "no-referrer", "same-origin"), (Header("X-Frame-Options"), Header("X-Content-Type-Options"), Header("Referrer-Policy"), Header("Cross-Origin-Opener-Policy")));
            Assert.Contains("frame-ancestors 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
            Assert.Contains("no-store", Header("Cache-Control"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Stylesheet_script_and_icon_are_served_and_kept()
    {
        using var browser = _server.Browser();
        await browser.GoAsync("/sign-in");
        var page = browser.Page;
        foreach (var (address, type) in new[]
                 {
                     (page.QuerySelector("link[rel=stylesheet]")!.GetAttribute("href")!, "text/css"),
                     (page.QuerySelector("link[rel=icon]")!.GetAttribute("href")!, "image/svg+xml"),
                     (page.QuerySelector("script")!.GetAttribute("src")!, "text/javascript"),
                 })
        {
            await browser.GoAsync(address);
            Assert.Equal((HttpStatusCode.OK, type), (browser.Response.StatusCode, browser.Response.Content.Headers.ContentType?.MediaType));
            Assert.Contains("immutable", browser.Response.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory, Trait("Case", "W1")]
    [InlineData("none")]
    [InlineData("stranger's")]
    [InlineData("other user's")]
    public async Task A_sign_out_that_this_session_did_not_ask_for_is_refused(string token)
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        var key = browser.Cookies.GetCookies(_server.Origin)["activate"]!;
        using var other = _server.Browser();
        if (token == "other user's")
        {
            var name = "csrf";
            if (!await _server.QueryAsync(database => database.Users.AnyAsync(u => u.UserName == name)))
                await _server.CreateUserAsync(name);
            await other.SignInAsync(name, TestServer.UserPassword);
        }
        else
        {
            await other.GoAsync("/sign-in");
        }

        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Origin, "/sign-out"));
        var form = new Dictionary<string, string>();
        if (token != "none")
            form["__RequestVerificationToken"] = other.Page.QuerySelector("[name=__RequestVerificationToken]")!.GetAttribute("value")!;
        request.Content = new FormUrlEncodedContent(form);
        // The attacker's form token and its cookie, with the victim's session.
        other.Cookies.Add(_server.Origin, new Cookie("activate", key.Value));
        await other.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, other.Response.StatusCode);
        Assert.Contains("That form is out of date", other.PageText, StringComparison.Ordinal);
        await browser.GoAsync("/");
        Assert.Equal("/", browser.Address.AbsolutePath);
    }

    [Fact, Trait("Case", "W1")]
    public async Task A_sign_in_without_a_token_is_refused()
    {
        using var client = _server.Client();
        using var content = new FormUrlEncodedContent(new Dictionary<string, string> { ["Username"] = TestServer.OwnerName, ["Password"] = TestServer.OwnerPassword });
        using var answer = await client.PostAsync(new Uri("/sign-in", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        using var get = await client.GetAsync(new Uri("/sign-out", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Found, get.StatusCode);
    }

    [Fact, Trait("Case", "W1")]
    public async Task A_setup_without_a_token_is_refused()
    {
        var console = new StringWriter();
        await using var server = await TestServer.StartAsync(new TestServerOptions { Owner = false, Customize = builder => builder.Services.AddSingleton(new SetupConsole(console)) });
        var text = console.ToString();
        using var browser = server.Browser();
        await browser.GoAsync(text[text.IndexOf("/setup?code=", StringComparison.Ordinal)..].Split('\n')[0].Trim());
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Origin, "/setup"))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["Organization"] = "Lab", ["Username"] = "grace", ["Email"] = "grace@example.test", ["Password"] = "nanoseconds of wire", ["Repeat"] = "nanoseconds of wire",
            }),
        };
        await browser.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Response.StatusCode);
        Assert.False(await server.QueryAsync(database => database.Users.AnyAsync()));
    }

    [Theory, Trait("Case", "L3")]
    [InlineData("ada\r\n2026 ERR forged")]
    [InlineData("ada\u001b[31m")]
    public async Task A_username_cannot_forge_a_line_of_the_log(string username)
    {
        using var browser = _server.Browser();
        await browser.SignInAsync(username);
        Assert.DoesNotContain(_server.Logs.Lines, line => line.Contains("forged", StringComparison.Ordinal) || line.Contains('\u001b', StringComparison.Ordinal));
    }
}
