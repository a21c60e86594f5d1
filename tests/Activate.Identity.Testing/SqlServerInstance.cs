using System.Security.Cryptography;
using DotNet.Testcontainers.Builders;
using Microsoft.Data.SqlClient;
using Testcontainers.MsSql;

namespace Activate.Identity.Testing;

/// <summary>
/// A real SQL Server with a database for each caller: the one that <c>ACTIVATE_TEST_SQLSERVER</c> names (a connection string of somebody who may create
/// databases), else one in a container where Docker is.
/// </summary>
public sealed class SqlServerInstance
{
    private static readonly string? s_configured = Environment.GetEnvironmentVariable("ACTIVATE_TEST_SQLSERVER") is { Length: > 0 } configured ? configured : null;
    private static readonly Lazy<Task<SqlServerInstance>> s_instance = new(StartAsync);
    // Several machines may test on one server.
    private readonly string _prefix = $"activate_test_{RandomNumberGenerator.GetHexString(8, lowercase: true)}_";
    private readonly string _administration;
    private int _databases;

    private SqlServerInstance(string administration) => _administration = administration;

    /// <summary>Somebody named a server: then tests use it unasked.</summary>
    public static bool IsConfigured => s_configured is not null;

    /// <summary>The running server; skips the test when there is none. Docker is the one thing a test may lack even when all tests are required: most machines cannot have it.</summary>
    public static async Task<SqlServerInstance> GetAsync()
    {
        try
        {
            return await s_instance.Value;
        }
        catch (DockerUnavailableException exception)
        {
            Xunit.Assert.Skip($"No SQL Server: ACTIVATE_TEST_SQLSERVER is not set, and there is no Docker: {exception.Message.Split('\n')[0]}");
            throw;
        }
    }

    /// <summary>The connection string of a new, empty database, set up as docs/operations.md asks for.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"{_prefix}{Interlocked.Increment(ref _databases)}";
        await RunAsync($"CREATE DATABASE [{name}]");
        await RunAsync($"ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE; ALTER DATABASE [{name}] SET RECOVERY SIMPLE");
        return new SqlConnectionStringBuilder(_administration) { InitialCatalog = name, MaxPoolSize = 40 }.ToString();
    }

    public Task DropDatabaseAsync(string connectionString)
    {
        using (var pooled = new SqlConnection(connectionString))
            SqlConnection.ClearPool(pooled);
        var name = new SqlConnectionStringBuilder(connectionString).InitialCatalog;
        return RunAsync($"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [{name}]");
    }

    private static async Task<SqlServerInstance> StartAsync()
    {
        if (s_configured is not null)
            return new SqlServerInstance(s_configured);
        // The container goes with the process: Testcontainers' reaper sees to it.
        var container = new MsSqlBuilder("mcr.microsoft.com/mssql/server:2022-latest").Build();
        await container.StartAsync();
        return new SqlServerInstance(container.GetConnectionString());
    }

    private async Task RunAsync(string sql)
    {
        await using var connection = new SqlConnection(_administration);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The names are made here.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
