using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshKeys;

/// <summary>The signed bundle of all who may log in to a cluster.</summary>
public class ClusterBundleTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/authorized-keys";
    private const string Keys = "/api/v1/ssh-keys";
    private const string Clusters = "/api/v1/organization/clusters";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task It_holds_what_the_look_ups_of_everybody_would_answer_in_the_order_of_names_and_signed()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(_server, session);
        var (mapped, mappedSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (disabled, disabledSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (_, foreignSession) = await _server.AddPersonAsync();
        await _server.AddPersonAsync(Role.Member, organization.Id);
        foreach (var person in (string[])[session, mappedSession, disabledSession, foreignSession])
        {
            await AddAsync(_server, person, "endless", null);
            await AddAsync(_server, person, "a day", 1);
        }

        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Put, $"{Clusters}/{cluster.Id}/accounts", session, new Dictionary<string, string> { [mapped.UserName!] = "aaa-0" })).Status);
        await _server.SetDisabledAsync(disabled.UserName!);
        var first = await ReadAsync(_server, cluster.Key);
        Assert.Equal(["aaa-0", owner.UserName!], first.Names);
        foreach (var name in first.Names)
        {
            var asked = (await _server.GetAsync($"{Path}/{name}", cluster.Key)).Json.GetProperty("keys").EnumerateArray().Select(key => new BundleKey(key.GetProperty("publicKey").GetString()!, key.Time("expiresAt")));
            Assert.Equal(asked, first.Lines[name]);
        }

        Assert.Equal((_server.Origin + "", cluster.Id, organization.Slug, TimeSpan.FromMinutes(10)), (first.Statement.Issuer, first.Statement.Cluster, first.Statement.Organization, first.Statement.MaximumAge));
        Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(first.Answer.Body)), first.Statement.Hash);
        Assert.Equal($"\"{first.Statement.Serial}\"", first.Answer.Header("ETag"));
        Assert.Equal(BundleLine.MediaType, first.Answer.Response.Content.Headers.ContentType?.MediaType);

        // Nothing changed: no content, and a new age.
        _server.Clock!.Advance(TimeSpan.FromSeconds(60));
        var same = await ReadAsync(_server, cluster.Key, first.Answer.Header("ETag"));
        Assert.Equal((304, "", first.Statement.Serial, first.Statement.IssuedAt.AddSeconds(60)), (same.Answer.Status, same.Answer.Body, same.Statement.Serial, same.Statement.IssuedAt));

        // Each change that matters, and only those, gives another content and the next serial.
        var serial = first.Statement.Serial;
        await AddAsync(_server, session, "third", null);
        Assert.Equal(++serial, (await ReadAsync(_server, cluster.Key, first.Answer.Header("ETag"))).Statement.Serial);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Patch, $"{Clusters}/{cluster.Id}", session, new { access = new { mode = "users", usernames = new[] { owner.UserName } } })).Status);
        var fewer = await ReadAsync(_server, cluster.Key);
        Assert.Equal((++serial, owner.UserName), (fewer.Statement.Serial, Assert.Single(fewer.Names)));
        await _server.CreateApiKeyAsync(session, "irrelevant");
        Assert.Equal(304, (await ReadAsync(_server, cluster.Key, fewer.Answer.Header("ETag"))).Answer.Status);
        Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Patch, $"{Clusters}/{cluster.Id}", session, new { name = $"other {cluster.Id}" })).Status);
        Assert.Equal(304, (await ReadAsync(_server, cluster.Key, fewer.Answer.Header("ETag"))).Answer.Status);

        // A cut counts before its rows are rewritten; what time ends is dropped by whoever reads.
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 5, defaultDays = 5 }, clusters = new { outageMinutes = 3 } }, "shorten")).Status);
        var cut = await ReadAsync(_server, cluster.Key, fewer.Answer.Header("ETag"));
        Assert.Equal((200, TimeSpan.FromMinutes(3)), (cut.Answer.Status, cut.Statement.MaximumAge));
        Assert.All(cut.Lines[owner.UserName!], key => Assert.NotNull(key.ExpiresAt));

        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { clusters = new { outageMinutes = 0 } })).Status);
        (await _server.GetAsync(Path, cluster.Key)).AssertProblem(403, "copies_off");
        (await _server.GetAsync(Path, session)).AssertProblem(403, "insufficient_scope");
        (await _server.GetAsync(Path, null!)).AssertProblem(401, "credential_required");
    }

    [Fact]
    public async Task A_statement_is_no_token_and_a_token_no_statement()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(_server, session);
        var answer = await _server.GetAsync(Path, cluster.Key);
        var jws = answer.Header(BundleStatement.Header)!;
        Assert.Equal(401, (await _server.GetAsync("/api/v1/me", jws)).Status);
        var keySet = (await _server.GetAsync("/.well-known/jwks", null!)).Body;
        Assert.NotNull(BundleStatement.Verify(jws, keySet));
        Assert.Null(BundleStatement.Verify(session, keySet));
        var parts = jws.Split('.');
        foreach (var forged in (string[])
            [
                "", ".", "..", "a.b.c", $"{parts[0]}.{parts[1]}.", $"{parts[0]}.{parts[1]}.{parts[2][..^2]}{(parts[2].EndsWith("AA", StringComparison.Ordinal) ? "gA" : "AA")}", $"{parts[0]}.{Encode("{\"serial\":9}")}.{parts[2]}", $"{jws}.x", jws + "\n",
                $"{Encode("{\"alg\":\"none\",\"typ\":\"bundle-statement+jwt\",\"kid\":\"x\"}")}.{parts[1]}.", $"{Encode("[]")}.{parts[1]}.{parts[2]}", $"{Encode("{}")}.{parts[1]}.{parts[2]}",
            ])
            Assert.Null(BundleStatement.Verify(forged, keySet));
        foreach (var wrong in (string[])["", "{}", "[]", "{\"keys\":{}}", keySet.Replace("P-256", "P-384", StringComparison.Ordinal), "{\"keys\":[{\"kid\":null}]}"])
            Assert.Null(BundleStatement.Verify(jws, wrong));

        static string Encode(string json) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
    }

    [Theory]
    [EachDatabase]
    public async Task Two_nodes_count_one_serial_and_never_back(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (organization, _, session) = await server.AddOrganizationAsync();
        var cluster = await ClusterAsync(server, session);
        var highest = 0L;
        for (var i = 0; i < 4; i++)
        {
            var (_, person) = await server.AddPersonAsync(Role.Member, organization.Id);
            await AddAsync(server, person, "k", null, node: i % 2);
            var both = await Task.WhenAll(Enumerable.Range(0, 6).Select(n => ReadAsync(server, cluster.Key, node: n % 2)));
            // Whoever comes after a change sees it, at whichever node.
            Assert.All(both, bundle => Assert.Equal(i + 1, bundle.Names.Count));
            Assert.Single(both.Select(bundle => bundle.Statement.Serial).Distinct());
            Assert.True(both[0].Statement.Serial > highest);
            highest = both[0].Statement.Serial;
        }
    }

    [Fact]
    public void Every_type_of_event_that_is_thought_irrelevant_is_about_something_else_than_people_keys_and_clusters() =>
        Assert.DoesNotContain(ClusterBundles.Irrelevant, type => type.Split('.')[0] is "ssh_key" or "member" or "invitation" or "cluster" or "policy" or "organization" or "service_account" or "setup");

    private static async Task<(string Id, string Key)> ClusterAsync(TestServer server, string session)
    {
        var made = await server.PostAsync(Clusters, session, new { name = $"c{Guid.NewGuid():N}", address = "login.example.test" });
        Assert.Equal(201, made.Status);
        return (made.Text("id"), made.Text("key"));
    }

    private static async Task AddAsync(TestServer server, string session, string name, int? days, int node = 0) =>
        Assert.Equal(201, (await server.ApiAsync(HttpMethod.Post, Keys, session, new { name, publicKey = SshTestKeys.Ed25519(), expiresInDays = days }, node)).Status);

    private sealed record Bundle(Answer Answer, BundleStatement Statement, IReadOnlyDictionary<string, List<BundleKey>> Lines)
    {
        public IReadOnlyList<string> Names => [.. Lines.Keys];
    }

    private static async Task<Bundle> ReadAsync(TestServer server, string key, string? etag = null, int node = 0)
    {
        using var client = server.Client(node);
        using var request = new HttpRequestMessage(HttpMethod.Get, Path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        if (etag is not null)
            request.Headers.TryAddWithoutValidation("If-None-Match", etag);
        var answer = await Answer.FromAsync(await client.SendAsync(request));
        Assert.True(answer.Status is 200 or 304, answer.ToString());
        var lines = new Dictionary<string, List<BundleKey>>();
        var last = "";
        foreach (var line in answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.True(BundleLine.TryRead(Encoding.UTF8.GetBytes(line), out var name, out var keys));
            Assert.True(string.CompareOrdinal(last, name) < 0);
            lines[last = name] = keys;
        }

        return new Bundle(answer, BundleStatement.Verify(answer.Header(BundleStatement.Header)!, (await server.GetAsync("/.well-known/jwks", null!)).Body)!, lines);
    }
}
