using System.Net.Http;
using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.SshCertificates;

/// <summary>Two nodes behave like one, on both databases that run here.</summary>
public sealed class SshCertificatesNodesTests
{
    private const string Path = "/api/v1/ssh-certificates";

    [Theory]
    [Trait("Case", "S15")]
    [Trait("Case", "C9")]
    [EachDatabase]
    public async Task What_one_node_issues_and_ends_the_other_answers_at_once_and_both_make_one_authority(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var (organization, owner, session) = await server.AddOrganizationAsync();
        var cluster = await server.PostAsync("/api/v1/organization/clusters", session, new { name = "cluster", address = "login.example.test" });
        // The first certificates of an organization, all at once: one authority signed them, whichever node was asked.
        var issued = await TogetherAsync(6, i => server.PostAsync(Path, session, new { publicKey = SshTestKeys.Ed25519(), cluster = "cluster" }, node: i % 2));
        Assert.All(issued, answer => Assert.True(answer.Status == 201, answer.ToString()));
        Assert.Equal(1, await server.QueryAsync(database => database.SshCertificateAuthorities.CountAsync(authority => authority.OrganizationId == organization.Id)));
        Assert.Equal(6, issued.Select(answer => answer.Text("serial")).Distinct().Count());
        foreach (var (answer, i) in issued.Select((answer, i) => (answer, i)))
            Assert.Equal(1, await CountAsync(answer, 1 - (i % 2)));

        // What a text may hold, a database may refuse: here nothing of it comes that far.
        foreach (var word in (string[])["\u0000", "a\u0000b", "\uD800"])
            (await server.SendTextAsync(HttpMethod.Post, Path, session, System.Text.Json.JsonSerializer.Serialize(new { publicKey = SshTestKeys.Ed25519(), cluster = word }))).AssertProblem(400);

        Assert.Equal(204, (await server.DeleteAsync($"{Path}/{issued[0].Text("id")}", session, node: 1)).Status);
        Assert.Equal((0, 1), (await CountAsync(issued[0], 0), await CountAsync(issued[1], 0)));
        Assert.Equal(204, (await server.DeleteAsync($"/api/v1/sessions/{issued[1].Text("sessionId")}", session, node: 1)).Status);
        foreach (var answer in issued)
            Assert.Equal((0, 0), (await CountAsync(answer, 0), await CountAsync(answer, 1)));
        Assert.Equal(0, await server.QueryAsync(database => database.SshCertificates.CountAsync()));

        async Task<int> CountAsync(Answer certificate, int node) =>
            (await server.GetAsync($"/api/v1/authorized-principals/{owner.UserName}?serial={certificate.Text("serial")}", cluster.Text("key"), node)).Json.GetProperty("principals").GetArrayLength();
    }
}
