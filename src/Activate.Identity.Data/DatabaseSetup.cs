using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Providers.PostgreSql;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Activate.Identity.Data;

/// <summary>The only switch on the database provider.</summary>
public static class DatabaseSetup
{
    /// <summary>
    /// How long a writer waits for the one before it, on a database with one. A queue of writers is through in a fraction of it; a lock that lasts longer is a fault, and
    /// callers are told within two seconds to come back: the driver alone would hold each of them, and a thread, for 30.
    /// </summary>
    public static readonly TimeSpan WriterPatience = TimeSpan.FromSeconds(1.7);

    /// <summary>Registers <see cref="ActivateDbContext"/> for the chosen database.</summary>
    public static IServiceCollection AddActivateDatabase(this IServiceCollection services, DatabaseOptions options)
    {
        var connectionString = options.ConnectionString ?? throw new ArgumentException("Database:ConnectionString is empty.", nameof(options));
        services.AddIdentitySchema();
        return options.Provider switch
        {
            DatabaseProvider.Sqlite => services.AddDbContextPool<ActivateDbContext, SqliteActivateDbContext>(
                builder => builder.UseSqlite(connectionString).AddInterceptors(new SqlitePragmas(), new SqliteTurns(), AuditStatements.Instance)
                    .ReplaceService<IRelationalTransactionFactory, SqliteTurnTransactions>()),
            DatabaseProvider.SqlServer => services.AddDbContextPool<ActivateDbContext, SqlServerActivateDbContext>(builder => builder.UseSqlServer(connectionString).AddInterceptors(AuditStatements.Instance)),
            DatabaseProvider.PostgreSql => services.AddDbContextPool<ActivateDbContext, PostgreSqlActivateDbContext>(builder => builder.UseNpgsql(connectionString).AddInterceptors(AuditStatements.Instance)),
        };
    }

    /// <summary>
    /// Applies pending migrations; nodes that start together take turns. EF Core holds a lock in the database for that, but on PostgreSQL lets it go between two
    /// migrations, and the next node then repeats the second.
    /// </summary>
    public static async Task MigrateTogetherAsync(this ActivateDbContext context, CancellationToken cancellationToken = default)
    {
        var database = context.Database;
        var exists = await database.CanConnectAsync(cancellationToken);
        // Most starts find nothing to do: that is one read, where EF Core would first compare its whole model with the last migration's.
        if (exists && !(await database.GetPendingMigrationsAsync(cancellationToken)).Any())
            return;
        if (context is SqliteActivateDbContext)
        {
            await MigrateFileAsync(database, cancellationToken);
            return;
        }

        if (!exists)
            await CreateAsync(database.GetService<IRelationalDatabaseCreator>(), cancellationToken);
        if (context is not PostgreSqlActivateDbContext)
        {
            await database.MigrateAsync(cancellationToken);
            return;
        }

        await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await database.ExecuteSqlAsync($"SELECT pg_advisory_lock({MigrationLock})", cancellationToken);
            await database.MigrateAsync(cancellationToken);
        }
        finally
        {
            await database.ExecuteSqlAsync($"SELECT pg_advisory_unlock({MigrationLock})", CancellationToken.None);
            await database.CloseConnectionAsync();
        }
    }

    /// <summary>
    /// A database that is not there yet is EF Core's to create. Of nodes that start together on PostgreSQL one does; the others hear that it is there. SQL Server takes two statements, and the second wants
    /// nobody else to be connected: there whoever comes second stops, and is started again.
    /// </summary>
    private static async Task CreateAsync(IRelationalDatabaseCreator creator, CancellationToken cancellationToken)
    {
        if (await creator.ExistsAsync(cancellationToken))
            return;
        try
        {
            await creator.CreateAsync(cancellationToken);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another node made it.
        }
    }

    /// <summary>What this version would still do to the schema; all migrations, where there is no database yet, which is not made by asking.</summary>
    public static async Task<IReadOnlyList<string>> PendingMigrationsAsync(this ActivateDbContext context, CancellationToken cancellationToken = default) =>
        await context.Database.CanConnectAsync(cancellationToken) ? [.. await context.Database.GetPendingMigrationsAsync(cancellationToken)] : [.. context.Database.GetMigrations()];

    /// <summary>
    /// EF Core's lock in an SQLite file is a row, and that of a process which was killed would keep everybody waiting for ever. A lock on a file beside it ends with the process
    /// that has it; with that in hand, a row that is found is a dead one's. The file stays: taking it away could let two in.
    /// </summary>
    private static async Task MigrateFileAsync(DatabaseFacade database, CancellationToken cancellationToken)
    {
        await using var turn = await TakeFileAsync($"{new SqliteConnectionStringBuilder(database.GetConnectionString()).DataSource}-migrating", cancellationToken);
        if (await database.CanConnectAsync(cancellationToken)
            && await database.SqlQuery<int>($"SELECT COUNT(*) AS Value FROM sqlite_master WHERE name = '__EFMigrationsLock'").SingleAsync(cancellationToken) > 0)
            await database.ExecuteSqlAsync($"DELETE FROM \"__EFMigrationsLock\"", cancellationToken);
        await database.MigrateAsync(cancellationToken);
    }

    private static async Task<FileStream> TakeFileAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException exception) when (File.Exists(path) && exception is not (FileNotFoundException or DirectoryNotFoundException))
            {
                // Another node migrates.
                await Task.Delay(50, cancellationToken);
            }
        }
    }

    /// <summary>A read sees the last commit and waits for nobody: SQLite (WAL) and PostgreSQL always do so, SQL Server when it is told to. EF Core tells it for a database that it creates.</summary>
    public static async Task<bool> KeepsRowVersionsAsync(this ActivateDbContext context, CancellationToken cancellationToken = default) =>
        context is not SqlServerActivateDbContext
        || await context.Database.SqlQuery<bool>($"SELECT is_read_committed_snapshot_on AS Value FROM sys.databases WHERE database_id = DB_ID()").SingleAsync(cancellationToken);

    /// <summary>"ACTIVATE" in ASCII: any number that nobody else uses in this database.</summary>
    private const long MigrationLock = 0x4143544956415445;

    /// <summary>The context takes the version of Identity's tables from these options: 3 has passkeys.</summary>
    internal static IServiceCollection AddIdentitySchema(this IServiceCollection services) =>
        services.Configure<IdentityOptions>(options => options.Stores.SchemaVersion = IdentitySchemaVersions.Version3);

    /// <summary>How a database is backed up and restored that has tools of its own for it; null: with the server's commands.</summary>
    public static (string Backup, string Restore)? NativeCopies(this DatabaseProvider provider) => provider switch
    {
        DatabaseProvider.Sqlite => null,
        DatabaseProvider.SqlServer => ("sqlcmd -Q \"BACKUP DATABASE [name] TO DISK = N'file.bak' WITH CHECKSUM, COPY_ONLY\"", "sqlcmd -Q \"RESTORE DATABASE [name] FROM DISK = N'file.bak' WITH CHECKSUM, REPLACE\""),
        DatabaseProvider.PostgreSql => ("pg_dump --format=custom --file=FILE DATABASE", "createdb --owner=ROLE NEW && pg_restore --exit-on-error --single-transaction --no-owner --role=ROLE --dbname=NEW FILE"),
    };

    /// <summary>The connection string of an SQLite file.</summary>
    public static string SqliteFile(string path) => new SqliteConnectionStringBuilder { DataSource = path, Cache = SqliteCacheMode.Private }.ToString();
}
