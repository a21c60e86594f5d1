using System.Net.Http;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting.Internal;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Web;

public class ApiHostTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private readonly TestServer _server = fixture.Server;

    [Theory]
    [Trait("Case", "W8")]
    [Trait("Case", "D14")]
    [InlineData("evil.test")]
    [InlineData("localhost")]
    [InlineData("localhost:1")]
    [InlineData("127.0.0.1:80")]
    [InlineData("evil.test@localhost")]
    [InlineData("")]
    public async Task Another_host_is_refused_on_every_address_and_never_comes_back(string host)
    {
        foreach (var path in (string[])["/", "/sign-in", "/device", "/api/v1/me", "/.well-known/openid-configuration", "/.well-known/jwks", "/openapi/v1.json", "/docs", "/nothing", "/assets/x"])
        {
            var answer = await _server.RawAsync($"GET {path}", [$"Host: {host}"]);
            Assert.Equal(400, answer.Status);
            Assert.DoesNotContain("evil", answer.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Case", "D14")]
    [Trait("Case", "W8")]
    public async Task Forwarding_headers_change_no_address_that_the_server_gives_out()
    {
        string[] headers = ["X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8443", "X-Forwarded-Prefix: /evil", "Forwarded: host=evil.test;proto=https", "X-Original-Host: evil.test", "X-Original-URL: /evil", "X-Rewrite-URL: /evil"];
        var plain = await _server.RawAsync("GET /.well-known/openid-configuration");
        var forwarded = await _server.RawAsync("GET /.well-known/openid-configuration", headers);
        Assert.Equal((200, plain.Body), (forwarded.Status, forwarded.Body));
        var device = await _server.RawAsync("POST /connect/device", [.. headers, "Content-Type: application/x-www-form-urlencoded"], "client_id=activate-cli");
        Assert.Contains($"{_server.Origin}device", device.Body.Replace("\\/", "/", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("evil", device.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("evil", (await _server.RawAsync("GET /device", headers)).ToString(), StringComparison.Ordinal);
        Assert.Equal(400, (await _server.RawAsync("GET http://evil.test/sign-in", [$"Host: {_server.Origin.Authority}"])).Status);
    }

    [Fact]
    [Trait("Case", "L3")]
    public async Task The_address_in_X_Forwarded_For_counts_only_from_a_proxy_that_was_named()
    {
        Assert.Equal("127.0.0.1", await LastUsedFromAsync(_server, "203.0.113.7"));
        await using var behind = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["Server:TrustedProxies:0"] = "127.0.0.0/8" } });
        Assert.Equal("203.0.113.7", await LastUsedFromAsync(behind, "203.0.113.7"));
        Assert.Equal("2001:db8::7", await LastUsedFromAsync(behind, "2001:db8::7"));
        // Only the last hop, the one the proxy itself saw, is believed.
        Assert.Equal("203.0.113.7", await LastUsedFromAsync(behind, "198.51.100.1, 203.0.113.7"));
        Assert.Equal("127.0.0.1", await LastUsedFromAsync(behind, "nonsense"));
        await using var elsewhere = await TestServer.StartAsync(new TestServerOptions { Settings = new Dictionary<string, string?> { ["Server:TrustedProxies:0"] = "192.0.2.1" } });
        Assert.Equal("127.0.0.1", await LastUsedFromAsync(elsewhere, "203.0.113.7"));
    }

    [Theory]
    [InlineData("https://id.example.org", "https://id.example.org", "id.example.org", "id.example.org")]
    [InlineData("https://ID.Example.org:443/", "https://id.example.org", "id.example.org", "id.example.org")]
    [InlineData("https://id.example.org:8443", "https://id.example.org:8443", "id.example.org:8443", "id.example.org:8443")]
    [InlineData("https://bücher.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example", "xn--bcher-kva.example")]
    [InlineData("http://[::1]:5080", "http://[::1]:5080", "[::1]:5080", "http://[::1]:5080")]
    [InlineData("http://localhost:5080", "http://localhost:5080", "localhost:5080", "http://localhost:5080")]
    public void The_public_origin_is_written_as_browsers_write_it(string setting, string value, string host, string platform)
    {
        var origin = PublicOrigin.From(new ConfigurationBuilder().AddInMemoryCollection([new("Server:PublicOrigin", setting)]).Build(), new HostingEnvironment { EnvironmentName = "Development" });
        Assert.Equal((value, host, platform, value + "/"), (origin.Value, origin.Host, origin.Platform, origin.Issuer));
    }

    private static async Task<string?> LastUsedFromAsync(TestServer server, string forwardedFor)
    {
        var (_, session) = await server.AddPersonAsync();
        var key = await server.CreateApiKeyAsync(session, "a");
        Assert.Equal(200, (await server.RawAsync("GET /api/v1/me", [$"Authorization: Bearer {key.Key}", $"X-Forwarded-For: {forwardedFor}", "X-Real-IP: 203.0.113.9", "Forwarded: for=203.0.113.9"])).Status);
        await server.FlushLastUsesAsync();
        return (await server.GetAsync($"{KeysPath}/{key.Id}", session)).Json.GetProperty("lastUsedFrom").GetString();
    }
}
