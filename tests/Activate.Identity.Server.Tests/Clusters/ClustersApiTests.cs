using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Clusters;

public class ClustersApiTests(ClockedServer fixture) : IClassFixture<ClockedServer>
{
    private const string Path = "/api/v1/organization/clusters";
    private readonly TestServer _server = fixture.Server;

    [Fact]
    public async Task A_cluster_is_registered_with_a_key_shown_once_and_deleted_with_it()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var created = await _server.PostAsync(Path, session, new { name = "Frontier", address = "login.frontier.example.test", access = new { mode = "everyone" } });
        Assert.Equal(201, created.Status);
        var item = $"{Path}/{created.Text("id")}";
        Assert.Equal(item, created.Response.Headers.Location?.OriginalString);
        Assert.False((await _server.GetAsync(item, session)).Has("key"));
        Assert.DoesNotContain(created.Text("key"), (await _server.GetAsync(Path, session)).Body, StringComparison.Ordinal);
        Assert.Equal(200, (await _server.GetAsync("/api/v1/me", created.Text("key"))).Status);
        (await _server.PostAsync(Path, session, new { name = "FRONTIER", address = "x.example.test" })).AssertProblem(409, "name_taken", "name");
        Assert.Equal(1, await _server.QueryAsync(database => database.Users.CountAsync(u => u.OrganizationId == organization.Id && u.Kind == Data.Accounts.UserKind.ServiceAccount)));

        var (_, _, stranger) = await _server.AddOrganizationAsync();
        (await _server.GetAsync(item, stranger)).AssertProblem(404, "not_found");
        (await _server.DeleteAsync(item, stranger)).AssertProblem(404, "not_found");
        Assert.Equal(204, (await _server.DeleteAsync(item, session)).Status);
        (await _server.GetAsync("/api/v1/me", created.Text("key"))).AssertProblem(401);
        Assert.Equal(0, await _server.QueryAsync(database => database.Users.CountAsync(u => u.OrganizationId == organization.Id && u.Kind == Data.Accounts.UserKind.ServiceAccount)));
    }

    [Theory]
    [InlineData("", "name_required", "name")]
    [InlineData("ok", "address_invalid", "address", "")]
    [InlineData("ok", "address_invalid", "address", "host:22")]
    [InlineData("ok", "address_invalid", "address", "https://host/")]
    [InlineData("ok", "address_invalid", "address", "two words")]
    [InlineData("ok", "address_invalid", "address", "::1%$(id)")]
    [InlineData("ok", "address_invalid", "address", "::1%\0x")]
    public async Task What_is_no_name_or_address_is_refused(string name, string code, string field, string address = "host")
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        (await _server.PostAsync(Path, session, new { name, address })).AssertProblem(400, code, field);
        (await _server.PostAsync(Path, session, new { name = "ok", address = "10.0.0.7", access = new { mode = "roles" } })).AssertProblem(400, "access_unavailable", "access.mode");
    }

    [Fact]
    public async Task Only_an_administrator_who_signed_in_registers_and_deletes_clusters()
    {
        var (organization, _, session) = await _server.AddOrganizationAsync();
        var (_, member) = await _server.AddPersonAsync(Role.Member, organization.Id);
        (await _server.PostAsync(Path, member, new { name = "c", address = "c.example.test" })).AssertProblem(403, "insufficient_scope");
        var key = (await _server.CreateApiKeyAsync(session, "robot", new { name = "robot", scopes = new[] { "organization:read", "organization:write" } })).Key;
        (await _server.PostAsync(Path, key, new { name = "c", address = "c.example.test" })).AssertProblem(403, "interactive_sign_in_required");
        var id = (await _server.PostAsync(Path, session, new { name = "c", address = "c.example.test" })).Text("id");
        (await _server.DeleteAsync($"{Path}/{id}", key)).AssertProblem(403, "interactive_sign_in_required");
        Assert.Equal(1, (await _server.GetAsync(Path, member)).Items());
    }

    [Fact]
    public async Task The_key_of_a_cluster_lives_as_long_as_the_policy_allows()
    {
        var (_, _, session) = await _server.AddOrganizationAsync();
        Assert.Null(await EndAsync("free"));
        await _server.SetPolicyAsync(session, new { apiKeys = new { maximumDays = 90 } });
        Assert.Equal(90, await EndAsync("bound"));
        await _server.SetPolicyAsync(session, new { apiKeys = new { userChoice = false, maximumDays = 90, defaultDays = 14 } });
        Assert.Equal(14, await EndAsync("given"));

        async Task<double?> EndAsync(string name)
        {
            var key = (await _server.PostAsync(Path, session, new { name, address = "c.example.test" })).Text("key");
            var end = (await _server.GetAsync("/api/v1/me", key)).Json.GetProperty("credential").Time("expiresAt");
            return end is { } at ? Math.Round((at - _server.Now).TotalDays) : null;
        }
    }
}
