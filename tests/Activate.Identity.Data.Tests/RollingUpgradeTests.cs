using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;

namespace Activate.Identity.Data.Tests;

/// <summary>
/// While nodes are upgraded one after the other, those of the version before serve on the newer schema (docs/operations.md, Upgrading). So a migration adds, and takes nothing away that they read or
/// write.
/// </summary>
[Trait("Case", "F9")]
public sealed class RollingUpgradeTests
{
    /// <summary>The last migration of before there was a version that somebody runs.</summary>
    private const string Baseline = "SignInMailAndClusterHosts";

    /// <summary>Where there was no other way: what such a migration does, and why. Its name then stands in docs/operations.md, under "Upgrading": older nodes have to be stopped first.</summary>
    private static readonly Dictionary<string, string> s_stopOlderNodesFirst = [];

    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.SqlServer)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task Migrations_only_add_so_that_nodes_of_the_version_before_go_on(DatabaseProvider provider)
    {
        var breaks = await BreaksAsync(provider);
        var baseline = breaks.FindIndex(migration => migration.Name == Baseline);
        Assert.True(baseline >= 0, $"There is no migration {Baseline}.");
        // That the rule sees at all what it is there for: before anybody ran it, tables and columns went.
        Assert.Contains("Applications: drops the table OpenIddictTokens", breaks.Take(baseline).SelectMany(migration => migration.What));
        var since = breaks.Skip(baseline + 1).SelectMany(migration => migration.What).ToList();
        Assert.Equal([], since.Where(what => !s_stopOlderNodesFirst.ContainsKey(what)));
        Assert.Equal([], s_stopOlderNodesFirst.Keys.Except(since));
        var manual = File.ReadAllText(Path.Combine(Tools.Root, "docs", "operations.md"));
        Assert.All(s_stopOlderNodesFirst.Keys, what => Assert.Contains($"`{what.Split(':')[0]}`", manual, StringComparison.Ordinal));
    }

    private static async Task<List<(string Name, List<string> What)>> BreaksAsync(DatabaseProvider provider)
    {
        await using var databases = Databases.Offline(provider);
        return await databases.QueryAsync(database =>
        {
            var migrations = database.GetService<IMigrationsAssembly>();
            return Task.FromResult(migrations.Migrations.Select(migration =>
            {
                var name = migration.Key[(migration.Key.IndexOf('_', StringComparison.Ordinal) + 1)..];
                var operations = migrations.CreateMigration(migration.Value, database.Database.ProviderName!).UpOperations;
                var made = operations.OfType<CreateTableOperation>().Select(table => table.Name).ToHashSet();
                return (name, operations.Select(operation => Break(operation, made)).OfType<string>().Select(what => $"{name}: {what}").ToList());
            }).ToList());
        });
    }

    /// <summary>What an older version feels of it; null: nothing.</summary>
    private static string? Break(MigrationOperation operation, HashSet<string> made) => operation switch
    {
        DropTableOperation drop => $"drops the table {drop.Name}",
        DropColumnOperation drop => $"drops {drop.Table}.{drop.Name}",
        RenameTableOperation rename => $"renames the table {rename.Name}",
        RenameColumnOperation rename => $"renames {rename.Table}.{rename.Name}",
        // Its INSERTs do not name the column.
        AddColumnOperation { IsNullable: false, DefaultValue: null, DefaultValueSql: null } add => $"adds {add.Table}.{add.Name}, which has to be there, without a default",
        // Of a length or an order an older version may know nothing.
        AlterColumnOperation alter => $"alters {alter.Table}.{alter.Name}",
        // What it writes may be refused.
        CreateIndexOperation { IsUnique: true } index when !made.Contains(index.Table) => $"makes {string.Join(", ", index.Columns)} of {index.Table} unique",
        AddUniqueConstraintOperation unique when !made.Contains(unique.Table) => $"makes {string.Join(", ", unique.Columns)} of {unique.Table} unique",
        AddForeignKeyOperation key when !made.Contains(key.Table) => $"ties {string.Join(", ", key.Columns)} of {key.Table} to {key.PrincipalTable}",
        AddCheckConstraintOperation check when !made.Contains(check.Table) => $"checks {check.Table} by {check.Name}",
        SqlOperation sql => $"runs {string.Join(' ', sql.Sql.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))}",
        _ => null,
    };
}
