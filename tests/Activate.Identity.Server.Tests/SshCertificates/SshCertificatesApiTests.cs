using System.Net.Http;
using System.Text.Json;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.SshCertificates;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshCertificates;

public sealed class SshCertificatesApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/ssh-certificates";
    private const string Clusters = "/api/v1/organization/clusters";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_sign_in_gets_a_certificate_for_one_account_on_one_cluster_and_the_audit_log_tells()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session, "Frontier", "login.frontier.example.test");
        var line = SshTestKeys.Ed25519();
        var sessionId = (await _server.GetAsync("/api/v1/me", session)).Json.GetProperty("credential").GetProperty("id").GetString();

        // By id, by name and by address, however they are written.
        foreach (var word in (string[])[cluster.Text("id"), "frontier", "FRONTIER", "login.frontier.example.test", "Login.Frontier.Example.TEST"])
        {
            var issued = await _server.PostAsync(Path, session, new { publicKey = line, cluster = word });
            Assert.True(issued.Status == 201, issued.ToString());
            Assert.Equal((cluster.Text("id"), "Frontier", "login.frontier.example.test", owner.UserName, sessionId, "default", SshTestKeys.FingerprintOf(line)),
                (issued.Text("clusterId"), issued.Text("clusterName"), issued.Text("clusterAddress"), issued.Text("account"), issued.Text("sessionId"), issued.Text("expiresBecause"), issued.Text("fingerprint")));
            Assert.True(SshCertificate.TryRead(issued.Text("certificate"), out var certificate));
            Assert.Equal((issued.Text("serial"), $"{owner.UserName} {sessionId}", issued.Json.Time("expiresAt"), SshTestKeys.FingerprintOf(line)),
                ($"{certificate.Serial}", certificate.KeyId, certificate.ValidBefore, certificate.Key.Fingerprint));
            Assert.Equal([$"{owner.UserName}@{cluster.Text("id")}"], certificate.Principals);
            Assert.Equal(_server.Now.AddMinutes(-5), certificate.ValidAfter, TimeSpan.FromSeconds(1));
            Assert.Equal($"{Path}/{issued.Text("id")}", issued.Response.Headers.Location?.OriginalString);
        }

        var list = await _server.GetAsync(Path, session);
        Assert.Equal(5, list.Items());
        Assert.DoesNotContain("certificate\"", list.Body, StringComparison.Ordinal);
        var told = await _server.QueryAsync(database => database.AuditEvents.Where(e => e.OrganizationId == organization.Id && e.Type == AuditTypes.SshCertificateIssued).ToListAsync());
        Assert.Equal(5, told.Count);
        // In whichever order: of those that were issued in one moment none is the newest.
        foreach (var item in list.Json.GetProperty("items").EnumerateArray())
        {
            var audit = Assert.Single(told, e => e.Detail!.Contains($"serial {item.GetProperty("serial").GetString()}, session {sessionId}, {SshTestKeys.FingerprintOf(line)}, until ", StringComparison.Ordinal));
            Assert.Equal((owner.Id, Guid.Parse(sessionId!)), (audit.ActorId, audit.ActorCredentialId));
            // Who somebody is goes with them.
            Assert.DoesNotContain(owner.UserName!, audit.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task No_key_token_or_application_becomes_a_login()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        string[] scopes = ["platform", "credentials:read", "credentials:write", "organization:read", "organization:write"];
        var key = (await _server.CreateApiKeyAsync(session, "all", new { name = "all", scopes })).Key;
        var exchanged = await _server.PostFormAsync("/connect/token",
            [("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("client_id", TestServer.Cli), ("subject_token", session), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")]);
        Assert.Equal(200, exchanged.Status);
        await _server.RegisterApplicationAsync("portal", "portal-secret");
        await _server.CreateUserAsync("connected", Role.Owner, owner.OrganizationId);
        var application = await _server.ConnectAsync(await _server.SignInAsync(username: "connected", password: TestServer.UserPassword), "portal", "portal-secret", "openid offline_access platform credentials:read");
        var weak = new Dictionary<string, string>
        {
            ["API key"] = key,
            ["generated token"] = (await _server.PostAsync("/api/v1/tokens", session, new { scopes })).Text("token"),
            ["exchanged session"] = exchanged.Text("access_token"),
            ["application"] = application.Text("access_token"),
        };
        foreach (var (what, credential) in weak)
        {
            var answer = await _server.PostAsync(Path, credential, Body(cluster));
            Assert.True(answer is { Status: 403, Error: "session_required" }, $"{what}: {answer}");
        }

        (await _server.PostAsync(Path, cluster.Text("key"), Body(cluster))).AssertProblem(403, "insufficient_scope");
        (await _server.PostAsync(Path, await _server.GrantAsync(owner.Id, "credentials:read credentials:write"), Body(cluster))).AssertProblem(403, "insufficient_scope");
        (await _server.PostAsync(Path, null, Body(cluster))).AssertProblem(401);
        Assert.Equal(0, (await _server.GetAsync(Path, session)).Items());
        // A plain sign-in is enough: it is of a person, and the certificate ends with it.
        Assert.Equal(201, (await _server.PostAsync(Path, await _server.GrantAsync(owner.Id, "platform credentials:read"), Body(cluster))).Status);
    }

    [Fact]
    public async Task Only_who_may_log_in_gets_one_and_for_no_account_but_their_own()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (member, theirs) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var cluster = await ClusterAsync(session);
        var item = $"{Clusters}/{cluster.Text("id")}";
        Assert.Equal(member.UserName, (await _server.PostAsync(Path, theirs, Body(cluster))).Text("account"));

        await _server.PatchAsync(item, session, new { access = new { mode = "roles", roles = new[] { "owner" } } });
        (await _server.PostAsync(Path, theirs, Body(cluster))).AssertProblem(403, "cluster_not_allowed", "cluster");
        await _server.PatchAsync(item, session, new { access = new { mode = "users", usernames = new[] { member.UserName } } });
        (await _server.PostAsync(Path, session, Body(cluster))).AssertProblem(403, "cluster_not_allowed", "cluster");
        Assert.Equal(201, (await _server.PostAsync(Path, theirs, Body(cluster))).Status);

        await _server.PatchAsync(item, session, new { access = new { mode = "everyone" } });
        await MapAsync(new() { [member.UserName!] = owner.UserName!, [owner.UserName!] = "x1" });
        Assert.Equal(owner.UserName, (await _server.PostAsync(Path, theirs, Body(cluster))).Text("account"));
        Assert.Equal("x1", (await _server.PostAsync(Path, session, Body(cluster))).Text("account"));
        // Somebody who came later and is called like an account that was given away.
        var late = await _server.AddUserAsync(username: "x1", organizationId: organization.Id);
        (await _server.PostAsync(Path, await _server.GrantAsync(late.Id), Body(cluster))).AssertProblem(403, "cluster_account_missing", "cluster");

        async Task MapAsync(Dictionary<string, string> accounts) => Assert.Equal(200, (await _server.ApiAsync(HttpMethod.Put, $"{item}/accounts", session, accounts)).Status);
    }

    [Fact]
    public async Task What_names_no_cluster_or_several_and_what_is_no_key_is_refused()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var (_, _, stranger) = await _server.AddOrganizationAsync();
        var foreign = await ClusterAsync(stranger, "Theirs", "theirs.example.test");
        var first = await ClusterAsync(session, "one", "shared.example.test");
        await ClusterAsync(session, "two", "SHARED.example.test");
        // A name counts before an address.
        var named = await ClusterAsync(session, "elsewhere.example.test", "three.example.test");
        await ClusterAsync(session, "four", "elsewhere.example.test");
        Assert.Equal(named.Text("id"), (await _server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = "elsewhere.example.test" })).Text("clusterId"));

        (await _server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = "shared.example.test" })).AssertProblem(400, "cluster_ambiguous", "cluster");
        foreach (var word in (string[])["", " ", "nowhere", foreign.Text("id"), "Theirs", "theirs.example.test", new string('x', 300), "'; DROP TABLE", "\u0000", Guid.NewGuid().ToString()])
            (await _server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = word })).AssertProblem(400, "cluster_unknown", "cluster");
        foreach (var (key, code) in new[] { ("", "public_key_required"), ("ssh-ed25519 AAAA", "ssh_key_malformed"), (SshTestKeys.Rsa(1024), "ssh_key_too_weak"), ("-----BEGIN OPENSSH PRIVATE KEY-----", "ssh_private_key") })
            (await _server.PostAsync(Path, session, new { publicKey = key, cluster = first.Text("id") })).AssertProblem(400, code, "publicKey");
        (await _server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = first.Text("id"), expiresInHours = 25 })).AssertProblem(403, "expiration_beyond_maximum", "expiresInHours");
        (await _server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = first.Text("id"), expiresInHours = (int?)null })).AssertProblem(400, "expiration_invalid", "expiresInHours");
    }

    [Fact]
    [Trait("Case", "S15")]
    public async Task A_cluster_that_asks_hears_at_once_when_a_certificate_counts_no_more()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (cluster, other) = (await ClusterAsync(session), await ClusterAsync(session));
        var (_, _, stranger) = await _server.AddOrganizationAsync();
        var foreign = await ClusterAsync(stranger);
        var (member, theirs) = await _server.AddPersonAsync(Role.Member, organization.Id);
        var item = $"{Clusters}/{cluster.Text("id")}";
        var issued = await IssueAsync(theirs);
        await CountsAsync(issued, true);

        // On this cluster and for this account only; a serial alone says nothing to anybody else.
        foreach (var (key, account) in new[] { (other.Text("key"), member.UserName!), (foreign.Text("key"), member.UserName!), (cluster.Text("key"), "somebody") })
            Assert.Equal("[]", (await AskAsync(key, account, issued.Text("serial"))).Json.GetProperty("principals").GetRawText());
        Assert.Equal("[]", (await AskAsync(cluster.Text("key"), member.UserName!, "1")).Json.GetProperty("principals").GetRawText());

        await _server.SetDisabledAsync(member.UserName!);
        await CountsAsync(issued, false);
        await _server.SetDisabledAsync(member.UserName!, false);
        await CountsAsync(issued, true);
        await _server.PatchAsync(item, session, new { access = new { mode = "roles", roles = new[] { "owner" } } });
        await CountsAsync(issued, false);
        await _server.PatchAsync(item, session, new { access = new { mode = "everyone" } });
        await CountsAsync(issued, true);
        await _server.ApiAsync(HttpMethod.Put, $"{item}/accounts", session, new Dictionary<string, string> { [member.UserName!] = "x7" });
        await CountsAsync(issued, false);
        await _server.ApiAsync(HttpMethod.Put, $"{item}/accounts", session, new Dictionary<string, string>());
        await CountsAsync(issued, true);

        // Ended by its owner, and by a cut of the session, before any row is rewritten.
        Assert.Equal(204, (await _server.DeleteAsync($"{Path}/{issued.Text("id")}", theirs)).Status);
        await CountsAsync(issued, false);
        (await _server.DeleteAsync($"{Path}/{issued.Text("id")}", theirs)).AssertProblem(404, "not_found");
        var second = await IssueAsync(theirs);
        await _server.QueryAsync(database => database.TokenGrants.Where(g => g.OwnerId == member.Id).ExecuteUpdateAsync(row => row.SetProperty(g => g.CreatedAt, _server.Now.AddHours(-2))));
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { tokens = new { maximumHours = 1 } }, "shorten")).Status);
        await CountsAsync(second, false);

        // With its session, in whichever way that goes, and with its time.
        var fresh = await _server.GrantAsync(member.Id, hours: 1);
        var third = await IssueAsync(fresh);
        await CountsAsync(third, true);
        Assert.Equal(204, (await _server.DeleteAsync($"/api/v1/sessions/{third.Text("sessionId")}", fresh)).Status);
        await CountsAsync(third, false);
        var fourth = await IssueAsync(await _server.GrantAsync(member.Id, hours: 1));
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        await CountsAsync(fourth, false);
        var fifth = await IssueAsync(await _server.GrantAsync(member.Id, hours: 1));
        await CountsAsync(fifth, true);
        await _server.QueryAsync(database => database.Users.Where(u => u.Id == member.Id).ExecuteDeleteAsync());
        await CountsAsync(fifth, false);
        _server.Clock!.Advance(TimeSpan.FromHours(2));
        await _server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await _server.QueryAsync(database => database.SshCertificates.CountAsync(c => c.ClusterId == Guid.Parse(cluster.Text("id")))));

        async Task<Answer> IssueAsync(string credential)
        {
            var answer = await _server.PostAsync(Path, credential, Body(cluster));
            Assert.True(answer.Status == 201, answer.ToString());
            return answer;
        }

        async Task CountsAsync(Answer certificate, bool counts)
        {
            var answer = await AskAsync(cluster.Text("key"), member.UserName!, certificate.Text("serial"));
            Assert.Equal((200, member.UserName, counts ? $"[\"{member.UserName}@{cluster.Text("id")}\"]" : "[]"), (answer.Status, answer.Text("account"), answer.Json.GetProperty("principals").GetRawText()));
        }
    }

    [Fact]
    public async Task Only_a_cluster_asks_and_with_a_serial()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var key = (await ClusterAsync(session)).Text("key");
        (await AskAsync(session, "ada", "1")).AssertProblem(403, "insufficient_scope");
        (await AskAsync(await _server.GrantAsync(owner.Id, "authorized-keys:read"), "ada", "1")).AssertProblem(403, "clusters_only");
        foreach (var wrong in (string[])["", "0", "-1", "x", "1.0", "+1", "%201", "9223372036854775808", "18446744073709551615"])
            (await AskAsync(key, "ada", wrong)).AssertProblem(400, "serial_invalid", "serial");
        (await _server.GetAsync("/api/v1/authorized-principals/ada", key)).AssertProblem(400, "serial_invalid", "serial");
    }

    [Fact]
    public async Task A_key_that_a_policy_ended_does_not_live_on_in_a_certificate()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        var line = SshTestKeys.Ed25519();
        Assert.Equal(200, (await _server.SetPolicyAsync(session, new { sshKeys = new { maximumDays = 1, defaultDays = 1 } })).Status);
        Assert.Equal(201, (await _server.PostAsync("/api/v1/ssh-keys", session, new { name = "laptop", publicKey = line })).Status);
        _server.Clock!.Advance(TimeSpan.FromHours(20));
        var person = await _server.QueryAsync(database => database.SshKeys.Where(k => k.PublicKey == line).Select(k => k.OwnerId).SingleAsync());
        var fresh = await _server.GrantAsync(person);
        var issued = await _server.PostAsync(Path, fresh, new { publicKey = line, cluster = cluster.Text("id") });
        Assert.Equal(("policy", 4), (issued.Text("expiresBecause"), (int)Math.Round((issued.Json.Time("expiresAt")!.Value - _server.Now).TotalHours)));
        _server.Clock!.Advance(TimeSpan.FromHours(4));
        (await _server.PostAsync(Path, fresh, new { publicKey = line, cluster = cluster.Text("id") })).AssertProblem(403, "ssh_key_ended_by_policy", "publicKey");
        Assert.Equal(201, (await _server.PostAsync(Path, fresh, new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id") })).Status);
    }

    [Fact]
    public async Task There_is_an_end_to_how_many_one_person_has()
    {
        var (_, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        var grant = Guid.Parse((await _server.PostAsync(Path, session, Body(cluster))).Text("sessionId"));
        await _server.QueryAsync(async database =>
        {
            for (var i = 1; i < 199; i++)
                database.SshCertificates.Add(new() { Id = Guid.CreateVersion7(), Serial = Random.Shared.NextInt64(1, long.MaxValue), GrantId = grant, ClusterId = Guid.Empty, Account = "a", Fingerprint = new byte[32], CreatedAt = _server.Now, ExpiresAt = _server.Now.AddHours(1), ExpiresBecause = ExpiresBecause.Default });
            return await database.SaveChangesAsync();
        });
        // At the same moment, one of four finds room.
        var answers = await TogetherAsync(4, _ => _server.PostAsync(Path, session, Body(cluster)));
        Assert.Equal([201, 409, 409, 409], answers.Select(answer => answer.Status).Order());
        Assert.Equal("too_many_ssh_certificates", answers.First(answer => answer.Status == 409).Error);
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        Assert.Equal(201, (await _server.PostAsync(Path, session, Body(cluster))).Status);
        Assert.NotNull(owner);
    }

    private static object Body(Answer cluster) => new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id") };

    private Task<Answer> AskAsync(string? key, string account, string serial) => _server.GetAsync($"/api/v1/authorized-principals/{account}?serial={serial}", key);

    private async Task<Answer> ClusterAsync(string session, string? name = null, string address = "login.example.test")
    {
        var answer = await _server.PostAsync(Clusters, session, new { name = name ?? $"c{Guid.NewGuid():N}"[..12], address });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer;
    }
}
