using System.Data;
using System.Data.Common;
using System.Data.SqlTypes;
using System.Globalization;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
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
        // Clustered keys may have 900 bytes.
        Assert.DoesNotContain(keys, key => key.Clustered && key.Bytes > 900);
        // The limit means something: WebAuthn's ids may have 1,023, so that theirs is not clustered.
        Assert.Contains(keys, key => key is { Table: "UserPasskeys", Clustered: false, Bytes: > 900 });
    }

    /// <summary>As SQL Server comes, 'é' and 'E' are one name there and two on the other databases.</summary>
    [Fact]
    [Trait("Case", "C9")]
    public async Task Every_text_is_compared_character_by_character_whatever_the_collation_of_the_server()
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var (columns, script) = await databases.QueryAsync(database => Task.FromResult((
            database.GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables.SelectMany(table => table.Columns).Where(column => column.StoreType.StartsWith("nvarchar", StringComparison.Ordinal)).ToList(),
            database.GetService<IMigrator>().GenerateScript())));
        Assert.NotEmpty(columns);
        // JSON is no text to compare.
        Assert.All(columns.Where(column => column is not { Table.Name: "UserPasskeys", Name: "Data" }), column => Assert.True(column.Collation == SqlServerActivateDbContext.Collation, $"{column.Table.Name}.{column.Name} has the collation '{column.Collation}'."));
        // What the migrations make is what the model says. The history of migrations is EF Core's own table.
        var made = Regex.Matches(script, @"\bnvarchar\((?:\d+|max)\)(?<collation> COLLATE \w+)?").Where(match => match.Groups["collation"].Value != $" COLLATE {SqlServerActivateDbContext.Collation}").ToList();
        Assert.Equal(["nvarchar(150)", "nvarchar(32)", "nvarchar(max)"], made.Select(match => match.Value).Distinct());
    }

    /// <summary>SQL Server looks past spaces at the end, even in a unique index: no text that is unique, or is looked up, may end with one.</summary>
    [Fact]
    [Trait("Case", "C9")]
    public async Task No_text_in_a_key_ends_with_a_space()
    {
        // Who sees to it, for each text column of a key or index.
        var rules = new Dictionary<string, string>
        {
            ["ApiKeys.NormalizedName"] = "CredentialName trims", ["SshKeys.NormalizedName"] = "CredentialName trims", ["Clusters.NormalizedName"] = "CredentialName trims",
            ["Users.NormalizedUserName"] = "Username has none", ["Users.NormalizedEmail"] = "EmailAddress has none", ["AuditPersons.Username"] = "Username has none",
            ["Organizations.Slug"] = "OrganizationName's slug has none", ["ClusterAccounts.UnixName"] = "Username has none",
            ["OpenIddictApplications.ClientId"] = "made by us, or a constant", ["TokenGrants.ClientId"] = "of an application", ["AuthorizationCodes.ClientId"] = "of an application",
            ["PushedRequests.ClientId"] = "of an application", ["DeviceRequests.ClientId"] = "of an application", ["DeviceRequests.Address"] = "an IP address", ["AuditEvents.ClientId"] = "of an application",
            ["AuditEvents.Type"] = "constants", ["ServerFacts.Key"] = "constants", ["ServerKeys.Use"] = "constants", ["Throttles.Key"] = "hashes and ids",
        };
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var keyed = await databases.QueryAsync(database => Task.FromResult(database.GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables
            .Where(table => table.EntityTypeMappings.All(mapping => !IsForeign(mapping.TypeBase.ClrType)))
            .SelectMany(table => table.Indexes.SelectMany(index => index.Columns).Concat(table.UniqueConstraints.SelectMany(key => key.Columns)))
            .Where(column => column.StoreType.StartsWith("nvarchar", StringComparison.Ordinal)).Select(column => $"{column.Table.Name}.{column.Name}").Distinct().Order(StringComparer.Ordinal).ToList()));
        Assert.NotEmpty(keyed);
        Assert.Empty(keyed.Except(rules.Keys).Select(column => $"{column} is in a key: say here which rule keeps spaces off its end."));
        // The rules do.
        foreach (var name in (string[])["ada ", " ada", "ada\u00a0", "ada\t"])
        {
            Assert.False(Username.Parse(name).TryGet(out _, out _));
            Assert.False(EmailAddress.Parse($"ada@example.test{name[3..]}").TryGet(out var email, out _) && email.EndsWith(' '));
            Assert.False(CredentialName.Parse(name).TryGet(out var parsed, out _) && CredentialName.Normalize(parsed).EndsWith(' '));
        }

        // Tables of the frameworks that we do not use, or whose keys are numbers and hashes.
        static bool IsForeign(Type type) => type.Assembly != typeof(ActivateDbContext).Assembly;
    }

    /// <summary>Otherwise lists and cursors are out of order there, and each insert goes to a page of its own.</summary>
    [Fact]
    public void Ids_as_they_are_stored_sort_in_SQL_Server_as_in_the_program()
    {
        var random = new Random(20);
        var ids = Enumerable.Range(0, 2_000).Select(i => i % 2 == 0 ? Guid.CreateVersion7(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMilliseconds(random.Next())) : Guid.NewGuid())
            .Concat([Guid.Empty, Guid.AllBitsSet]).ToList();
        Assert.All(ids, id => Assert.Equal(id, SqlServerIds.FromStored(SqlServerIds.ToStored(id))));
        // SqlGuid compares as SQL Server does.
        Assert.Equal(ids.Order(), ids.OrderBy(id => new SqlGuid(SqlServerIds.ToStored(id))));
        Assert.NotEqual(ids.Order(), ids.OrderBy(id => new SqlGuid(id)));
    }

    [Fact]
    public async Task Every_id_goes_through_the_converter()
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var ids = await databases.QueryAsync(database => Task.FromResult(database.Model.GetEntityTypes().SelectMany(type => type.GetProperties())
            .Where(property => (Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType) == typeof(Guid)).ToList()));
        Assert.NotEmpty(ids);
        Assert.All(ids, property => Assert.True(property.GetTypeMapping().Converter is SqlServerIdConverter, $"{property.DeclaringType.Name}.{property.Name}"));
    }

    /// <summary>SQL Server refuses the migration that makes a second way for one deletion to reach a row (error 1785); the parser cannot know.</summary>
    [Fact]
    public async Task A_deletion_reaches_every_table_on_one_way()
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer);
        var cascades = await databases.QueryAsync(database => Task.FromResult(database.GetService<IDesignTimeModel>().Model.GetRelationalModel().Tables
            .SelectMany(table => table.ForeignKeyConstraints).Where(key => key.OnDeleteAction is not (ReferentialAction.NoAction or ReferentialAction.Restrict))
            .Select(key => (From: key.PrincipalTable.Name, To: key.Table.Name)).ToLookup(cascade => cascade.From, cascade => cascade.To)));
        Assert.NotEmpty(cascades);
        Assert.All(cascades, root => Assert.Empty(Reached(root.Key, 0).GroupBy(table => table).Where(ways => ways.Count() > 1).Select(ways => $"{root.Key} reaches {ways.Key} on {ways.Count()} ways.")));

        IEnumerable<string> Reached(string table, int depth) => depth > 10 ? throw new InvalidOperationException($"{table} reaches itself.")
            : cascades[table].SelectMany(next => Reached(next, depth + 1).Prepend(next));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whether_readers_wait_for_writers_is_asked_of_the_database(bool on)
    {
        await using var databases = Databases.Offline(DatabaseProvider.SqlServer, new Answering(on));
        Assert.Equal(on, await databases.QueryAsync(database => database.KeepsRowVersionsAsync()));
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

    /// <summary>A server that is not there, and answers each question with one value.</summary>
    private sealed class Answering(object value) : DbCommandInterceptor, IDbConnectionInterceptor
    {
        public ValueTask<InterceptionResult> ConnectionOpeningAsync(DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default) =>
            new(InterceptionResult.Suppress());

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
        {
            Assert.Contains("is_read_committed_snapshot_on", command.CommandText, StringComparison.Ordinal);
            Assert.Empty(ErrorsIn(command.CommandText));
            var table = new DataTable();
            table.Columns.Add("Value", value.GetType());
            table.Rows.Add(value);
            return new(InterceptionResult<DbDataReader>.SuppressWithResult(table.CreateDataReader()));
        }
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
                yield return (table.Name, key.Name, key.Columns.Sum(BytesOf), key == table.PrimaryKey && key.MappedKeys.All(mapped => mapped.IsClustered() != false));
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
