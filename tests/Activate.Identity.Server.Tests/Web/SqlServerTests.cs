using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Devices;
using Activate.Identity.Server.Operations;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Query;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.SqlServer.TransactSql.ScriptDom;

namespace Activate.Identity.Server.Tests.Web;

/// <summary>What the server asks a database, as SQL Server would be asked.</summary>
public sealed class SqlServerTests
{
    /// <summary>Every test of this project does this without saying so; here it is seen to happen.</summary>
    [Fact]
    [Trait("Case", "C9")]
    public async Task Whatever_the_server_asks_is_translated_and_parsed()
    {
        await using var server = await TestServer.StartAsync();
        var (_, session) = await server.AddPersonAsync();
        await server.CreateApiKeyAsync(session, "nightly");
        Assert.Equal(200, (await server.ApiAsync(HttpMethod.Get, "/api/v1/api-keys", session)).Status);
        foreach (var part in (string[])["FROM [ApiKeys] AS", "UPDATE [u]", "SELECT TOP(", "[CredentialsVersion] + 1"])
            Assert.Contains(SqlServerTranslation.Instance.Translated, sql => sql.Contains(part, StringComparison.Ordinal));
    }

    [Fact]
    public void A_query_that_has_no_translation_is_refused()
    {
        using var services = new ServiceCollection().AddActivateDatabase(new DatabaseOptions { Provider = DatabaseProvider.Sqlite, ConnectionString = "Data Source=none" }).BuildServiceProvider();
        using var scope = services.CreateScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        // SQLite has this function, SQL Server has not.
        var refusal = Assert.Throws<InvalidOperationException>(() => SqlServerTranslation.Instance.Translate(
            database.Users.Where(user => EF.Functions.Glob(user.UserName!, "a*")).Select(user => user.Id).Expression));
        Assert.Contains("Transact-SQL", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("[UserName]", SqlServerTranslation.Instance.Translate(database.Users.Where(user => user.UserName == "ada").Expression), StringComparison.Ordinal);
    }

    /// <summary>What is written past EF Core, in the SQL that all databases have in common.</summary>
    [Fact]
    [Trait("Case", "C9")]
    public void What_is_written_by_hand_is_Transact_SQL_too()
    {
        string[] statements =
        [
            DevicePolls.Sql, RefreshChains.Sql, Doctor.SqlServerTime, .. ((string[])["ApiKeys", "TokenGrants", "SshKeys"]).SelectMany(table => (string[])[CutRewriter.Shorten(table), LastUses.Note(table, table == "SshKeys")]),
        ];
        foreach (var sql in statements)
        {
            using var reader = new StringReader(sql);
            new TSql160Parser(initialQuotedIdentifiers: true).Parse(reader, out var errors);
            Assert.Empty(errors.Select(error => $"{error.Message} in {sql}"));
        }

        // No other file goes past EF Core.
        var source = Path.Combine(Tools.Root, "src", "Activate.Identity.Server");
        var files = Directory.GetFiles(source, "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            && ((string[])["CommandText =", "QueuedWrite.Update<", "PreparedWrite.PrepareAsync(", "ExecuteSql", "SqlQuery"]).Any(File.ReadAllText(file).Contains));
        Assert.Equal(["CutRewriter.cs", "DevicePolls.cs", "Doctor.cs", "LastUses.cs", "QueuedWrite.cs", "RefreshChains.cs"], files.Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
