using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Testing;

/// <summary>Users and credentials by one INSERT each, where a test is not about how people come by them.</summary>
public sealed partial class TestServer
{
    private int _names;

    /// <summary>A user without a password, of the first owner's organization or of another.</summary>
    public async Task<User> AddUserAsync(Role role = Role.Member, string? username = null, Guid? organizationId = null, bool isOperator = false)
    {
        username ??= $"added{Interlocked.Increment(ref _names)}";
        var normalizer = Services().GetRequiredService<ILookupNormalizer>();
        return await QueryAsync(async database =>
        {
            var user = new User
            {
                Id = Guid.CreateVersion7(Now),
                OrganizationId = organizationId ?? await database.Users.Where(u => u.UserName == OwnerName).Select(u => u.OrganizationId).SingleAsync(),
                UserName = username,
                NormalizedUserName = normalizer.NormalizeName(username),
                Email = $"{username}@example.test",
                NormalizedEmail = normalizer.NormalizeEmail($"{username}@example.test"),
                Role = role,
                IsOperator = isOperator,
                CreatedAt = Now,
                SecurityStamp = Guid.NewGuid().ToString(),
            };
            database.Users.Add(user);
            await database.SaveChangesAsync();
            return user;
        });
    }

    /// <summary>An access token such as a device login gets, signed just now.</summary>
    public async Task<string> GrantAsync(Guid userId, string scopes = ManageScopes, bool? interactive = null, CredentialKind kind = CredentialKind.Session, int hours = 24, TimeSpan signedInAgo = default)
    {
        var now = Now.AddTicks(-(Now.Ticks % TimeSpan.TicksPerSecond));
        var grant = new TokenGrant
        {
            Id = Guid.CreateVersion7(now), Kind = kind, OwnerId = userId, ClientId = BuiltInApplications.Cli, Name = "login-node", Scopes = scopes, CreatedAt = now, ExpiresAt = now.AddHours(hours),
            ExpiresBecause = ExpiresBecause.Requested,
            Interactive = interactive ?? (kind == CredentialKind.Session && scopes.Contains("credentials:write", StringComparison.Ordinal)),
            AuthenticatedAt = kind == CredentialKind.Session ? now - signedInAgo : null,
        };
        var writer = Services().GetRequiredService<AccessTokenWriter>();
        return await QueryAsync(async database =>
        {
            var organization = await database.Users.Where(u => u.Id == userId).Select(u => new { u.Organization!.Slug, u.Organization.PolicyVersion }).SingleAsync();
            var token = writer.Write(grant, organization.Slug);
            database.TokenGrants.Add(grant).Property(g => g.PolicyVersion).CurrentValue = organization.PolicyVersion;
            await database.SaveChangesAsync();
            return token;
        });
    }

    /// <summary>A new user and a device login of theirs that may do everything the role allows.</summary>
    public async Task<(User User, string Session)> AddPersonAsync(Role role = Role.Member, Guid? organizationId = null)
    {
        var user = await AddUserAsync(role, organizationId: organizationId);
        return (user, await GrantAsync(user.Id));
    }

    /// <summary>Writes the last uses that were noted, as the server does every ten seconds.</summary>
    public Task FlushLastUsesAsync(int node = 0) => Task.WhenAll(Behind(node).Select(one => Services(one).GetRequiredService<LastUses>().FlushAsync()));
}
