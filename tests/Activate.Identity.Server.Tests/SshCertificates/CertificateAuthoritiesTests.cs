using System.Text.Json;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.SshCertificates;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshCertificates;

public sealed class CertificateAuthoritiesTests(CertificateAuthoritiesTests.Fixture fixture) : IClassFixture<CertificateAuthoritiesTests.Fixture>
{
    private const string Path = "/api/v1/organization/ssh-certificate-authorities";
    private const string Trusted = "/api/v1/ssh-certificate-authorities";
    private readonly TestServer _server = fixture.Server;

    public sealed class Fixture : ServerFixture
    {
        protected override TestServerOptions Options => new() { Nodes = 2, FakeClock = true };
    }

    [Fact]
    public async Task The_first_one_is_made_when_it_is_needed_and_once_however_many_ask_on_however_many_nodes()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        Assert.Equal(0, await CountAsync(organization.Id));
        var answers = await TogetherAsync(8, i => _server.GetAsync(Trusted, cluster.Text("key"), i % 2));
        Assert.All(answers, answer => Assert.Equal((200, answers[0].Body), (answer.Status, answer.Body)));
        Assert.Equal("text/plain", answers[0].Response.Content.Headers.ContentType?.MediaType);
        Assert.True(TrustedAuthorities.TryRead(answers[0].Body, out var trusted));
        Assert.Equal(Guid.Parse(cluster.Text("id")), trusted.ClusterId);
        var item = Assert.Single((await ListAsync(session)));
        Assert.Equal((1, "current", trusted.PublicKeys.Single(), JsonValueKind.Null),
            (item.GetProperty("generation").GetInt32(), item.GetProperty("state").GetString(), item.GetProperty("publicKey").GetString(), item.GetProperty("retiresAt").ValueKind));
        Assert.Equal(1, await CountAsync(organization.Id));
        Assert.Equal(1, await _server.QueryAsync(database => database.AuditEvents.CountAsync(e => e.OrganizationId == organization.Id && e.Type == AuditTypes.SshCertificateAuthorityMade && e.ActorId == null)));

