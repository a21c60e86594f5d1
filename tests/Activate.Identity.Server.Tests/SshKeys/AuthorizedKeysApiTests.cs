using System.ComponentModel.DataAnnotations;
using System.Net.Http.Headers;
using System.Text;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshKeys;

public class AuthorizedKeysApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Keys = "/api/v1/ssh-keys";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_cluster_gets_the_living_keys_of_a_user_as_json_and_as_lines()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        string[] lines = [SshTestKeys.Ed25519("first"), SshTestKeys.Ed25519(""), SshTestKeys.Rsa(2048)];
        foreach (var (line, days) in lines.Zip((int?[])[null, 2, 1]))
        {
            Assert.Equal(201, (await _server.PostAsync(Keys, session, new { name = SshTestKeys.FingerprintOf(line), publicKey = line, expiresInDays = days })).Status);
            _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        }

        var answer = await LookUpAsync(cluster, owner.UserName!);
        Assert.Equal((200, owner.UserName), (answer.Status, answer.Text("username")));
        var keys = answer.Json.GetProperty("keys");
        Assert.Equal(lines, keys.EnumerateArray().Select(key => key.GetProperty("publicKey").GetString()));
        Assert.Equal(lines.Select(SshTestKeys.FingerprintOf), keys.EnumerateArray().Select(key => key.GetProperty("fingerprint").GetString()));
        Assert.Equal([false, true, true], keys.EnumerateArray().Select(key => key.Time("expiresAt") is not null));

        var text = await LookUpAsync(cluster, owner.UserName!, accept: "text/plain");
        Assert.Equal("text/plain", text.Response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(string.Concat(lines.Select(line => $"{line}\n")), text.Body);
        var timed = (await LookUpAsync(cluster, owner.UserName!, "?expiry-time=true", "text/plain")).Body.TrimEnd('\n').Split('\n');
        Assert.Equal([lines[0], $"expiry-time=\"{keys[1].Time("expiresAt"):yyyyMMddHHmmss}Z\" {lines[1]}", $"expiry-time=\"{keys[2].Time("expiresAt"):yyyyMMddHHmmss}Z\" {lines[2]}"], timed);
        Assert.All(timed, line => Assert.True(AuthorizedKeysLine.TryRead(line, out _, out _)));

        // Expired and deleted keys are gone.
        _server.Clock!.Advance(TimeSpan.FromDays(1));
        Assert.Equal(lines[..2], (await LookUpAsync(cluster, owner.UserName!, accept: "text/plain")).Body.TrimEnd('\n').Split('\n'));
        session = await _server.GrantAsync(owner.Id);
        var first = (await _server.GetAsync(Keys, session)).Json.GetProperty("items").EnumerateArray().Single(item => item.GetProperty("publicKey").GetString() == lines[0]);
        await _server.DeleteAsync($"{Keys}/{first.GetProperty("id").GetString()}", session);
        Assert.Equal([lines[1]], (await LookUpAsync(cluster, owner.UserName!, accept: "text/plain")).Body.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task A_fingerprint_picks_one_key_and_a_malformed_one_is_an_error()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        var line = "";
        // One whose fingerprint has a plus sign and a slash, which URLs treat in their own ways.
        while (!SshTestKeys.FingerprintOf(line = SshTestKeys.Ed25519()).Contains('+', StringComparison.Ordinal) || !SshTestKeys.FingerprintOf(line).Contains('/', StringComparison.Ordinal))
        {
        }

        await _server.PostAsync(Keys, session, new { name = "a", publicKey = line });
        await _server.PostAsync(Keys, session, new { name = "b", publicKey = SshTestKeys.Ed25519() });
        var fingerprint = SshTestKeys.FingerprintOf(line);
        foreach (var form in (string[])[fingerprint, Uri.EscapeDataString(fingerprint), fingerprint.Replace("+", "%20", StringComparison.Ordinal)])
            Assert.Equal($"{line}\n", (await LookUpAsync(cluster, owner.UserName!, $"?fingerprint={form}", "text/plain")).Body);
        Assert.Equal("", (await LookUpAsync(cluster, owner.UserName!, $"?fingerprint={Uri.EscapeDataString(SshTestKeys.FingerprintOf(SshTestKeys.Ed25519()))}", "text/plain")).Body);
        foreach (var wrong in (string[])["", "x", "SHA256:", "MD5:aa", $"{fingerprint}=", fingerprint[..^1], $"sha256:{fingerprint[7..]}", $"{fingerprint[..^1]}_"])
            (await LookUpAsync(cluster, owner.UserName!, $"?fingerprint={Uri.EscapeDataString(wrong)}")).AssertProblem(400, "fingerprint_invalid", "fingerprint");
        (await LookUpAsync(cluster, owner.UserName!, "?expiry-time=yes")).AssertProblem(400, "flag_invalid", "expiry-time");
    }

    [Fact]
    [Trait("Case", "S12")]
    [Trait("Case", "S17")]
    public async Task Unknown_foreign_disabled_and_keyless_users_all_look_the_same()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        var (disabled, disabledSession) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (keyless, _) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var (foreign, foreignSession) = await _server.AddPersonAsync();
        foreach (var person in (string[])[session, disabledSession, foreignSession])
            Assert.Equal(201, (await _server.PostAsync(Keys, person, new { name = "k", publicKey = SshTestKeys.Ed25519() })).Status);
        Assert.Equal(1, (await LookUpAsync(cluster, disabled.UserName!)).Json.GetProperty("keys").GetArrayLength());
        await _server.SetDisabledAsync(disabled.UserName!);

        foreach (var name in (string[])[disabled.UserName!, keyless.UserName!, foreign.UserName!, "nobody-at-all", "root", "UPPER", "a%20b", "x'%20OR%201=1", "%E2%80%AE", new string('a', 200)])
        {
            var answer = await LookUpAsync(cluster, name);
            Assert.Equal((200, 0), (answer.Status, answer.Json.GetProperty("keys").GetArrayLength()));
            Assert.Equal(Uri.UnescapeDataString(name), answer.Text("username"));
            Assert.Equal($$"""{"username":"","keys":[]}""".Length, answer.Body.Length - System.Text.Json.JsonSerializer.Serialize(Uri.UnescapeDataString(name), ApiJson.Options).Length + 2);
            Assert.Equal("", (await LookUpAsync(cluster, name, accept: "text/plain")).Body);
        }

        Assert.Equal(1, (await LookUpAsync(cluster, owner.UserName!)).Json.GetProperty("keys").GetArrayLength());
        await _server.SetSuspendedAsync(organization.Slug);
        _server.Clock!.Advance(TimeSpan.FromSeconds(1));
        (await LookUpAsync(cluster, owner.UserName!)).AssertProblem(401, "invalid_credential");
    }

    [Fact]
    [Trait("Case", "S12")]
    public async Task Only_the_key_of_a_cluster_may_look_up_and_it_may_do_nothing_else()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        (await LookUpAsync(null, owner.UserName!)).AssertProblem(401, "credential_required");
        (await LookUpAsync("pwt_nonsense", owner.UserName!)).AssertProblem(401, "invalid_credential");
        (await LookUpAsync(session, owner.UserName!)).AssertProblem(403, "insufficient_scope");
        (await _server.PostAsync(KeysPath, session, new { name = "k", scopes = new[] { "authorized-keys:read" } })).AssertProblem(400, "scope_invalid", "scopes");
        // Even a token that somehow holds the scope is not a cluster's.
        (await LookUpAsync(await _server.GrantAsync(owner.Id, "authorized-keys:read"), owner.UserName!)).AssertProblem(403, "clusters_only");

        foreach (var path in (string[])["/api/v1/api-keys", "/api/v1/ssh-keys", "/api/v1/organization", "/api/v1/organization/policy", "/api/v1/organization/clusters"])
            (await _server.GetAsync(path, cluster)).AssertProblem(403, "insufficient_scope");
        (await _server.PostAsync(KeysPath, cluster, new { name = "k" })).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(("serviceAccount", "member"), ((await _server.GetAsync("/api/v1/me", cluster)).Text("kind"), (await _server.GetAsync("/api/v1/me", cluster)).Text("role")));
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("*/*", false)]
    [InlineData("application/json", false)]
    [InlineData("text/plain", true)]
    [InlineData("text/plain, application/json", false)]
    [InlineData("text/plain, application/json;q=0.5", true)]
    [InlineData("application/json, text/plain;q=0.9, */*", false)]
    public async Task Lines_are_for_those_who_like_them_better(string? accept, bool lines)
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        Assert.Equal(lines ? "text/plain" : "application/json", (await LookUpAsync(await ClusterAsync(session), owner.UserName!, accept: accept)).Response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    [Trait("Case", "S8")]
    public async Task The_answer_for_somebody_with_as_many_and_as_long_keys_as_there_may_be_stays_below_256_kilobytes()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        for (var i = 0; i < 100; i++)
        {
            // Numbers of the right size: nobody here needs to sign with them.
            var modulus = new byte[1025];
            Random.Shared.NextBytes(modulus);
            (modulus[0], modulus[1], modulus[^1]) = (0, 0xFF, 1);
            var line = SshTestKeys.Line("ssh-rsa", string.Concat(Enumerable.Repeat("\U0001F511", 64)), [1, 0, 1], modulus);
            Assert.Equal(201, (await _server.PostAsync(Keys, session, new { name = $"k{i}", publicKey = line })).Status);
        }

        Assert.InRange(Encoding.UTF8.GetByteCount((await LookUpAsync(cluster, owner.UserName!)).Body), 100_000, 256 * 1024);
    }

    [Fact]
    public void No_setting_allows_more_keys_than_that()
    {
        foreach (var (most, valid) in ((int, bool)[])[(1, true), (100, true), (101, false), (0, false)])
        {
            var options = new SshKeysOptions { MaximumPerUser = most };
            Assert.Equal(valid, Validator.TryValidateObject(options, new ValidationContext(options), null, validateAllProperties: true));
        }
    }

    /// <summary>So that the time of an answer does not tell how many keys somebody in another organization has.</summary>
    [Fact]
    [Trait("Case", "S12")]
    public async Task No_key_of_a_user_of_another_organization_is_read()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (foreign, foreignOwner, foreignSession) = await _server.AddOrganizationAsync();
        foreach (var person in (string[])[session, foreignSession])
            Assert.Equal(201, (await _server.PostAsync(Keys, person, new { name = "k", publicKey = SshTestKeys.Ed25519() })).Status);
        await ClusterAsync(session);
        await ClusterAsync(foreignSession);
        Assert.Equal(1, await RowsAsync(organization.Id, owner.UserName!));
        Assert.Equal(1, await RowsAsync(foreign.Id, foreignOwner.UserName!));
        Assert.Equal(0, await RowsAsync(organization.Id, foreignOwner.UserName!));

        Task<int> RowsAsync(Guid organizationId, string username) => _server.QueryAsync(async database =>
        {
            await database.Database.OpenConnectionAsync();
            var cluster = await database.Clusters.Where(c => c.OrganizationId == organizationId).Select(c => c.ServiceAccountId).SingleAsync();
            await using var command = AuthorizedKeysReader.KeysByUsername(database, new UserAt(organizationId, cluster, username)).CreateDbCommand();
            await using var reader = await command.ExecuteReaderAsync();
            var rows = 0;
            while (await reader.ReadAsync())
                rows++;
            return rows;
        });
    }

    /// <summary>SQL Server's client sends only as much of a prepared parameter as its column holds: a longer name would find its beginning.</summary>
    [Fact]
    [Trait("Case", "S17")]
    public async Task A_name_that_is_longer_than_any_is_not_looked_up_at_all()
    {
        await using var nothing = new ServiceCollection().BuildServiceProvider();
        await using var reader = new AuthorizedKeysReader(nothing.GetRequiredService<IServiceScopeFactory>(), TimeProvider.System);
        Assert.Empty(await reader.LiveAsync(Guid.NewGuid(), Guid.NewGuid(), new string('a', 33), TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await reader.LiveAsync(Guid.NewGuid(), Guid.NewGuid(), new string('a', 32), TestContext.Current.CancellationToken));
    }

    private async Task<string> ClusterAsync(string session)
    {
        var answer = await _server.PostAsync("/api/v1/organization/clusters", session, new { name = "cluster", address = "login.example.test" });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer.Text("key");
    }

    private async Task<Answer> LookUpAsync(string? bearer, string username, string query = "", string? accept = null)
    {
        using var client = _server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/authorized-keys/{username}{query}");
        if (bearer is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        return await Answer.FromAsync(await client.SendAsync(request));
    }
}

/// <summary>The same on two nodes and on both databases that run here.</summary>
public class AuthorizedKeysNodesTests
{
    [Theory]
    [Trait("Case", "S15")]
    [Trait("Case", "C9")]
    [EachDatabase]
    public async Task What_one_node_adds_deletes_and_cuts_the_other_answers_at_once(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (_, owner, session) = await server.AddOrganizationAsync();
        var cluster = (await server.PostAsync("/api/v1/organization/clusters", session, new { name = "cluster", address = "login.example.test" })).Text("key");
        var lines = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            lines.Add(SshTestKeys.Ed25519($"key {i}"));
            Assert.Equal(201, (await server.PostAsync("/api/v1/ssh-keys", session, new { name = $"k{i}", publicKey = lines[^1] }, node: i % 2)).Status);
            Assert.Equal(i + 1, await CountAsync(1 - (i % 2)));
        }

        var items = (await server.GetAsync("/api/v1/ssh-keys", session)).Json.GetProperty("items");
        Assert.Equal(204, (await server.DeleteAsync($"/api/v1/ssh-keys/{items[0].GetProperty("id").GetString()}", session, node: 1)).Status);
        Assert.Equal(2, await CountAsync(0));

        // One of the two is too old for the policy to come.
        var old = Guid.Parse(items[2].GetProperty("id").GetString()!);
        await server.QueryAsync(database => database.SshKeys.Where(k => k.Id == old).ExecuteUpdateAsync(set => set.SetProperty(k => k.FirstAddedAt, k => k.FirstAddedAt.AddDays(-40))));
        Assert.Equal(200, (await server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 30 } }, "shorten")).Status);
        foreach (var node in (int[])[0, 1])
            Assert.Equal(lines[1], (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", cluster, node)).Json.GetProperty("keys")[0].GetProperty("publicKey").GetString());
        await server.RewriteCutsAsync(node: 1);
        await server.Services(1).GetRequiredService<ExpiredRows>().DeleteAsync(TestContext.Current.CancellationToken);
        Assert.Equal((1, 1), (await CountAsync(0), await CountAsync(1)));

        Assert.Equal(200, (await server.SetPolicyAsync(session, new { })).Status);
        (await server.PostAsync("/api/v1/ssh-keys", session, new { name = "again", publicKey = lines[0] }, node: 1)).AssertProblem(403, "ssh_key_ended_by_policy");
        Assert.Equal(200, (await server.PostAsync($"/api/v1/organization/ssh-fingerprints/{Uri.EscapeDataString(SshTestKeys.FingerprintOf(lines[0]))}/allow", session)).Status);
        Assert.Equal(201, (await server.PostAsync("/api/v1/ssh-keys", session, new { name = "again", publicKey = lines[0] }, node: 1)).Status);
        Assert.Equal(2, await CountAsync(0));

        async Task<int> CountAsync(int node) => (await server.GetAsync($"/api/v1/authorized-keys/{owner.UserName}", cluster, node)).Json.GetProperty("keys").GetArrayLength();
    }
}
