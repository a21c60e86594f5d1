namespace Activate.Identity.Data;

public enum DatabaseProvider
{
    Sqlite = 1,
    SqlServer = 2,
    PostgreSql = 3,
}

/// <summary>Section <c>Database</c>.</summary>
public sealed class DatabaseOptions
{
    public DatabaseProvider Provider { get; set; } = DatabaseProvider.Sqlite;

    /// <summary>Default: a file in the data folder.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// False: migrating is a step of its own (the command <c>migrate</c>), and the server refuses to serve before it. Null: in Production so where there is a database already; one that is empty is filled.
    /// </summary>
    public bool? MigrateAtStart { get; set; }
}
