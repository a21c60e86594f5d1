using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Providers.SqlServer;

public sealed class SqlServerActivateDbContext(DbContextOptions<SqlServerActivateDbContext> options) : ActivateDbContext(options);

/// <summary>For <c>dotnet ef</c> only: it needs the provider, not a server.</summary>
internal sealed class SqlServerDesignTimeFactory : IDesignTimeDbContextFactory<SqlServerActivateDbContext>
{
    public SqlServerActivateDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<SqlServerActivateDbContext>()
            .UseSqlServer("Server=none")
            .UseApplicationServiceProvider(new ServiceCollection().AddIdentitySchema().BuildServiceProvider())
            .Options);
}
