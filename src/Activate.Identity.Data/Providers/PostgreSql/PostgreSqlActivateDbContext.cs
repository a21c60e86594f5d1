using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Providers.PostgreSql;

public sealed class PostgreSqlActivateDbContext(DbContextOptions<PostgreSqlActivateDbContext> options) : ActivateDbContext(options);

/// <summary>For <c>dotnet ef</c> only: it needs the provider, not a server.</summary>
internal sealed class PostgreSqlDesignTimeFactory : IDesignTimeDbContextFactory<PostgreSqlActivateDbContext>
{
    public PostgreSqlActivateDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<PostgreSqlActivateDbContext>()
            .UseNpgsql("Host=none")
            .UseApplicationServiceProvider(new ServiceCollection().AddIdentitySchema().BuildServiceProvider())
            .Options);
}
