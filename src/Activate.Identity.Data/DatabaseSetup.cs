using Activate.Identity.Data.Providers.PostgreSql;
using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Data.Providers.SqlServer;
using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data;

/// <summary>The only switch on the database provider.</summary>
public static class DatabaseSetup
{
    /// <summary>Registers <see cref="ActivateDbContext"/> for the chosen database.</summary>
    public static IServiceCollection AddActivateDatabase(this IServiceCollection services, DatabaseOptions options)
    {
        var connectionString = options.ConnectionString ?? throw new ArgumentException("Database:ConnectionString is empty.", nameof(options));
        services.AddIdentitySchema();
        return options.Provider switch
        {
            DatabaseProvider.Sqlite => services.AddDbContextPool<ActivateDbContext, SqliteActivateDbContext>(
                builder => builder.UseSqlite(connectionString).AddInterceptors(new SqlitePragmas())),
            DatabaseProvider.SqlServer => services.AddDbContextPool<ActivateDbContext, SqlServerActivateDbContext>(builder => builder.UseSqlServer(connectionString)),
            DatabaseProvider.PostgreSql => services.AddDbContextPool<ActivateDbContext, PostgreSqlActivateDbContext>(builder => builder.UseNpgsql(connectionString)),
        };
    }

    /// <summary>The context takes the version of Identity's tables from these options: 3 has passkeys.</summary>
    internal static IServiceCollection AddIdentitySchema(this IServiceCollection services) =>
        services.Configure<IdentityOptions>(options => options.Stores.SchemaVersion = IdentitySchemaVersions.Version3);

    /// <summary>The connection string of an SQLite file.</summary>
    public static string SqliteFile(string path) => new SqliteConnectionStringBuilder { DataSource = path, Cache = SqliteCacheMode.Private }.ToString();
}
