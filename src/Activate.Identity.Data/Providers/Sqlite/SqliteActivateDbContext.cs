using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Providers.Sqlite;

public sealed class SqliteActivateDbContext : ActivateDbContext
{
    // Whatever is saved is saved in a transaction, which is what waits for its turn (SqliteTurns).
    public SqliteActivateDbContext(DbContextOptions<SqliteActivateDbContext> options)
        : base(options) => Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;

    public override bool HasOneWriter => true;

    public override void WaitForDisk(bool wait) => SqlitePragmas.WaitForDisk((SqliteConnection)Database.GetDbConnection(), wait);
}

/// <summary>For <c>dotnet ef</c> only: it needs the provider, not a server.</summary>
internal sealed class SqliteDesignTimeFactory : IDesignTimeDbContextFactory<SqliteActivateDbContext>
{
    public SqliteActivateDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<SqliteActivateDbContext>()
            .UseSqlite("Data Source=design-time.db")
            .UseApplicationServiceProvider(new ServiceCollection().AddIdentitySchema().BuildServiceProvider())
            .Options);
}
