using Activate.Identity.Data.Providers.SqlServer;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Tests;

/// <summary>An empty database of a provider, and contexts on it, registered as the server does it.</summary>
public sealed class Databases : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly string? _folder;
    private readonly Func<Task>? _drop;

    private Databases(DatabaseOptions options, string? folder, Func<Task>? drop = null, params IInterceptor[] interceptors)
    {
        (_folder, _drop) = (folder, drop);
        _services = new ServiceCollection().ConfigureDbContext<SqlServerActivateDbContext>(builder => builder.AddInterceptors(interceptors)).AddActivateDatabase(options).BuildServiceProvider();
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
        if (await TestDatabases.CreateAsync(provider) is { } connectionString)
            return new Databases(new DatabaseOptions { Provider = provider, ConnectionString = connectionString }, null, () => TestDatabases.DropAsync(provider, connectionString));
        var folder = Directory.CreateTempSubdirectory("activate-data-").FullName;
        return new Databases(new DatabaseOptions { Provider = DatabaseProvider.Sqlite, ConnectionString = DatabaseSetup.SqliteFile(Path.Combine(folder, "test.db")) + sqliteOptions }, folder);
    }

    /// <summary>Contexts for looking at the model and generating scripts: nothing is ever connected to.</summary>
    public static Databases Offline(DatabaseProvider provider, params IInterceptor[] interceptors) => new(new DatabaseOptions
    {
        Provider = provider,
        ConnectionString = provider switch
        {
            DatabaseProvider.Sqlite => "Data Source=none.db",
            DatabaseProvider.SqlServer => "Server=none",
            DatabaseProvider.PostgreSql => "Host=none",
        },
    }, null, interceptors: interceptors);

    public static Databases At(DatabaseProvider provider, string connectionString) => new(new DatabaseOptions { Provider = provider, ConnectionString = connectionString }, null);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        if (_drop is not null)
            await _drop();
        if (_folder is null)
            return;
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }
}
