using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Accounts;

[Trait("Database", "Differs")]
public sealed class UserRegistryTests
{
    [Theory, Trait("Case", "R7")]
    [EachDatabase]
    public async Task Of_20_equal_users_one_is_made(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Nodes = 2, Database = provider });
        var organization = await server.QueryAsync(database => database.Organizations.Select(o => o.Id).SingleAsync());

        var names = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => CreateAsync(server, i % 2, organization, "grace", $"grace{i}@example.test")));
        Assert.Single(names, problem => problem is null);
        Assert.Equal(19, names.Count(problem => problem is { Kind: ProblemKind.Conflict, Code: "name_taken", Field: "username" }));

        var emails = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => CreateAsync(server, i % 2, organization, $"hopper{i}", i % 2 == 0 ? "hopper@example.test" : "HOPPER@Example.test")));
        Assert.Single(emails, problem => problem is null);
        Assert.Equal(19, emails.Count(problem => problem is { Kind: ProblemKind.Conflict, Code: "email_taken", Field: "email" }));

        // Another organization learns nothing of that address.
        var other = await server.CreateOrganizationAsync("other");
        Assert.Null(await CreateAsync(server, 0, other.Id, "elsewhere", "hopper@example.test"));
        // Service accounts have no address, and none collides with none.
        await server.CreateUserAsync("robot1", kind: UserKind.ServiceAccount);
        await server.CreateUserAsync("robot2", kind: UserKind.ServiceAccount);
    }

    [Theory, Trait("Case", "B4")]
    [InlineData("Grace", "username_invalid")]
    [InlineData("ｇｒａｃｅ", "username_invalid")]
    [InlineData("gr\u0430ce", "username_invalid")]
    [InlineData("graİce", "username_invalid")]
    [InlineData("\uD800", "username_invalid")]
    [InlineData("root", "username_reserved")]
    [InlineData("", "username_required")]
    public async Task Names_that_break_the_rules_are_refused(string username, string code)
    {
        await using var server = await TestServer.StartAsync();
        var organization = await server.QueryAsync(database => database.Organizations.Select(o => o.Id).SingleAsync());
        var problem = await CreateAsync(server, 0, organization, username, "someone@example.test");
        Assert.Equal((ProblemKind.Invalid, code), (problem!.Kind, problem.Code));
    }

    [Fact, Trait("Case", "W22")]
    public async Task A_password_made_of_the_organization_s_name_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var organization = await server.QueryAsync(database => database.Organizations.Select(o => o.Id).SingleAsync());
        foreach (var (password, code) in new[] { ("Hydrology Lab 1", "password_too_common"), ("short", "password_too_short"), ("passwordpassword", "password_too_common"), (new string('x', 1024 * 1024), "password_too_long") })
            Assert.Equal(code, (await CreateAsync(server, 0, organization, "grace", "grace@example.test", password))?.Code);
    }

    private static async Task<Problem?> CreateAsync(TestServer server, int node, Guid organization, string username, string email, string password = TestServer.UserPassword)
    {
        await using var scope = server.Services(node).CreateAsyncScope();
        return (await scope.ServiceProvider.GetRequiredService<UserRegistry>()
            .CreateAsync(organization, username, email, password, Role.Member, false, UserKind.Person, CancellationToken.None)).Problem;
    }
}
