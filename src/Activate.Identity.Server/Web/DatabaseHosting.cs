using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>Settings <c>Database</c> and <c>Data:Folder</c>, and bringing the schema up to date.</summary>
public static class DatabaseHosting
{
    private static readonly TimeSpan s_oneMigration = TimeSpan.FromSeconds(2);

    public static void AddDatabase(this WebApplicationBuilder builder)
    {
        var settings = builder.Configuration.GetSection("Database");
        var options = new DatabaseOptions { Provider = settings.Choice("Provider", DatabaseProvider.Sqlite), ConnectionString = settings["ConnectionString"], MigrateAtStart = settings["MigrateAtStart"] is { Length: > 0 } ? settings.Flag("MigrateAtStart", true) : null };
        if (string.IsNullOrWhiteSpace(options.ConnectionString))
        {
            if (options.Provider != DatabaseProvider.Sqlite)
                throw new StartupException($"Database:Provider is {options.Provider}, so Database:ConnectionString must be set.");
            var folder = Path.GetFullPath(builder.Configuration["Data:Folder"] ?? "data", builder.Environment.ContentRootPath);
            Directory.CreateDirectory(folder);
            options.ConnectionString = DatabaseSetup.SqliteFile(Path.Combine(folder, "activate-identity.db"));
        }

        if (options.Provider == DatabaseProvider.Sqlite)
            HaveThreadsToWait();

        builder.Services.AddSingleton(options);
        builder.Services.AddActivateDatabase(options);
        builder.Services.AddSingleton<DatabasePulse>();
        builder.Services.AddSingleton<ExpiredRows>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ExpiredRows>());
    }

    /// <summary>Before serving: migrates, or where that is somebody's own step (<see cref="DatabaseOptions.MigrateAtStart"/>), refuses to serve on an older schema.</summary>
    public static async Task BringUpToDateAsync(this WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var pending = await database.PendingMigrationsAsync();
        if (app.Services.GetRequiredService<DatabaseOptions>().MigrateAtStart ?? (!app.Environment.IsProduction() || pending.Count == database.Database.GetMigrations().Count()))
        {
            await app.MigrateAsync();
            return;
        }

        while (pending is [var first, ..])
        {
            var before = pending.Count;
            await Task.Delay(s_oneMigration, TimeProvider.System);
            pending = await database.PendingMigrationsAsync();
            // Otherwise somebody migrates just now.
            if (pending.Count == before)
            {
                throw new StartupException($"The database lacks {before} migration(s), from {first} on. "
                    + "Make a backup, and run the command migrate with this version of the server; then start it. With Database:MigrateAtStart=true a start migrates.");
            }
        }

        await RequireRowVersionsAsync(database);
    }

    /// <summary>
    /// Writing SQLite takes a thread, also while the disk or another process's lock is waited for; one at a time (<c>SqliteTurns</c>). With as many threads as there are processors
    /// a slow disk would keep others waiting, and the pool adds only one or two a second.
    /// </summary>
    private static void HaveThreadsToWait()
    {
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + 2), completions);
    }

    /// <summary>Applies pending migrations. Nodes that start together take turns.</summary>
    public static async Task MigrateAsync(this WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        // A migration of large tables, or waiting for the node that does it, takes longer than a request may.
        database.Database.SetCommandTimeout(TimeSpan.FromMinutes(30));
        await database.MigrateTogetherAsync();
        await RequireRowVersionsAsync(database);
    }

    /// <summary>SQL Server as it comes lets a read wait for whoever writes the row: checks would stand still behind a large change, and end in deadlocks.</summary>
    internal static async Task RequireRowVersionsAsync(ActivateDbContext database)
    {
        if (!await database.KeepsRowVersionsAsync())
        {
            throw new StartupException(
                $"The database '{database.Database.GetDbConnection().Database}' has READ_COMMITTED_SNAPSHOT off, so that reading waits for writing. "
                + $"Turn it on, once: ALTER DATABASE [{database.Database.GetDbConnection().Database}] SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE");
        }
    }
}
