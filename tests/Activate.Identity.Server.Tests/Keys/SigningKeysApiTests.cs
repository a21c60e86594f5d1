using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Keys;

public sealed class SigningKeysApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/signing-keys";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    [Trait("Nodes", "One")]
    public async Task An_operator_sees_the_keys_and_rotates_them_and_the_audit_log_tells_who()
    {
        var user = await _server.AddUserAsync(Role.Owner, isOperator: true);
        var session = await _server.GrantAsync(user.Id);
        var before = await _server.GetAsync(Path, session);
        var current = before.Json.GetProperty("items").EnumerateArray().Where(key => key.GetProperty("state").GetString() == "current").ToList();
        Assert.Equal(["ES256", "RS256"], current.Select(key => key.GetProperty("algorithm").GetString()).Order(StringComparer.Ordinal));

        var answer = await _server.PostAsync($"{Path}/rotate", session);
        Assert.Equal(200, answer.Status);
        var added = answer.Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(2, added.Count);
        foreach (var key in added)
        {
            Assert.Equal(["algorithm", "createdAt", "kid", "retiresAt", "signsFrom", "state"], key.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
            Assert.Equal(("upcoming", JsonValueKind.Null), (key.GetProperty("state").GetString(), key.GetProperty("retiresAt").ValueKind));
            Assert.Equal(TimeSpan.FromMinutes(10), key.GetProperty("signsFrom").GetDateTime() - key.GetProperty("createdAt").GetDateTime());
        }

        var audit = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.Type == AuditTypes.SigningKeyRotated && e.ActorId == user.Id));
        Assert.Equal((user.OrganizationId, "127.0.0.1"), (audit.OrganizationId, audit.Address));
        Assert.EndsWith("on command", audit.Detail, StringComparison.Ordinal);

        var all = (await _server.GetAsync(Path, session)).Json.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(before.Items() + 2, all.Count);
        Assert.Equal((await _server.GetKidsAsync()).Order(StringComparer.Ordinal), all.Select(key => key.GetProperty("kid").GetString()!).Order(StringComparer.Ordinal));
        foreach (var old in all.Where(key => current.Any(c => c.GetProperty("kid").GetString() == key.GetProperty("kid").GetString())))
        {
            Assert.Equal("current", old.GetProperty("state").GetString());
            Assert.Equal(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(20), old.GetProperty("retiresAt").GetDateTime() - added[0].GetProperty("createdAt").GetDateTime());
            // Not the year 1.
            Assert.True(old.GetProperty("signsFrom").GetDateTime() >= old.GetProperty("createdAt").GetDateTime());
        }

        _server.Clock!.Advance(TimeSpan.FromMinutes(10));
        var later = (await _server.GetAsync(Path, session)).Json.GetProperty("items").EnumerateArray().ToDictionary(key => key.GetProperty("kid").GetString()!, key => key.GetProperty("state").GetString());
        Assert.All(added, key => Assert.Equal("current", later[key.GetProperty("kid").GetString()!]));
        Assert.All(current, key => Assert.Equal("retiring", later[key.GetProperty("kid").GetString()!]));

        var seen = new List<string?>();
        string? after = null;
        do
        {
            var page = await _server.GetAsync($"{Path}?limit=1{(after is null ? "" : $"&after={after}")}", session);
            seen.Add(page.Json.GetProperty("items")[0].GetProperty("kid").GetString());
            after = page.Json.GetProperty("next").GetString();
        }
        while (after is not null);
        Assert.Equal(later.Keys.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
        (await _server.GetAsync($"{Path}?limit=0", session)).AssertProblem(400, "limit_invalid");
    }

    [Fact]
    [Trait("Nodes", "One")]
    public async Task Only_an_operator_looks_and_only_one_who_signed_in_rotates()
    {
        var person = await _server.AddUserAsync(Role.Owner, isOperator: true);
        var session = await _server.GrantAsync(person.Id);
        string[] scopes = ["organization:read", "organization:write", "credentials:write"];
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes })).Key;
        var token = (await _server.PostAsync("/api/v1/tokens", session, new { scopes })).Text("token");
        var (_, owner) = await _server.AddPersonAsync(Role.Owner);
        var (_, member) = await _server.AddPersonAsync();
        var plain = await _server.AddUserAsync(isOperator: true);
        (string What, string? Credential, int Get, string? GetCode, int Post, string? PostCode)[] matrix =
        [
            ("nobody", null, 401, "credential_required", 401, "credential_required"),
            ("owner, not operator", owner, 403, "operator_required", 403, "operator_required"),
            ("member", member, 403, "operator_required", 403, "insufficient_scope"),
            ("operator's API key", key, 200, null, 403, "interactive_sign_in_required"),
            ("operator's generated token", token, 200, null, 403, "interactive_sign_in_required"),
            ("operator's session without the scopes", await _server.GrantAsync(person.Id, "platform credentials:write"), 403, "insufficient_scope", 403, "insufficient_scope"),
            ("operator who is a member", await _server.GrantAsync(plain.Id), 200, null, 403, "insufficient_scope"),
            ("operator", session, 200, null, 200, null),
        ];
        var before = (await _server.GetKidsAsync()).Count;
        foreach (var (what, credential, get, getCode, post, postCode) in matrix)
        {
            var looked = await _server.GetAsync(Path, credential);
            Assert.True((looked.Status, looked.Error) == (get, getCode), $"{what} GET: {looked}");
            var rotated = await _server.PostAsync($"{Path}/rotate", credential);
            Assert.True((rotated.Status, rotated.Error) == (post, postCode), $"{what} POST: {rotated}");
        }

        Assert.Equal(before + 2, (await _server.GetKidsAsync()).Count);
    }
}
