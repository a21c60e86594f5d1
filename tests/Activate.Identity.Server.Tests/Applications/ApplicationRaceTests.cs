using Activate.Identity.Data;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using static Activate.Identity.Server.Tests.ApiKeys.ApiCalls;

namespace Activate.Identity.Server.Tests.Applications;

/// <summary>Two nodes, one database, the same moment.</summary>
public class ApplicationRaceTests
{
    [Theory]
    [EachDatabase]
    public async Task Names_secrets_and_changes_are_given_once(DatabaseProvider database)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = database, Nodes = 2 });
        var session = await server.GrantAsync((await server.AddUserAsync(Core.Organizations.Role.Owner, isOperator: true)).Id);
        foreach (var path in (string[])["/api/v1/organization/applications", "/api/v1/applications"])
        {
            var made = await TogetherAsync(8, i => server.PostAsync(path, session, new { name = "Api", type = "resourceServer", resources = new[] { "https://api.example.test" } }, node: i % 2));
            var created = Assert.Single(made, answer => answer.Status == 201);
            Assert.All(made.Where(answer => answer != created), answer => answer.AssertProblem(409, "name_taken", "name"));
            var id = created.Text("id");

            var rotated = await TogetherAsync(6, i => server.PostAsync($"{path}/{id}/secret", session, node: i % 2));
            var rotation = Assert.Single(rotated, answer => answer.Status == 200);
            Assert.All(rotated.Where(answer => answer != rotation), answer => answer.AssertProblem(409, "rotation_pending"));
            for (var node = 0; node < 2; node++)
            {
                foreach (var secret in (string[])[created.Text("clientSecret"), rotation.Text("clientSecret")])
                    Assert.Equal(200, (await server.IntrospectAsync(id, secret, "x", node)).Status);
            }

            // Changes at the same moment lose none of each other, and a deletion ends them all.
            var changed = await TogetherAsync(4, i => i % 2 == 0
                ? server.PatchAsync($"{path}/{id}", session, new { publisher = "Example" })
                : server.PatchAsync($"{path}/{id}", session, new { logoUri = "https://app.example.test/logo.png" }));
            Assert.All(changed, answer => Assert.Equal(200, answer.Status));
            var now = await server.GetAsync($"{path}/{id}", session, node: 1);
            Assert.Equal(("Example", "https://app.example.test/logo.png"), (now.Text("publisher"), now.Text("logoUri")));
            var ended = await TogetherAsync(4, i => server.DeleteAsync($"{path}/{id}", session, node: i % 2));
            Assert.Equal([204, 404, 404, 404], ended.Select(answer => answer.Status).Order());
            Assert.Equal(1, await server.QueryAsync(db => db.AuditEvents.CountAsync(e => e.Type == "application.deleted" && e.SubjectId == Guid.Parse(id))));
        }
    }
}
