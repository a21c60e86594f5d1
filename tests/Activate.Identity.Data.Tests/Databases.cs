using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Tests;

/// <summary>An empty database of a provider, and contexts on it, registered as the server does it.</summary>
public sealed class Databases : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly string? _folder;

    private Databases(DatabaseOptions options, string? folder)
    {
        _folder = folder;
        _services = new ServiceCollection().AddActivateDatabase(options).BuildServiceProvider();
        ConnectionString = options.ConnectionString!;
    }

    public string ConnectionString { get; }

    /// <summary>Its own scope and context; dispose of both by disposing of the scope.</summary>
    public AsyncServiceScope Scope() => _services.CreateAsyncScope();

    public async Task<T> QueryAsync<T>(Func<ActivateDbContext, Task<T>> query)
    {
        await using var scope = Scope();
        return await query(scope.ServiceProvider.GetRequiredService<ActivateDbContext>());
    }

    public static async Task<Databases> CreateAsync(DatabaseProvider provider, string sqliteOptions = "")
    {
        if (provider == DatabaseProvider.PostgreSql)
            return new Databases(new DatabaseOptions { Provider = provider, ConnectionString = await (await PostgreSqlServer.GetAsync()).CreateDatabaseAsync() }, null);
        var folder = Directory.CreateTempSubdirectory("activate-data-").FullName;
        return new Databases(new DatabaseOptions { Provider = DatabaseProvider.Sqlite, ConnectionString = DatabaseSetup.SqliteFile(Path.Combine(folder, "test.db")) + sqliteOptions }, folder);
    }

    /// <summary>Contexts for looking at the model and generating scripts: nothing is ever connected to.</summary>
    public static Databases Offline(DatabaseProvider provider) => new(new DatabaseOptions
    {
        Provider = provider,
        ConnectionString = provider switch
        {
            DatabaseProvider.Sqlite => "Data Source=none.db",
            DatabaseProvider.SqlServer => "Server=none",
            DatabaseProvider.PostgreSql => "Host=none",
        },
    }, null);

    public static Databases At(DatabaseProvider provider, string connectionString) => new(new DatabaseOptions { Provider = provider, ConnectionString = connectionString }, null);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        if (_folder is null)
            return;
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }
}
