using System.Net.Http;
using System.Net.Http.Headers;
using Activate.Identity.Data.Audit;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.ApiKeys;

/// <summary>Keys that work from certain addresses only. The server is behind a trusted proxy, so that a test says where it comes from.</summary>
public class AllowedAddressesTests(AllowedAddressesTests.Fixture fixture) : IClassFixture<AllowedAddressesTests.Fixture>
{
    private const string Me = "/api/v1/me";
    private const string Inside = "192.0.2.7";
    private const string Outside = "198.51.100.7";
    private static readonly string[] s_list = ["192.0.2.0/24", "2001:DB8:0::/32"];
    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : ServerFixture
    {
        protected override TestServerOptions Options => new() { Settings = new Dictionary<string, string?> { ["Server:TrustedProxies:0"] = "127.0.0.0/8" } };
    }

    private async Task<Answer> FromAsync(string address, HttpMethod method, string path, string? bearer, HttpContent? content = null)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        request.Headers.Add("X-Forwarded-For", address);
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    private Task<Answer> ExchangeAsync(string address, string key) => FromAsync(address, HttpMethod.Post, "/connect/token", null, new FormUrlEncodedContent(new Dictionary<string, string>
    {
        ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange", ["client_id"] = TestServer.Cli, ["subject_token"] = key, ["subject_token_type"] = "urn:parallelworks:token-type:api-key",
    }));

