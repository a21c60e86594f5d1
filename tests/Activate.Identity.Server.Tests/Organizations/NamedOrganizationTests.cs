using System.Net.Http;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Connect;

namespace Activate.Identity.Server.Tests.Organizations;

/// <summary>Which organization a request is about, its credential says and nothing else: no path, query, header or member of the body names one.</summary>
public sealed class NamedOrganizationTests(SharedServer shared) : IClassFixture<SharedServer>
{
    [Theory, Trait("Case", "O2")]
    [InlineData("/api/v1/organization")]
    [InlineData("/api/v1/organization/members")]
    [InlineData("/api/v1/organization/credentials")]
    [InlineData("/api/v1/organization/applications")]
    public async Task A_query_or_a_header_that_names_another_organization_changes_nothing(string path)
    {
        var (other, otherOwner, _) = await shared.Server.AddOrganizationAsync();
        var (own, owner, session) = await shared.Server.AddOrganizationAsync();
        var usual = await shared.Server.GetAsync(path, session);
        foreach (var parameter in (string[])["org", "organization", "organizationId", "organization_id", "tenant"])
        {
            foreach (var value in (string[])[other.Id.ToString(), other.Slug])
            {
                var answer = await shared.Server.GetAsync($"{path}?{parameter}={value}", session);
                // What a list does not know it may refuse.
                Assert.True(answer.Status == 400 || answer.Body == usual.Body, $"?{parameter}={value}: {answer}");
                using var client = shared.Server.Client();
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.Authorization = new("Bearer", session);
                foreach (var header in (string[])["X-Org", "X-Organization", "X-Organization-Id", "X-Tenant", "Activate-Organization"])
                    request.Headers.Add(header, value);
                using var headed = await client.SendAsync(request);
                Assert.Equal(usual.Body, await headed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            }
        }

        Assert.NotEqual((own.Id, owner.Id), (other.Id, otherOwner.Id));
    }

    [Fact, Trait("Case", "O2")]
    public async Task A_body_that_names_another_organization_reaches_nothing_of_it()
    {
        var (other, _, otherSession) = await shared.Server.AddOrganizationAsync();
        var (_, _, session) = await shared.Server.AddOrganizationAsync();
        var before = (await shared.Server.GetAsync("/api/v1/organization", otherSession)).Body;
        foreach (var member in (string[])["id", "organizationId", "organization", "slug"])
        {
            var body = new Dictionary<string, object> { ["name"] = "Taken over", [member] = member == "slug" ? other.Slug : other.Id };
            Assert.InRange((await shared.Server.ApiAsync(HttpMethod.Patch, "/api/v1/organization", session, body)).Status, 200, 400);
            var invitation = new Dictionary<string, object>(body) { ["username"] = shared.NewName("m"), ["email"] = $"{shared.NewName("m")}@example.test", ["role"] = "owner" };
            Assert.InRange((await shared.Server.ApiAsync(HttpMethod.Post, "/api/v1/organization/members", session, invitation)).Status, 201, 400);
        }

        Assert.Equal(before, (await shared.Server.GetAsync("/api/v1/organization", otherSession)).Body);
        Assert.Single((await shared.Server.GetAsync("/api/v1/organization/members", otherSession)).Json.GetProperty("items").EnumerateArray());
    }
}
