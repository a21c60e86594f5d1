using System.Data.Common;
using System.Reflection;
using Activate.Identity.Data;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Devices;
using Activate.Identity.Server.SshCertificates;
using Activate.Identity.Server.SshKeys;
using Microsoft.Data.SqlClient;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SqlServer.TransactSql.ScriptDom;

namespace Activate.Identity.Server.Tests.Credentials;

public class PreparedReadTests
{
    /// <summary>Translated without a server. A lateral join or a second statement would mean that a check costs more than one indexed read.</summary>
    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    [InlineData(DatabaseProvider.SqlServer)]
    public async Task The_reads_behind_every_check_are_one_statement_with_plain_joins(DatabaseProvider provider)
    {
        await using var services = Translator(provider, out var database);
        var (user, token) = (new UserAt(Guid.NewGuid(), Guid.NewGuid(), "ada"), new TokenAt(Guid.NewGuid(), Guid.NewGuid(), "app"));
        var certificate = new CertificateAt(Guid.NewGuid(), 7);
        foreach (var (query, values, valueOf) in ((IQueryable, object[], Func<string, object>?)[])[(CredentialReader.ApiKeyByHash(database, new byte[32]), [new byte[32]], null),
            (CredentialReader.GrantByHash(database, new byte[32]), [new byte[32]], null),
            (CredentialReader.GrantById(database, token), [token.ClientId, token.Token, token.Row], name => TokenAt.Value(token, name)),
            (CredentialReader.ApiKeyById(database, token), [token.ClientId, token.Token, token.Row], name => TokenAt.Value(token, name)),
            (CredentialReader.ApplicationByClientId(database, token), [token.Token, token.ClientId], name => TokenAt.Value(token, name)),
            (AuthorizedKeysReader.KeysByUsername(database, user), [user.Cluster, user.Username, user.Organization], name => UserAt.Value(user, name)),
            (CertificatePrincipalsReader.CertificateBySerial(database, certificate), [certificate.Cluster, certificate.Serial], name => CertificateAt.Value(certificate, name))])
        {
            using var command = query.CreateDbCommand();
            Assert.Equal(values.Select(value => StoredIn(command, value)), command.Parameters.Cast<DbParameter>().Select(parameter => parameter.Value));
            Assert.Contains("LEFT JOIN", command.CommandText, StringComparison.Ordinal);
            foreach (var costly in (string[])["APPLY", "LATERAL", ";", "DISTINCT", "ORDER BY"])
                Assert.DoesNotContain(costly, command.CommandText, StringComparison.Ordinal);
            // Each parameter of more than one is found by its name.
            if (valueOf is not null)
                Assert.Equal(values, command.Parameters.Cast<DbParameter>().Select(parameter => valueOf(parameter.ParameterName)));
            if (provider == DatabaseProvider.SqlServer)
                Assert.Equal(1, StatementsIn(command.CommandText));
        }
    }

    /// <summary>Asked at each start of a device login.</summary>
    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.PostgreSql)]
    [InlineData(DatabaseProvider.SqlServer)]
    public async Task Whether_too_many_devices_wait_is_one_statement_that_stops_at_the_limit(DatabaseProvider provider)
    {
        await using var services = Translator(provider, out var database);
        var at = new WaitingAt("192.0.2.1", new DateTime(2026, 11, 30, 0, 0, 0, DateTimeKind.Utc));
        foreach (var (query, own) in ((IQueryable, object[])[])[(WaitingDevices.LastOfAddress(database, at), [at.Now, at.Address]), (WaitingDevices.LastInAll(database, at), [at.Now])])
        {
            using var command = query.CreateDbCommand();
            // The limits are parameters too, and the others are found by their names.
            Assert.Equal(own, command.Parameters.Cast<DbParameter>().Select(parameter => WaitingAt.Value(at, parameter.ParameterName)).OfType<object>());
            Assert.Contains("ORDER BY", command.CommandText, StringComparison.Ordinal);
            if (provider == DatabaseProvider.SqlServer)
                Assert.Equal(1, StatementsIn(command.CommandText));
        }
    }

    /// <summary>SqlClient looks at the parameters of a command that is prepared, and refuses datetime2 without a size: SqlParameter.Prepare, which nobody but SqlCommand can call.</summary>
    [Fact]
    [Trait("Case", "C9")]
    public async Task SqlClient_prepares_every_parameter_that_a_column_of_ours_or_a_prepared_read_can_have()
    {
        await using var services = Translator(DatabaseProvider.SqlServer, out var database);
        using var columns = database.Database.GetDbConnection().CreateCommand();
        foreach (var property in database.Model.GetEntityTypes().SelectMany(type => type.GetProperties()))
            columns.Parameters.Add(property.GetRelationalTypeMapping().CreateParameter(columns, $"@p{columns.Parameters.Count}", null, property.IsNullable));
        var at = new WaitingAt("192.0.2.1", new DateTime(2026, 11, 30, 0, 0, 0, DateTimeKind.Utc));
        using var address = WaitingDevices.LastOfAddress(database, at).CreateDbCommand();
        var prepare = typeof(SqlParameter).GetMethod("Prepare", BindingFlags.Instance | BindingFlags.NonPublic)!;
        Assert.True(columns.Parameters.Count > 300);
        Assert.Contains(columns.Parameters.Cast<DbParameter>(), parameter => Record.Exception(() => prepare.Invoke(parameter, [columns])) is not null);
        foreach (var command in (DbCommand[])[columns, address])
        {
            Preparation.SizeParameters(command);
            foreach (DbParameter parameter in command.Parameters)
                prepare.Invoke(parameter, [command]);
        }
    }

    /// <summary>A model that translates, and reaches no server.</summary>
    private static ServiceProvider Translator(DatabaseProvider provider, out ActivateDbContext database)
    {
        var connectionString = provider switch
        {
            DatabaseProvider.Sqlite => "Data Source=none",
            DatabaseProvider.PostgreSql => "Host=none",
            DatabaseProvider.SqlServer => "Server=none",
        };
        var services = new ServiceCollection().AddActivateDatabase(new DatabaseOptions { Provider = provider, ConnectionString = connectionString }).BuildServiceProvider();
        database = services.CreateScope().ServiceProvider.GetRequiredService<ActivateDbContext>();
        return services;
    }

    /// <summary>What the server itself would set: the same as EF Core.</summary>
    private static object? StoredIn(DbCommand command, object value)
    {
        var parameter = command.CreateParameter();
        parameter.Set(value);
        return parameter.Value;
    }

    /// <summary>With Microsoft's own parser: no SQL Server runs here.</summary>
    private static int StatementsIn(string text)
    {
        using var reader = new StringReader(text);
        var script = (TSqlScript)new TSql160Parser(initialQuotedIdentifiers: true).Parse(reader, out var errors);
        Assert.Empty(errors.Select(error => $"{error.Line}:{error.Column} {error.Message}"));
        return script.Batches.Sum(batch => batch.Statements.Count);
    }
}
