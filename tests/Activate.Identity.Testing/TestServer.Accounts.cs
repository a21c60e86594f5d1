using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>Users and organizations, made directly.</summary>
public sealed partial class TestServer
{
    /// <summary>The password of users made by <see cref="CreateUserAsync"/>.</summary>
    public const string UserPassword = "difference engine no. 2";

    public DateTime Now => (Clock?.GetUtcNow() ?? TimeProvider.System.GetUtcNow()).UtcDateTime;

    /// <summary>A user of the first owner's organization, or of another.</summary>
    public async Task<User> CreateUserAsync(string username, Role role = Role.Member, Guid? organizationId = null, string password = UserPassword,
        bool isOperator = false, UserKind kind = UserKind.Person)
    {
        await using var scope = Services().CreateAsyncScope();
        var organization = organizationId ?? await QueryAsync(database => database.Users.Where(u => u.UserName == OwnerName).Select(u => u.OrganizationId).FirstAsync());
        var result = await scope.ServiceProvider.GetRequiredService<UserRegistry>().CreateAsync(organization, username,
            kind == UserKind.Person ? $"{username}@example.test" : null, kind == UserKind.Person ? password : null, role, isOperator, kind, CancellationToken.None);
        Assert.True(result.TryGet(out var user, out var problem), problem?.Detail);
        return user;
    }

    public Task<Organization> CreateOrganizationAsync(string slug, string? name = null) => QueryAsync(async database =>
    {
        var organization = new Organization { Id = Guid.CreateVersion7(Now), Slug = slug, Name = name ?? slug, CreatedAt = Now };
        database.Organizations.Add(organization);
        await database.SaveChangesAsync();
        return organization;
    });

    public Task SetDisabledAsync(string username, bool disabled = true) => QueryAsync(database =>
        database.Users.Where(u => u.UserName == username).ExecuteUpdateAsync(set => set.SetProperty(u => u.Disabled, disabled)));

    public Task SetSuspendedAsync(string slug, bool suspended = true) => QueryAsync(database =>
        database.Organizations.Where(o => o.Slug == slug).ExecuteUpdateAsync(set => set.SetProperty(o => o.Suspended, suspended)));
}