    [Fact]
    [Trait("Nodes", "One")]
    public async Task A_key_works_from_its_addresses_and_elsewhere_hears_the_rule_and_not_the_list()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "limited", new { name = "limited", allowedAddresses = s_list });
        Assert.Equal(["192.0.2.0/24", "2001:db8::/32"], key.Answer.Json.GetProperty("allowedAddresses").EnumerateArray().Select(range => range.GetString()));
        foreach (var address in (string[])[Inside, "192.0.2.255", "::ffff:192.0.2.7", "2001:db8::1"])
            Assert.True((await FromAsync(address, HttpMethod.Get, Me, key.Key)).Status == 200, address);
        await _server.FlushLastUsesAsync();
        // Twice: the second answer comes from memory.
        foreach (var address in (string[])[Outside, Outside, "192.0.3.1", "::192.0.2.7", "2001:db9::1", "127.0.0.1"])
        {
            var refused = await FromAsync(address, HttpMethod.Get, Me, key.Key);
            refused.AssertProblem(403, "address_not_allowed");
            Assert.DoesNotContain("192.0.2", refused.Body, StringComparison.Ordinal);
            Assert.DoesNotContain("2001", refused.Body, StringComparison.Ordinal);
        }

        // What was refused is no use; and the owner finds it in the log.
        await _server.FlushLastUsesAsync();
        Assert.Equal("2001:db8::1", (await _server.GetAsync($"{KeysPath}/{key.Id}", session)).Text("lastUsedFrom"));
        var e = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.Type == AuditTypes.AccessRefused && e.SubjectId == Guid.Parse(key.Id)));
        Assert.Equal((Outside, false), (e.Address, e.Succeeded));
        // It changes nothing from there, itself neither.
        Assert.Equal(403, (await FromAsync(Outside, HttpMethod.Post, $"{KeysPath}/{key.Id}/rotate", key.Key)).Status);
        Assert.Equal(403, (await FromAsync(Outside, HttpMethod.Delete, $"{KeysPath}/{key.Id}", key.Key)).Status);
        Assert.Equal(200, (await FromAsync(Inside, HttpMethod.Get, Me, key.Key)).Status);
    }

    [Fact]
    public async Task The_list_is_changed_by_a_person_and_counts_at_once()
    {
        var (user, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "k");
        Assert.Equal(System.Text.Json.JsonValueKind.Null, key.Answer.Json.GetProperty("allowedAddresses").ValueKind);
        Assert.Equal(200, (await FromAsync(Outside, HttpMethod.Get, Me, key.Key)).Status);
        Assert.Equal(200, (await FromAsync(Outside, HttpMethod.Get, Me, key.Key)).Status);
        Assert.Equal(200, (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { allowedAddresses = s_list })).Status);
        Assert.Equal(403, (await FromAsync(Outside, HttpMethod.Get, Me, key.Key)).Status);
        // A name alone leaves the list as it is.
        Assert.Equal(2, (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { name = "renamed" })).Json.GetProperty("allowedAddresses").GetArrayLength());

        // Another key of the same owner, which is not limited, must not lift it.
        var free = await _server.CreateApiKeyAsync(session, "free", new { name = "free", scopes = new[] { "credentials:read", "credentials:write" } });
        (await _server.PatchAsync($"{KeysPath}/{key.Id}", free.Key, new { allowedAddresses = (string[]?)null })).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(200, (await _server.PatchAsync($"{KeysPath}/{key.Id}", free.Key, new { name = "by a key" })).Status);
        Assert.Equal(200, (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { allowedAddresses = (string[]?)null })).Status);
        Assert.Equal(200, (await FromAsync(Outside, HttpMethod.Get, Me, key.Key)).Status);
        var changes = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.Type == AuditTypes.ApiKeyAddressesChanged && e.ActorId == user.Id).OrderBy(e => e.Id).ToListAsync());
        Assert.Equal(["""{"allowedAddresses":null}""", """{"allowedAddresses":"192.0.2.0/24 2001:db8::/32"}"""], changes.Select(e => e.Before));

        foreach (var wrong in (object[])[new { allowedAddresses = Array.Empty<string>() }, new { allowedAddresses = new[] { "10.0.0.1/8" } }, new { allowedAddresses = new[] { "fe80::1%eth0" } },
            new { allowedAddresses = new[] { "0.0.0.0/0" } }, new { allowedAddresses = new string?[] { null } }])
            (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, wrong)).AssertProblem(400, "allowed_addresses_invalid", "allowedAddresses");
        (await _server.PostAsync(KeysPath, session, new { name = "x", allowedAddresses = new[] { "example.test" } })).AssertProblem(400, "allowed_addresses_invalid", "allowedAddresses");
        Assert.Equal(400, (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { allowedAddresses = "192.0.2.7" })).Status);
        (await _server.PatchAsync($"{KeysPath}/{key.Id}", session, new { })).AssertProblem(400, "name_required");
    }

    [Fact, Trait("Case", "I1")]
    public async Task What_is_exchanged_for_it_is_limited_too_revocation_is_not_and_a_resource_server_is_told_the_list()
    {
        var (_, session) = await _server.AddPersonAsync();
        var key = await _server.CreateApiKeyAsync(session, "limited", new { name = "limited", allowedAddresses = s_list });
        Assert.Equal("invalid_grant", (await ExchangeAsync(Outside, key.Key)).Error);
        var token = (await ExchangeAsync(Inside, key.Key)).Text("access_token");
        Assert.Equal((200, 403), ((await FromAsync(Inside, HttpMethod.Get, Me, token)).Status, (await FromAsync(Outside, HttpMethod.Get, Me, token)).Status));

        await _server.RegisterApplicationAsync("resource", "s3cret", $"{_server.Origin.GetLeftPart(UriPartial.Authority)}/platform");
        var told = await _server.IntrospectAsync("resource", "s3cret", key.Key);
        Assert.True(told.Json.GetProperty("active").GetBoolean());
        Assert.Equal(["192.0.2.0/24", "2001:db8::/32"], told.Json.GetProperty("allowed_addresses").EnumerateArray().Select(range => range.GetString()));
        Assert.False((await _server.IntrospectAsync("resource", "s3cret", (await _server.CreateApiKeyAsync(session, "free")).Key)).Has("allowed_addresses"));

        // Whoever found it may end it, from wherever.
        Assert.Equal(200, (await FromAsync(Outside, HttpMethod.Post, "/connect/revoke", null, new FormUrlEncodedContent(new Dictionary<string, string> { ["token"] = key.Key }))).Status);
        Assert.Equal(401, (await FromAsync(Inside, HttpMethod.Get, Me, key.Key)).Status);
        Assert.Equal(401, (await FromAsync(Inside, HttpMethod.Get, Me, token)).Status);
    }
}
