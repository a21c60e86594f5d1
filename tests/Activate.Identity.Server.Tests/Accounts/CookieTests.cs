using System.Net;
using Activate.Identity.Server.Setup;
using Activate.Identity.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Accounts;

[Trait("Case", "W18")]
public sealed class CookieTests
{
    [Fact]
    public async Task On_https_every_cookie_is_bound_to_the_host_and_secure()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Settings = new Dictionary<string, string?> { ["Server:PublicOrigin"] = "https://id.example.test" },
        });
        var cookies = await SignInAsync(server, "id.example.test");
        Assert.Equal(3, cookies.Count);
        Assert.All(cookies, cookie => Assert.StartsWith("__Host-", cookie, StringComparison.Ordinal));
        Assert.Matches(@"^__Host-activate-form=[^;]+; path=/; secure; samesite=strict; httponly$", cookies[0]);
        Assert.Matches(@"^__Host-activate=[A-Za-z0-9_-]{43}; path=/; secure; samesite=lax; httponly$", cookies[1]);
        Assert.Matches(@"^__Host-activate-device=[A-Za-z0-9_-]+; max-age=34560000; path=/; secure; samesite=strict; httponly$", cookies[2]);
    }

    [Fact]
    public async Task On_loopback_http_they_are_neither_but_still_out_of_scripts_reach()
    {
        await using var server = await TestServer.StartAsync();
        var cookies = await SignInAsync(server, server.Origin.Authority);
        Assert.Matches(@"^activate-form=[^;]+; path=/; samesite=strict; httponly$", cookies[0]);
        Assert.Matches(@"^activate=[A-Za-z0-9_-]{43}; path=/; samesite=lax; httponly$", cookies[1]);
        Assert.Matches(@"^activate-device=[A-Za-z0-9_-]+; max-age=34560000; path=/; samesite=strict; httponly$", cookies[2]);
    }

    [Fact]
    public async Task The_setup_code_moves_into_a_cookie_of_half_an_hour()
    {
        var console = new StringWriter();
        await using var server = await TestServer.StartAsync(new TestServerOptions
        {
            Owner = false,
            Settings = new Dictionary<string, string?> { ["Server:PublicOrigin"] = "https://id.example.test" },
            Customize = builder => builder.Services.AddSingleton(new SetupConsole(console)),
        });
        var text = console.ToString();
        var link = text[text.IndexOf("https://id.example.test/setup?code=", StringComparison.Ordinal)..].Split('\n')[0].Trim();
        using var client = server.Client();
        using var get = new HttpRequestMessage(HttpMethod.Get, new Uri(link).PathAndQuery);
        get.Headers.Host = "id.example.test";
        using var answer = await client.SendAsync(get);
        Assert.Equal("/setup", answer.Headers.Location?.ToString());
        Assert.Matches(@"^__Host-activate-setup=[A-Za-z0-9_-]{43}; max-age=1800; path=/; secure; samesite=lax; httponly$", answer.Headers.GetValues("Set-Cookie").Single());
    }

    private static async Task<List<string>> SignInAsync(TestServer server, string host)
    {
        using var client = server.Client();
        using var get = new HttpRequestMessage(HttpMethod.Get, "/sign-in");
        get.Headers.Host = host;
        using var page = await client.SendAsync(get);
        var form = page.Headers.GetValues("Set-Cookie").Single();
        var body = await page.Content.ReadAsStringAsync();
        var token = System.Text.RegularExpressions.Regex.Match(body, "__RequestVerificationToken\" type=\"hidden\" value=\"([^\"]+)").Groups[1].Value;
        using var post = new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["__RequestVerificationToken"] = token,
                ["Username"] = TestServer.OwnerName,
                ["Password"] = TestServer.OwnerPassword,
            }),
        };
        post.Headers.Host = host;
        post.Headers.Add("Cookie", form.Split(';')[0]);
        using var answer = await client.SendAsync(post);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        return [form, .. answer.Headers.GetValues("Set-Cookie")];
    }
}