        // Each organization has its own, and the private half is nowhere to be seen.
        var (_, _, stranger) = await _server.AddOrganizationAsync();
        Assert.NotEqual(item.GetProperty("publicKey").GetString(), (await ListAsync(stranger))[0].GetProperty("publicKey").GetString());
        Assert.DoesNotContain("protected", (await _server.GetAsync(Path, session)).Body, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_new_one_is_trusted_before_it_signs_and_the_old_one_until_its_last_certificate_has_ended()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var cluster = await ClusterAsync(session);
        var first = (await ListAsync(session))[0].GetProperty("publicKey").GetString()!;
        var rotated = await _server.PostAsync($"{Path}/rotate", session);
        Assert.Equal((200, "upcoming", 2), (rotated.Status, rotated.Text("state"), rotated.Json.GetProperty("generation").GetInt32()));
        Assert.Equal(TimeSpan.FromHours(1), rotated.Json.Time("signsFrom") - rotated.Json.Time("createdAt"));
        var second = rotated.Text("publicKey");
        Assert.Equal([second, first], await TrustedAsync(cluster));
        Assert.Equal(first, await SignerAsync(session, cluster));
        var audit = await _server.QueryAsync(database => database.AuditEvents.SingleAsync(e => e.OrganizationId == organization.Id && e.Type == AuditTypes.SshCertificateAuthorityMade && e.ActorId == owner.Id));
        Assert.Contains($"generation 2, {rotated.Text("fingerprint")}, signs from", audit.Detail, StringComparison.Ordinal);
        Assert.EndsWith("on command", audit.Detail, StringComparison.Ordinal);

        _server.Clock!.Advance(TimeSpan.FromHours(1));
        Assert.Equal(second, await SignerAsync(session, cluster));
        Assert.Equal(["current", "retiring"], (await ListAsync(session)).Select(item => item.GetProperty("state").GetString()));
        _server.Clock!.Advance(TimeSpan.FromHours(24) + TimeSpan.FromMinutes(9));
        Assert.Equal([second, first], await TrustedAsync(cluster));
        _server.Clock!.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([second], await TrustedAsync(cluster));

        // Rows go when no node's clock can want them any more; and after a year the next one is made, once.
        _server.Clock!.Advance(TimeSpan.FromHours(1));
        await RenewAsync();
        Assert.Equal(1, await CountAsync(organization.Id));
        // A year of the clock would be a million ticks of every loop on both nodes.
        await _server.QueryAsync(database => database.SshCertificateAuthorities.Where(a => a.OrganizationId == organization.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.CreatedAt, _server.Now.AddDays(-365))));
        await Task.WhenAll(RenewAsync(), RenewAsync(1));
        var fresh = await _server.GrantAsync(owner.Id);
        Assert.Equal(["upcoming", "current"], (await ListAsync(fresh)).Select(item => item.GetProperty("state").GetString()));
        Assert.Equal(3, (await ListAsync(fresh))[0].GetProperty("generation").GetInt32());
    }

    [Fact]
    public async Task Several_at_once_make_one_each_and_there_is_an_end_to_it()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        Assert.Single(await ListAsync(session));
        var answers = await TogetherAsync(10, i => _server.PostAsync($"{Path}/rotate", session, node: i % 2));
        Assert.Equal(7, answers.Count(answer => answer.Status == 200));
        Assert.Equal([.. Enumerable.Range(2, 7)], answers.Where(answer => answer.Status == 200).Select(answer => answer.Json.GetProperty("generation").GetInt32()).Order());
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertProblem(429, "too_many_certificate_authorities"));
        Assert.Equal(8, (await ListAsync(session)).Count);
    }

    [Fact]
    public async Task Members_see_them_administrators_rotate_them_and_only_clusters_get_the_file()
    {
        var (organization, owner, session) = await _server.AddOrganizationAsync();
        var (_, member) = await _server.AddPersonAsync(Role.Member, organization.Id);
        Assert.Equal(200, (await _server.GetAsync(Path, member)).Status);
        (await _server.PostAsync($"{Path}/rotate", member)).AssertProblem(403, "insufficient_scope");
        (await _server.GetAsync(Path, await _server.GrantAsync(owner.Id, "platform"))).AssertProblem(403, "insufficient_scope");
        (await _server.GetAsync(Trusted, session)).AssertProblem(403, "insufficient_scope");
        (await _server.GetAsync(Trusted, await _server.GrantAsync(owner.Id, "authorized-keys:read"))).AssertProblem(403, "clusters_only");
        (await _server.GetAsync(Trusted, null)).AssertProblem(401);
    }

    /// <summary>A row that somebody copied to another organization, to sign for it.</summary>
    [Fact]
    public async Task A_key_that_was_moved_to_another_organization_signs_nothing_there()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (attacked, _, victim) = await _server.AddOrganizationAsync();
        await ListAsync(session);
        await ListAsync(victim);
        var stolen = await _server.QueryAsync(database => database.SshCertificateAuthorities.Where(a => a.OrganizationId == organization.Id).Select(a => a.Protected).SingleAsync());
        await _server.QueryAsync(database => database.SshCertificateAuthorities.Where(a => a.OrganizationId == attacked.Id).ExecuteUpdateAsync(set => set.SetProperty(a => a.Protected, stolen)));
        var cluster = await ClusterAsync(victim);
        Assert.Equal(500, (await _server.PostAsync("/api/v1/ssh-certificates", victim, new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id") })).Status);
        Assert.Equal(0, (await _server.GetAsync("/api/v1/ssh-certificates", victim)).Items());
    }

    private Task<int> CountAsync(Guid organizationId) => _server.QueryAsync(database => database.SshCertificateAuthorities.CountAsync(a => a.OrganizationId == organizationId));

    private Task RenewAsync(int node = 0) => _server.Services(node).GetRequiredService<CertificateAuthorityRotation>().RenewAsync(TestContext.Current.CancellationToken);

    private async Task<List<JsonElement>> ListAsync(string session)
    {
        var answer = await _server.GetAsync(Path, session);
        Assert.True(answer.Status == 200, answer.ToString());
        return [.. answer.Json.GetProperty("items").EnumerateArray()];
    }

    private async Task<IReadOnlyList<string>> TrustedAsync(Answer cluster)
    {
        Assert.True(TrustedAuthorities.TryRead((await _server.GetAsync(Trusted, cluster.Text("key"), 1)).Body, out var trusted));
        return trusted.PublicKeys;
    }

    /// <summary>Which authority a certificate names.</summary>
    private async Task<string> SignerAsync(string session, Answer cluster)
    {
        var issued = await _server.PostAsync("/api/v1/ssh-certificates", session, new { publicKey = SshTestKeys.Ed25519(), cluster = cluster.Text("id"), expiresInHours = 1 });
        Assert.True(issued.Status == 201, issued.ToString());
        var blob = Convert.FromBase64String(issued.Text("certificate").Split(' ')[1]);
        return (await TrustedAsync(cluster)).Single(key => blob.AsSpan().IndexOf(Convert.FromBase64String(key.Split(' ')[1])) >= 0);
    }

    private async Task<Answer> ClusterAsync(string session)
    {
        var answer = await _server.PostAsync("/api/v1/organization/clusters", session, new { name = $"c{Guid.NewGuid():N}"[..12], address = "login.example.test" });
        Assert.True(answer.Status == 201, answer.ToString());
        return answer;
    }
}
