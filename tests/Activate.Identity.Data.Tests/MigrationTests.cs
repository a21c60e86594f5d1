using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Tests;

public class MigrationTests
{
    [Theory]
    [Trait("Case", "F10")]
    [EachDatabase]
    public async Task Migrations_bring_an_empty_database_to_a_schema_that_stores_every_entity(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.QueryAsync(async database =>
        {
            await database.MigrateTogetherAsync();
            Assert.Empty(await database.Database.GetPendingMigrationsAsync());
            return 0;
        });
        // Every table answers a read of all its columns: a column that a migration forgot would fail here.
        await using var scope = databases.Scope();
        var context = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        foreach (var type in context.Model.GetEntityTypes().Where(type => !type.IsOwned()))
        {
            var set = (IQueryable<object>)typeof(DbContext).GetMethod(nameof(DbContext.Set), [])!.MakeGenericMethod(type.ClrType).Invoke(context, null)!;
            Assert.Empty(await set.ToListAsync());
        }

        var owner = await databases.AddUserAsync("ada");
        Assert.Equal("ada", await databases.QueryAsync(database => database.Users.Select(u => u.UserName).SingleAsync()));
        Assert.Equal(owner, await databases.QueryAsync(database => database.Users.Select(u => u.Id).SingleAsync()));
    }

    [Theory]
    [EachDatabase]
    public async Task Migrating_a_migrated_database_again_keeps_its_rows(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        await databases.AddUserAsync("ada");
        await databases.MigrateAsync();
        Assert.Equal(1, await databases.QueryAsync(database => database.Users.CountAsync()));
    }

    [Theory]
    [Trait("Case", "F10")]
    [EachDatabase]
    public async Task Four_nodes_that_migrate_an_empty_database_at_once_all_succeed(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(databases.MigrateAsync)));
        Assert.NotEqual(Guid.Empty, await databases.AddUserAsync("ada"));
    }

    [Theory]
    [Trait("Case", "F10")]
    [EachDatabase]
    public async Task Four_nodes_that_find_no_database_at_once_make_one_together(DatabaseProvider provider)
    {
        Assert.SkipWhen(provider == DatabaseProvider.SqlServer, "SQL Server makes a database in two statements, the second of which wants nobody else there: one node is started first (docs/operations.md).");
        await using var databases = await Databases.CreateAsync(provider);
        if (provider != DatabaseProvider.Sqlite)
            await TestDatabases.DropAsync(provider, databases.ConnectionString);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(databases.MigrateAsync)));
        Assert.NotEqual(Guid.Empty, await databases.AddUserAsync("ada"));
    }

    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.SqlServer)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task No_model_change_lacks_its_migration(DatabaseProvider provider)
    {
        await using var databases = Databases.Offline(provider);
        Assert.False(await databases.QueryAsync(database => Task.FromResult(database.Database.HasPendingModelChanges())), "Run src/Activate.Identity.Data/add-migration.sh NAME.");
    }

    [Fact]
    public async Task The_databases_have_the_same_migrations_in_the_same_order()
    {
        var names = new List<string[]>();
        foreach (var provider in Enum.GetValues<DatabaseProvider>())
        {
            await using var databases = Databases.Offline(provider);
            names.Add(await databases.QueryAsync(database => Task.FromResult(database.Database.GetMigrations().Select(id => id[(id.IndexOf('_', StringComparison.Ordinal) + 1)..]).ToArray())));
        }

        Assert.All(names, list => Assert.Equal(names[0], list));
    }

    [Fact]
    public async Task The_model_holds_nothing_that_one_of_the_databases_cannot_do()
    {
        await using var databases = Databases.Offline(DatabaseProvider.Sqlite);
        await databases.QueryAsync(database =>
        {
            foreach (var type in database.Model.GetEntityTypes())
            {
                // ASP.NET Core Identity keeps what an authenticator said in one; nothing of ours does.
                Assert.False(type.IsMappedToJson() && !type.Name.StartsWith("Microsoft.AspNetCore.Identity.", StringComparison.Ordinal), $"{type.Name} is a JSON column");
                foreach (var property in type.GetProperties())
                {
                    // SQLite cannot compare a DateTimeOffset: each has to be converted to a DateTime.
                    if ((Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType) == typeof(DateTimeOffset))
                        Assert.Equal(typeof(DateTime), property.GetTypeMapping().Converter?.ProviderClrType);
                }

                if (type.ClrType.Assembly == typeof(ActivateDbContext).Assembly && type.BaseType is null && !type.ClrType.BaseType!.Name.StartsWith("OpenIddict", StringComparison.Ordinal))
                    Assert.All(type.GetIndexes(), index => Assert.Null(index.GetFilter()));
            }

            return Task.FromResult(0);
        });
    }
}

internal static class DatabaseIntents
{
    public static Task MigrateAsync(this Databases databases) => databases.QueryAsync(async database =>
    {
        await database.MigrateTogetherAsync();
        return 0;
    });

    public static Task<Guid> AddUserAsync(this Databases databases, string name) => databases.QueryAsync(async database =>
    {
        var organization = new Organization { Id = Guid.CreateVersion7(), Slug = name, Name = name };
        var user = new User { Id = Guid.CreateVersion7(), OrganizationId = organization.Id, UserName = name, NormalizedUserName = name, Role = Role.Owner };
        database.AddRange(organization, user);
        await database.SaveChangesAsync();
        return user.Id;
    });

    public static ApiKey NewKey(Guid owner, string name, DateTime? expiresAt = null) => new()
    {
        Id = Guid.CreateVersion7(), OwnerId = owner, Name = name, NormalizedName = name, Scopes = "platform", Last4 = "0000", CreatedAt = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
        ExpiresAt = expiresAt, Hashes = { new ApiKeyHash { Hash = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32) } },
    };
}
