using System.Data.Common;
using Activate.Identity.Data;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.SshKeys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Credentials;

public class PreparedReadTests
{
    /// <summary>Translated without a server. A lateral join or a second statement would mean that a check costs more than one indexed read.</summary>
    [Theory]
    [InlineData(DatabaseProvider.Sqlite, "Data Source=none")]
    [InlineData(DatabaseProvider.PostgreSql, "Host=none")]
    [InlineData(DatabaseProvider.SqlServer, "Server=none")]
    public void The_reads_behind_every_check_are_one_statement_with_plain_joins(DatabaseProvider provider, string connectionString)
    {
        using var services = new ServiceCollection().AddActivateDatabase(new DatabaseOptions { Provider = provider, ConnectionString = connectionString }).BuildServiceProvider();
        using var scope = services.CreateScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var user = new UserAt(Guid.NewGuid(), "ada");
        foreach (var (query, values) in ((IQueryable, object[])[])[(CredentialReader.ApiKeyByHash(database, new byte[32]), [new byte[32]]),
            (CredentialReader.GrantByHash(database, new byte[32]), [new byte[32]]), (AuthorizedKeysReader.KeysByUsername(database, user), [user.Username, user.Organization])])
        {
            using var command = query.CreateDbCommand();
            Assert.Equal(values, command.Parameters.Cast<DbParameter>().Select(parameter => parameter.Value));
            Assert.Contains("LEFT JOIN", command.CommandText, StringComparison.Ordinal);
            foreach (var costly in (string[])["APPLY", "LATERAL", ";", "DISTINCT", "ORDER BY"])
                Assert.DoesNotContain(costly, command.CommandText, StringComparison.Ordinal);
            // Each parameter of more than one is found by its name.
            if (values.Length > 1)
                Assert.Equal(values, command.Parameters.Cast<DbParameter>().Select(parameter => UserAt.Value(user, parameter.ParameterName)));
        }
    }
}
