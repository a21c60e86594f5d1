using System.Net;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Setup;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
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
    public async Task A_page_that_is_not_there_says_so_and_leads_on_and_programs_get_a_problem()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        await browser.GoAsync("/no-such-page");
        Assert.Equal((404, "Page not found"), ((int)browser.Response.StatusCode, browser.Page.QuerySelector("h1")!.TextContent));
        Assert.Null(browser.Page.QuerySelector(".trace"));
        var links = browser.Page.QuerySelectorAll("a").Select(link => link.GetAttribute("href")!).Distinct().ToList();
        Assert.True(links.Count > 4, string.Join(' ', links));
        foreach (var link in links)
            Assert.Equal((link, HttpStatusCode.OK), (link, (await browser.GoAsync(link)).Response.StatusCode));
        var answer = await _server.ApiAsync(HttpMethod.Get, "/api/v1/no-such-thing", null as string);
        Assert.Equal((404, "application/problem+json", "not_found"), (answer.Status, answer.Response.Content.Headers.ContentType?.MediaType, answer.Error));
    }

    [Theory]
    [InlineData(false, 500, "Something went wrong")]
    [InlineData(true, 503, "Back in a moment")]
    public async Task A_fault_and_a_database_that_is_away_have_a_page_that_tells_nothing_but_what_to_do(bool away, int status, string title)
    {
        var fault = new ApiFaultInjection { Cause = away ? new SqliteException("canary in the cause", 14) : new InvalidOperationException("canary in the cause") };
        await using var server = await TestServer.StartAsync(new TestServerOptions { Customize = fault.AddTo });
        using var browser = server.Browser();
        await browser.SignInAsync();
        fault.On = true;
        await browser.GoAsync("/organization/credentials?owner=ada");
        Assert.Equal((status, title), ((int)browser.Response.StatusCode, browser.Page.QuerySelector("h1")!.TextContent));
        Assert.Equal(away, browser.Response.Headers.RetryAfter is not null);
        Assert.DoesNotContain("canary", browser.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", browser.Body, StringComparison.Ordinal);
        var trace = browser.Page.QuerySelector(".trace")!.TextContent.Split(' ')[^1];
        Assert.Contains(server.Logs.Lines, line => line.Contains(trace, StringComparison.Ordinal));
        // What it needs is there, too.
        Assert.Equal(HttpStatusCode.OK, (await server.Browser().GoAsync(browser.Page.QuerySelector("link[rel=stylesheet]")!.GetAttribute("href")!)).Response.StatusCode);
        fault.On = false;
        var again = browser.Page.QuerySelectorAll("a").Single(link => link.TextContent == "Try again").GetAttribute("href")!;
        await browser.GoAsync(again);
        Assert.Equal((200, "?owner=ada"), ((int)browser.Response.StatusCode, browser.Address.Query));
    }

    [Theory]
    [InlineData("/sign-out?handler=x", "/sign-out")]
    [InlineData("//evil.example/sign-out", null)]
    public async Task A_form_that_is_out_of_date_leads_back_to_its_page_and_nowhere_else(string path, string? back)
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, $"{_server.Origin.GetLeftPart(UriPartial.Authority)}{path}") { Content = new FormUrlEncodedContent([]) });
        Assert.Equal(back, browser.Page.QuerySelectorAll("a").FirstOrDefault(link => link.TextContent == "Try again")?.GetAttribute("href"));
        Assert.All(browser.Page.QuerySelectorAll("a"), link => Assert.Matches("^/(?!/)", link.GetAttribute("href")));
    }

    [Fact]
    public async Task Whoever_comes_under_another_name_is_led_to_the_right_one()
    {
        var answer = await _server.RawAsync("GET /sign-in", ["Host: other.example"]);
        Assert.Equal(400, answer.Status);
        Assert.Contains($"href=\"{_server.Origin}\"", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_page_is_reached_by_links_from_the_start_page()
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        var (seen, next) = (new HashSet<string>(), new Queue<string>(["/"]));
        while (next.TryDequeue(out var path))
        {
            if (!seen.Add(path))
                continue;
            await browser.GoAsync(path);
            Assert.True((int)browser.Response.StatusCode < 400, $"{path}: {browser.Response.StatusCode}");
            foreach (var link in browser.Page.QuerySelectorAll("a[href]").Select(a => a.GetAttribute("href")!).Concat(browser.Page.QuerySelectorAll("form[method=get]").Select(form => form.GetAttribute("action")!)))
            {
                // The page itself, not each of its views; not what is no page of ours.
                var target = new Uri(browser.Address, link);
                if (target.Authority == _server.Origin.Authority && target.AbsolutePath != "/docs" && !target.Query.Contains("handler=", StringComparison.Ordinal))
                    next.Enqueue(target.AbsolutePath);
            }
        }

        var pages = _server.Services().GetRequiredService<Microsoft.AspNetCore.Routing.EndpointDataSource>().Endpoints.OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Mvc.RazorPages.PageActionDescriptor>() is not null).Select(endpoint => $"/{endpoint.RoutePattern.RawText}").Where(path => !path.Contains('{', StringComparison.Ordinal));
        // For people who are not signed in yet, or come from an application, a mail or an invitation.
        string[] elsewhere = ["/sign-in", "/sign-in-with", "/sign-in/callback", "/sign-in/second-factor", "/sign-out", "/forgot-password", "/reset-password", "/confirm-email", "/invitation", "/setup", "/connect/authorize", "/connect/logout"];
        // Only with mail; only with a second factor.
        string[] sometimes = ["/account/profile/email", "/account/security/recovery-codes"];
        Assert.Empty(pages.Except(seen).Except(elsewhere).Except(sometimes));
    }

    [Theory]
    [InlineData("/account/security", "Account", null)]
    [InlineData("/organization/members/invite", "Members", "Members")]
    [InlineData("/organization/ssh-certificates", "Clusters", "Clusters")]
    [InlineData("/organization/sign-in/add", "Sign-in", "Sign-in")]
    [InlineData("/operator/organizations", "Organizations", null)]
    public async Task The_menu_and_the_tabs_say_where_one_is(string path, string inMenu, string? inTabs)
    {
        using var browser = _server.Browser();
        await browser.SignInAsync();
        await browser.GoAsync(path);
        Assert.Equal([inMenu], browser.Page.QuerySelectorAll(".menu a[aria-current=page]").Select(link => link.TextContent));
        Assert.Equal(inTabs, browser.Page.QuerySelector("nav[aria-label=Organization] a[aria-current=page]")?.TextContent);
    }

    [Fact]
    public async Task Pages_and_assets_are_compressed_and_answers_with_secrets_and_of_the_API_are_not()
    {
        using var browser = await _server.SignInAsync();
        using var client = _server.Client();
        client.DefaultRequestHeaders.Add("Accept-Encoding", "gzip, br");
        client.DefaultRequestHeaders.Add("Cookie", browser.Cookies.GetCookieHeader(_server.Origin));
        await browser.GoAsync("/account/authentication/api-keys/add");
        foreach (var path in (string[])["/organization/credentials", browser.Page.QuerySelector("link[rel=stylesheet]")!.GetAttribute("href")!])
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal((path, "br", "Accept-Encoding"), (path, string.Join(',', answer.Content.Headers.ContentEncoding), string.Join(',', answer.Headers.Vary)));
        }

        var form = browser.FormRequest("Add Key", ("Name", "compressed"));
        form.Headers.Add("Accept-Encoding", "br");
        await browser.SendAsync(form);
        Assert.NotNull(browser.Page.QuerySelector("#secret"));
        using var api = await client.GetAsync(new Uri("/api/v1/me", UriKind.Relative));
        Assert.Empty(api.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task An_icon_is_there_for_what_is_no_page()
    {
        using var client = _server.Client();
        using var answer = await client.GetAsync(new Uri("/favicon.ico", UriKind.Relative));
        Assert.Equal("image/x-icon", answer.Content.Headers.ContentType?.MediaType);
        Assert.Contains("max-age=86400", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        Assert.Equal([0, 0, 1, 0, 1, 0, 32, 32], (await answer.Content.ReadAsByteArrayAsync())[..8]);
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
