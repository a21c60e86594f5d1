using Activate.Identity.Data;

namespace Activate.Identity.Testing;

/// <summary>
/// Which databases a run of the tests is about. Usually servers are on SQLite, and what databases may do differently is tried on each that is configured.
/// <c>ACTIVATE_TEST_DATABASE</c> (<c>Sqlite</c>, <c>PostgreSql</c>, <c>SqlServer</c>) puts every server, and those tests, on one. Tests about a database itself name it.
/// </summary>
public static class TestDatabases
{
    private const string Variable = "ACTIVATE_TEST_DATABASE";

    private static readonly DatabaseProvider? s_named = Named();

    /// <summary>Under a server that does not ask for another.</summary>
    public static DatabaseProvider Chosen => s_named ?? DatabaseProvider.Sqlite;

    /// <summary>Under a server that wants one with many writers.</summary>
    public static DatabaseProvider OnAServer => s_named is null or DatabaseProvider.Sqlite ? DatabaseProvider.PostgreSql : Chosen;

    /// <summary>What databases may do differently is tried on each of these.</summary>
    public static IReadOnlyList<DatabaseProvider> Each { get; } = s_named is { } one ? [one]
        : SqlServerInstance.IsConfigured ? [DatabaseProvider.Sqlite, DatabaseProvider.PostgreSql, DatabaseProvider.SqlServer]
        : [DatabaseProvider.Sqlite, DatabaseProvider.PostgreSql];

    /// <summary>The connection string of a new database on a server; null for SQLite, whose databases are files.</summary>
    /// <param name="provider">Where. The test is skipped when the machine does not have it.</param>
    /// <param name="template">The connection string of a database that nobody has open, to be copied, where the server can do that quickly.</param>
    public static async Task<string?> CreateAsync(DatabaseProvider provider, string? template = null) => provider switch
    {
        DatabaseProvider.Sqlite => null,
        DatabaseProvider.PostgreSql => await (await PostgreSqlServer.GetAsync()).CreateDatabaseAsync(template),
        DatabaseProvider.SqlServer => await (await SqlServerInstance.GetAsync()).CreateDatabaseAsync(),
    };

    /// <summary>Takes such a database away, whoever still has it open.</summary>
    public static async Task DropAsync(DatabaseProvider provider, string connectionString)
    {
        if (provider == DatabaseProvider.PostgreSql)
            await (await PostgreSqlServer.GetAsync()).DropDatabaseAsync(connectionString);
        else if (provider == DatabaseProvider.SqlServer)
            await (await SqlServerInstance.GetAsync()).DropDatabaseAsync(connectionString);
    }

    private static DatabaseProvider? Named() => Environment.GetEnvironmentVariable(Variable) switch
    {
        null or "" => null,
        { } name when Enum.TryParse<DatabaseProvider>(name, ignoreCase: true, out var provider) && Enum.IsDefined(provider) => provider,
        { } name => throw new InvalidOperationException($"{Variable} is '{name}'. Set it to {string.Join(", ", Enum.GetNames<DatabaseProvider>())}, or not at all."),
    };
}
