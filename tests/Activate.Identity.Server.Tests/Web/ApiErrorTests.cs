using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Web;

public class ApiErrorTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Theory]
    [InlineData("GET", "/api", 404, "not_found")]
    [InlineData("GET", "/api/v1", 404, "not_found")]
    [InlineData("GET", "/api/v1/nothing", 404, "not_found")]
    [InlineData("GET", "/api/v2/me", 404, "not_found")]
    [InlineData("GET", "/API/V1/nothing", 404, "not_found")]
    [InlineData("GET", "/api/v1/api-keys/not-an-id", 404, "not_found")]
    [InlineData("GET", "/api/v1/me/../api-keys/x", 404, "not_found")]
    [InlineData("PUT", "/api/v1/me", 405, "method_not_allowed")]
    [InlineData("DELETE", "/api/v1/me", 405, "method_not_allowed")]
    [InlineData("OPTIONS", "/api/v1/me", 405, "method_not_allowed")]
    [InlineData("TRACE", "/api/v1/me", 405, "method_not_allowed")]
    [InlineData("FROBNICATE", "/api/v1/api-keys", 405, "method_not_allowed")]
    [InlineData("GET", "/api/v1/api-keys/01993c3e-0000-7000-8000-000000000000/rotate", 405, "method_not_allowed")]
    [Trait("Case", "B6")]
    public async Task Addresses_and_methods_that_do_not_exist_are_answered_as_problems(string method, string path, int status, string code)
    {
        var (_, session) = await _server.AddPersonAsync();
        (await _server.ApiAsync(new HttpMethod(method), path, session)).AssertProblem(status, code);
        (await _server.ApiAsync(new HttpMethod(method), path, bearer: null)).AssertProblem(status, code);
    }

    [Fact]
    [Trait("Case", "B6")]
    public async Task HEAD_answers_without_a_body_whatever_the_outcome()
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var path in (string[])["/api/v1/me", "/api/v1/nothing", KeysPath])
        {
            var answer = await _server.RawAsync($"HEAD {path}", [$"Authorization: Bearer {session}"]);
            Assert.InRange(answer.Status, 200, 405);
            Assert.Equal("", answer.Body);
        }
    }

    [Fact]
    [Trait("Case", "L8")]
    public async Task An_unexpected_fault_tells_a_trace_id_and_nothing_else_and_the_log_has_the_cause_under_it()
    {
        var fault = new ApiFaultInjection();
        await using var server = await TestServer.StartAsync(new TestServerOptions { Customize = fault.AddTo });
        var (_, session) = await server.AddPersonAsync();
        fault.On = true;
        foreach (var path in (string[])[KeysPath, "/device"])
        {
            using var client = server.Client();
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", session);
            request.Headers.Add("Cookie", $"activate={new string('a', 43)}");
            var answer = await Answer.FromAsync(await client.SendAsync(request));
            Assert.Equal(500, answer.Status);
            Assert.DoesNotContain("canary", answer.Body, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("InvalidOperation", answer.Body, StringComparison.Ordinal);
            var trace = System.Text.RegularExpressions.Regex.Match(answer.Body, "Trace id: ([0-9A-Za-z:]+)").Groups[1].Value;
            Assert.NotEqual("", trace);
            Assert.Contains(server.Logs.Lines, line => line.Contains("canary in the cause", StringComparison.Ordinal));
            Assert.Contains(server.Logs.Lines, line => line.Contains(trace, StringComparison.Ordinal));
        }
    }

    [Theory]
    [Trait("Case", "B1")]
    [InlineData("application/json; charset=foo", false)]
    [InlineData("application/json; charset=utf-7", false)]
    [InlineData("application/json; charset=\"\"", false)]
    [InlineData("application/json; charset=\"foo\"", false)]
    [InlineData("application/vnd.x+json; charset=foo", false)]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/json; charset=UTF-8", true)]
    [InlineData("application/json; charset=us-ascii", true)]
    public async Task A_charset_that_nobody_knows_is_answered_415_by_every_address_that_takes_JSON(string type, bool known)
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        foreach (var path in (string[])[KeysPath, "/api/v1/tokens", "/api/v1/ssh-keys", "/api/v1/organization/clusters", $"{PolicyCalls.PolicyPath}/preview"])
        {
            using var content = new ByteArrayContent("""{"surprise":1}"""u8.ToArray());
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            (await _server.ApiAsync(HttpMethod.Post, path, new("Bearer", session), content)).AssertProblem(known ? 400 : 415, known ? "unknown_field" : "request_invalid");
        }
    }

    [Fact]
    [Trait("Case", "J9")]
    public async Task No_answer_lets_a_foreign_origin_read_it()
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var origin in (string[])["https://evil.test", "null", "http://localhost", _server.Origin.GetLeftPart(UriPartial.Authority)])
        {
            foreach (var (method, path) in ((string, string)[])
                     [("GET", "/api/v1/me"), ("OPTIONS", "/api/v1/me"), ("OPTIONS", KeysPath), ("GET", "/connect/authorize"), ("OPTIONS", "/connect/authorize"), ("GET", "/connect/logout"),
                      ("POST", "/connect/introspect"), ("OPTIONS", "/connect/device"), ("GET", "/sign-in"), ("GET", "/openapi/v1.json"), ("GET", "/health/live")])
            {
                var answer = await _server.RawAsync($"{method} {path}", [$"Origin: {origin}", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization", $"Authorization: Bearer {session}"]);
                Assert.DoesNotContain("Access-Control-", answer.Head, StringComparison.OrdinalIgnoreCase);
            }
        }
    }

    [Fact]
    [Trait("Case", "B2")]
    public async Task Headers_and_addresses_beyond_the_limits_are_refused_and_the_server_lives_on()
    {
        Assert.Equal(431, (await _server.RawAsync("GET /api/v1/me", [$"X-Long: {new string('a', 65_536)}"])).Status);
        Assert.Equal(431, (await _server.RawAsync("GET /api/v1/me", Enumerable.Range(0, 200).Select(i => $"X-{i}: a"))).Status);
        Assert.Equal(414, (await _server.RawAsync($"GET /api/v1/me?{new string('a', 20_000)}")).Status);
        var parameters = string.Join('&', Enumerable.Range(0, 1500).Select(i => $"a{i}="));
        Assert.InRange((await _server.RawAsync($"GET {KeysPath}?{parameters[..8000]}")).Status, 400, 401);
        var (_, session) = await _server.AddPersonAsync();
        Assert.Equal(200, (await _server.RawAsync($"GET {KeysPath}?{parameters[..7000]}", [$"Authorization: Bearer {session}"])).Status);
    }

    [Fact]
    [Trait("Case", "W19")]
    public async Task No_answer_of_the_API_is_kept_by_a_cache()
    {
        var (_, session) = await _server.AddPersonAsync();
        foreach (var path in (string[])["/api/v1/me", "/api/auth/session", KeysPath, "/api/v1/tokens", "/api/v1/sessions", "/api/v1/expiration-choices", "/api/v1/nothing"])
            Assert.Contains("no-store", (await _server.GetAsync(path, session)).Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal("nosniff", (await _server.GetAsync("/api/v1/me", session)).Header("X-Content-Type-Options"));
        // Nor is anything guessed of the answer to an exception, which clears what was set before.
        var refused = await _server.SendTextAsync(HttpMethod.Post, KeysPath, session, "{");
        refused.AssertProblem(400);
        Assert.Equal("nosniff", refused.Header("X-Content-Type-Options"));
    }

    [Theory]
    [Trait("Case", "O12")]
    [InlineData("/swagger")]
    [InlineData("/swagger/index.html")]
    [InlineData("/swagger/v1/swagger.json")]
    [InlineData("/metrics")]
    [InlineData("/debug")]
    [InlineData("/debug/pprof")]
    [InlineData("/trace")]
    [InlineData("/env")]
    [InlineData("/actuator")]
    [InlineData("/actuator/health")]
    [InlineData("/health")]
    [InlineData("/.env")]
    [InlineData("/.git/config")]
    [InlineData("/appsettings.json")]
    [InlineData("/web.config")]
    [InlineData("/admin")]
    [InlineData("/_framework/blazor.server.js")]
    [InlineData("/openapi/v2.json")]
    [InlineData("/data/activate-identity.db")]
    [InlineData("/../data/activate-identity.db")]
    [InlineData("/..%2fdata%2factivate-identity.db")]
    [InlineData("/Web/Layout")]
    [InlineData("/Accounts/SignIn")]
    [InlineData("/Web/Errors")]
    public async Task Nothing_of_the_inside_can_be_asked_for(string path)
    {
        var (_, session) = await _server.AddPersonAsync();
        Assert.Equal(404, (await _server.RawAsync($"GET {path}")).Status);
        Assert.Equal(404, (await _server.RawAsync($"GET {path}", [$"Authorization: Bearer {session}"])).Status);
    }

    [Fact]
    [Trait("Case", "O12")]
    public async Task Health_says_one_word_under_any_name()
    {
        Assert.Equal((200, "Healthy"), await HealthAsync("/health/live", "10.0.0.1"));
        Assert.Equal((200, "Healthy"), await HealthAsync("/health/ready", "load-balancer.internal"));

        async Task<(int, string)> HealthAsync(string path, string host)
        {
            var answer = await _server.RawAsync($"GET {path}", [$"Host: {host}"]);
            Assert.DoesNotContain("Server:", answer.Head, StringComparison.OrdinalIgnoreCase);
            return (answer.Status, System.Text.RegularExpressions.Regex.Match(answer.Body, "[A-Za-z]{3,}").Value);
        }
    }

    [Fact]
    public async Task The_API_document_lists_every_endpoint_its_methods_and_how_to_sign_in()
    {
        using var client = _server.Client();
        var answer = await Answer.FromAsync(await client.GetAsync("/openapi/v1.json"));
        Assert.Equal(200, answer.Status);
        var paths = answer.Json.GetProperty("paths");
        Dictionary<string, string[]> expected = new()
        {
            ["/api/v1/me"] = ["get"], ["/api/auth/session"] = ["get"], ["/api/v1/expiration-choices"] = ["get"],
            ["/api/v1/api-keys"] = ["get", "post"], ["/api/v1/api-keys/{id}"] = ["delete", "get", "patch"], ["/api/v1/api-keys/{id}/rotate"] = ["post"],
            ["/api/v1/tokens"] = ["get", "post"], ["/api/v1/tokens/{id}"] = ["delete"], ["/api/v1/sessions"] = ["get"], ["/api/v1/sessions/{id}"] = ["delete"],
        };
        foreach (var (path, methods) in expected)
        {
            Assert.True(paths.TryGetProperty(path, out var item), path);
            Assert.Equal(methods, item.EnumerateObject().Select(method => method.Name).Order(StringComparer.Ordinal));
            Assert.All(item.EnumerateObject(), method => Assert.False(string.IsNullOrWhiteSpace(method.Value.GetProperty("summary").GetString())));
        }

        // Whatever is routed under /api is described, so that a new endpoint cannot be forgotten.
        var routed = ((Microsoft.AspNetCore.Routing.EndpointDataSource)_server.Services().GetService(typeof(Microsoft.AspNetCore.Routing.EndpointDataSource))!).Endpoints
            .OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>().Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/').TrimEnd('/').Replace(":guid", "", StringComparison.Ordinal))
            .Where(path => path.StartsWith("/api/", StringComparison.Ordinal)).Distinct();
        Assert.All(routed, path => Assert.True(paths.TryGetProperty(path, out _), $"{path} is not described."));
        Assert.Equal("bearer", answer.Json.GetProperty("components").GetProperty("securitySchemes").GetProperty("bearer").GetProperty("scheme").GetString());
        Assert.Equal(_server.Origin.GetLeftPart(UriPartial.Authority), answer.Json.GetProperty("servers")[0].GetProperty("url").GetString());
        Assert.Equal(JsonValueKind.Object, answer.Json.GetProperty("info").ValueKind);
    }

    [Fact]
    public async Task The_documentation_page_really_runs_in_a_browser_and_only_it_may_more_than_other_pages()
    {
        using var client = _server.Client();
        var strict = (await client.GetAsync("/sign-in")).Headers.GetValues("Content-Security-Policy").Single();
        Assert.DoesNotContain("unsafe", strict, StringComparison.Ordinal);
        var docs = (await client.GetAsync("/docs/")).Headers.GetValues("Content-Security-Policy").Single();
        Assert.DoesNotContain("unsafe-eval", docs, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src 'self' 'unsafe-inline'", docs, StringComparison.Ordinal);
        Assert.DoesNotContain("http", docs, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", docs, StringComparison.Ordinal);

        var chromium = Tools.Require("Chromium", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
        var profile = Directory.CreateTempSubdirectory("activate-docs-").FullName;
        try
        {
            var start = new System.Diagnostics.ProcessStartInfo(chromium) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var argument in (string[])["--headless", "--no-sandbox", "--disable-gpu", $"--user-data-dir={profile}", "--virtual-time-budget=15000", "--enable-logging=stderr", "--dump-dom", new Uri(_server.Origin, "/docs/").ToString()])
                start.ArgumentList.Add(argument);
            using var process = System.Diagnostics.Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            var dom = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.True(dom.Contains("Who the caller is, and the credential in use", StringComparison.Ordinal), $"The page did not render.\n{(await errors)[..Math.Min(4000, (await errors).Length)]}\n{dom[..Math.Min(2000, dom.Length)]}");
            Assert.DoesNotContain("Content Security Policy", await errors, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }
    }
}
