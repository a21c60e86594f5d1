using System.Net;
using System.Net.Http.Headers;
using System.Runtime.Versioning;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>docs/integrations/apache.md, as it stands there.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ApacheTests(IntegrationsServer fixture) : IClassFixture<IntegrationsServer>
{
    private const string Document = "integrations/apache.md";
    private const string Example = "019ab3c4-0c1e-7b3a-9f04-3c5de2a1b874";
    private const string ExampleApi = "019ab3c4-0c1e-7b3a-9f04-3c5de2a1b875";

    [Fact]
    public async Task People_sign_in_in_front_of_an_application_and_groups_decide_who_comes_further()
    {
        Apache.Require();
        (string Id, string Secret) application = default;
        await using var apache = await StartAsync("htdocs/wiki/index.html", async origin =>
        {
            application = await fixture.RegisterAsync("web", new { redirectUris = new[] { $"{origin}/wiki/signed-in" }, scopes = new[] { "openid", "profile", "email" } });
            return (new Dictionary<string, string> { ["APP_SECRET"] = application.Secret, ["COOKIE_SECRET"] = Guid.NewGuid().ToString("N") },
                secrets => fixture.Documented(Document, "In the site's configuration", ("https://app.example.org", origin), (Example, application.Id), ("/etc/apache2/activate.secrets", secrets)));
        });
        using var visitor = Visitor(apache);

        // Nobody is let in who is not known.
        var asked = await visitor.GetAsync("/wiki/index.html");
        Assert.Equal(HttpStatusCode.Redirect, asked.StatusCode);
        Assert.Equal("S256", TestServer.Parameter(asked.Headers.Location, "code_challenge_method"));

        // An owner is known, and an owner.
        using var browser = await fixture.Server.SignInAsync();
        var back = await TestServer.AllowAsync(browser, asked.Headers.Location!.PathAndQuery);
        var signedIn = await visitor.GetAsync(back);
        Assert.True(signedIn.StatusCode == HttpStatusCode.Redirect, $"{signedIn.StatusCode} {apache.ErrorLog}");
        Assert.Equal(new Uri(apache.Origin, "/wiki/index.html"), signedIn.Headers.Location);
        var page = await visitor.GetAsync("/wiki/index.html");
        Assert.Equal("the page", await page.Content.ReadAsStringAsync());
        Assert.Equal(TestServer.OwnerName, page.Headers.GetValues("X-User").Single());
        Assert.Equal(HttpStatusCode.OK, (await visitor.GetAsync("/wiki/admin/index.html")).StatusCode);

        // A member is known, and comes no further.
        await fixture.Server.CreateUserAsync("hedy");
        using var member = await fixture.Server.SignInAsync(username: "hedy", password: TestServer.UserPassword);
        using var other = Visitor(apache);
        var again = await TestServer.AllowAsync(member, (await other.GetAsync("/wiki/index.html")).Headers.Location!.PathAndQuery);
        Assert.Equal(HttpStatusCode.Redirect, (await other.GetAsync(again)).StatusCode);
        Assert.Equal("hedy", (await other.GetAsync("/wiki/index.html")).Headers.GetValues("X-User").Single());
        Assert.Contains((await other.GetAsync("/wiki/admin/index.html")).StatusCode, new[] { HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized });
    }

    [Fact]
    public async Task Programs_come_in_with_API_keys_and_tokens_for_the_platform_and_with_nothing_else()
    {
        Apache.Require();
        var (id, secret) = await fixture.RegisterAsync("resourceServer", new { resources = new[] { fixture.Platform } });
        await using var apache = await StartAsync("htdocs/api/data", _ => Task.FromResult((new Dictionary<string, string> { ["API_SECRET"] = secret },
            (Func<string, string>)(secrets => fixture.Documented(Document, "An API with an audience of its own", (ExampleApi, id), ("/etc/apache2/activate.secrets", secrets))))));
        var (username, key) = await fixture.AddMemberAsync(null, "platform");
        var (_, without) = await fixture.AddMemberAsync(null, "credentials:read");
        using var caller = Visitor(apache);

        async Task<HttpResponseMessage> CallAsync(string? credential)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/api/data");
            request.Headers.Authorization = credential is null ? null : new AuthenticationHeaderValue("Bearer", credential);
            return await caller.SendAsync(request);
        }

        var welcome = await CallAsync(key.Key);
        Assert.True(welcome.StatusCode == HttpStatusCode.OK, $"{welcome.StatusCode} {apache.ErrorLog}");
        Assert.Equal(username, welcome.Headers.GetValues("X-User").Single());
        var token = await CallAsync(await fixture.Server.LoginWithDeviceAsync(scope: "platform"));
        Assert.Equal((HttpStatusCode.OK, TestServer.OwnerName), (token.StatusCode, token.Headers.GetValues("X-User").Single()));
        foreach (var refused in new[] { null, "", "pwt_x.y", without.Key, await fixture.Server.LoginWithDeviceAsync(scope: "credentials:read") })
        {
            var answer = await CallAsync(refused);
            Assert.Equal((HttpStatusCode.Unauthorized, "Bearer"), (answer.StatusCode, answer.Headers.WwwAuthenticate.Single().Scheme));
        }

        // A key that has ended before anybody asked about it.
        var (_, ended) = await fixture.AddMemberAsync(null, "platform");
        await fixture.Server.PostFormAsync("/connect/revoke", [("token", ended.Key)]);
        Assert.Equal(HttpStatusCode.Unauthorized, (await CallAsync(ended.Key)).StatusCode);
    }

    /// <summary>Serves a page behind the documented block, and says in a header whom Apache takes the caller for.</summary>
    private static Task<Apache> StartAsync(string page, Func<string, Task<(Dictionary<string, string> Secrets, Func<string, string> Block)>> prepare) => Apache.StartAsync(
        new Dictionary<string, string> { [page] = "the page", ["htdocs/wiki/admin/index.html"] = "the admin's page" },
        async apache =>
        {
            var (secrets, block) = await prepare(apache.Origin.GetLeftPart(UriPartial.Authority));
            await File.WriteAllLinesAsync($"{apache.Folder}/secrets", secrets.Select(pair => $"Define {pair.Key} {pair.Value}"));
            return $"{block($"{apache.Folder}/secrets")}\nHeader set X-User expr=%{{REMOTE_USER}}\n";
        });

    /// <summary>A browser at Apache: with cookies, following nothing by itself. Who does not take HTML is not sent to sign in.</summary>
    private static HttpClient Visitor(Apache apache)
    {
        var visitor = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = apache.Origin };
        visitor.DefaultRequestHeaders.Accept.ParseAdd("text/html");
        return visitor;
    }
}
