using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.SqlServer.TransactSql.ScriptDom;

namespace Activate.Identity.Data.Tests.Providers;

/// <summary>What can be said of SQL Server without one, and one test that needs it.</summary>
public partial class SqlServerTests
{
    [Fact]
    public async Task The_idempotent_migration_script_is_valid_Transact_SQL()
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var script = await databases.QueryAsync(database => Task.FromResult(
            database.GetService<IMigrator>().GenerateScript(options: MigrationsSqlGenerationOptions.Idempotent)));
        Assert.Empty(ErrorsIn(script));
        Assert.Contains("CREATE TABLE [ApiKeyHashes]", script, StringComparison.Ordinal);
        // The parser can say no.
        Assert.NotEmpty(ErrorsIn(script.Replace("CREATE TABLE [ApiKeyHashes]", "CREATE TABEL [ApiKeyHashes]", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task No_index_key_is_longer_than_SQL_Server_takes()
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var keys = await databases.QueryAsync(database => Task.FromResult(KeysOf(database).ToList()));
        Assert.NotEmpty(keys);
        // A key that may grow beyond the limit is only warned of when it is made; the insert of a long value fails later.
        Assert.DoesNotContain(keys, key => key.Bytes > 1700);
        // Clustered keys may have 900 bytes. WebAuthn's ids may have 1,023, and authenticators in use have at most some 200.
        Assert.DoesNotContain(keys, key => key.Clustered && key.Bytes > 900 && key.Table != "UserPasskeys");
    }

    [Fact]
    public async Task Migrations_run_on_a_real_SQL_Server()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.SqlServer);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        await databases.QueryAsync(async database =>
        {
            database.Add(DatabaseIntents.NewKey(owner, "nightly", new DateTime(2026, 12, 31, 23, 59, 59, DateTimeKind.Utc)));
            return await database.SaveChangesAsync();
        });
        var end = await databases.QueryAsync(database => database.ApiKeys.Select(key => key.ExpiresAt).SingleAsync());
        Assert.Equal(new DateTime(2026, 12, 31, 23, 59, 59, DateTimeKind.Utc), end);
        Assert.Equal(DateTimeKind.Utc, end!.Value.Kind);
    }

    private static IList<ParseError> ErrorsIn(string script)
    {
        using var reader = new StringReader(script);
        new TSql160Parser(initialQuotedIdentifiers: true).Parse(reader, out var errors);
        return errors;
    }

    private static IEnumerable<(string Table, string Name, int Bytes, bool Clustered)> KeysOf(DbContext database)
    {
        foreach (var table in database.GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables)
        {
            foreach (var index in table.Indexes)
                yield return (table.Name, index.Name, index.Columns.Sum(BytesOf), false);
            foreach (var key in table.UniqueConstraints)
                yield return (table.Name, key.Name, key.Columns.Sum(BytesOf), key == table.PrimaryKey);
        }
    }

    private static int BytesOf(IColumn column)
    {
        var type = StoreType().Match(column.StoreType);
        var length = type.Groups[2].Value;
        return type.Groups[1].Value switch
        {
            "nvarchar" => length == "max" ? int.MaxValue / 8 : 2 * int.Parse(length, CultureInfo.InvariantCulture),
            "varbinary" => length == "max" ? int.MaxValue / 8 : int.Parse(length, CultureInfo.InvariantCulture),
            "uniqueidentifier" => 16,
            "datetime2" or "bigint" => 8,
            "int" => 4,
            "bit" => 1,
            _ => throw new InvalidOperationException($"How many bytes has {column.StoreType} ({column.Table.Name}.{column.Name})?"),
        };
    }

    [GeneratedRegex(@"^(\w+)(?:\((\w+)\))?$", RegexOptions.NonBacktracking)]
    private static partial Regex StoreType();
}
