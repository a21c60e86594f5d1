using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Providers.SqlServer;

public sealed class SqlServerActivateDbContext(DbContextOptions<SqlServerActivateDbContext> options) : ActivateDbContext(options)
{
    /// <summary>
    /// Text is the same when its characters are, as on the other databases, whatever the collation of the server: usually that would take 'İ' for 'i' and 'é' for 'E'.
    /// Spaces at the end count nowhere on SQL Server; no name that is unique ends with one.
    /// </summary>
    public const string Collation = "Latin1_General_100_BIN2";

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        // WebAuthn's ids may have 1,023 bytes: a clustered key takes 900, any other 1,700.
        builder.Entity<IdentityUserPasskey<Guid>>().HasKey(passkey => passkey.CredentialId).IsClustered(false);
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);
        configurationBuilder.Properties<string>().UseCollation(Collation);
        configurationBuilder.Properties<Guid>().HaveConversion<SqlServerIdConverter>();
    }
}

/// <summary>For <c>dotnet ef</c> only: it needs the provider, not a server.</summary>
internal sealed class SqlServerDesignTimeFactory : IDesignTimeDbContextFactory<SqlServerActivateDbContext>
{
    public SqlServerActivateDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<SqlServerActivateDbContext>()
            .UseSqlServer("Server=none")
            .UseApplicationServiceProvider(new ServiceCollection().AddIdentitySchema().BuildServiceProvider())
            .Options);
}
