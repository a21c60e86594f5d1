using Activate.Identity.Data.Providers.Sqlite;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Data.Tests.Providers;

public class SqliteTests
{
    [Theory]
    [Trait("Case", "F6")]
    [InlineData("journal_mode", "wal")]
    [InlineData("synchronous", "2")]
    [InlineData("busy_timeout", "1700")]
    [InlineData("foreign_keys", "1")]
    public async Task A_connection_keeps_every_acknowledged_commit_and_waits_for_the_writer(string pragma, string expected)
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        // Twice: the second connection comes out of the pool.
        for (var i = 0; i < 2; i++)
            Assert.Equal(expected, await databases.QueryAsync(database => PragmaAsync(database, pragma)));
    }

    [Fact]
    [Trait("Case", "F3")]
    public async Task A_locked_database_is_unavailable_within_two_seconds_and_nothing_is_written()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        await using var other = new SqliteConnection(databases.ConnectionString);
        await other.OpenAsync();
        await Run(other, "BEGIN EXCLUSIVE");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => databases.AddUserAsync("ada"));
        Assert.True(DatabaseFaults.IsUnavailable(fault), fault.ToString());
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        // In WAL mode readers do not wait for the writer.
        Assert.Equal(0, await databases.QueryAsync(database => database.Users.CountAsync()));
        await Run(other, "ROLLBACK");
        Assert.NotEqual(Guid.Empty, await databases.AddUserAsync("ada"));
    }

    [Fact]
    [Trait("Case", "F3")]
    public async Task A_new_connection_waits_for_one_that_has_the_file_to_itself()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        SqliteConnection.ClearAllPools();
        var other = new SqliteConnection(new SqliteConnectionStringBuilder(databases.ConnectionString) { Pooling = false }.ToString());
        await other.OpenAsync();
        // As whoever recovers the log of a process that was killed.
        await Run(other, "PRAGMA locking_mode=EXCLUSIVE");
        await Run(other, "BEGIN EXCLUSIVE");
        var reading = Task.Run(() => databases.QueryAsync(database => database.Users.CountAsync()));
        await Task.Delay(200);
        Assert.False(reading.IsCompleted, "The file was not locked.");
        await other.DisposeAsync();
        Assert.Equal(0, await reading);
    }

    /// <summary>The driver waits by itself while it opens; what comes between that and our first statement is ours to wait for.</summary>
    [Fact]
    [Trait("Case", "F3")]
    public async Task A_connection_that_was_just_opened_waits_for_one_that_has_the_file_to_itself()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        SqliteConnection.ClearAllPools();
        var alone = new SqliteConnectionStringBuilder(databases.ConnectionString) { Pooling = false }.ToString();
        await using var opened = new SqliteConnection(alone);
        await opened.OpenAsync();
        var other = new SqliteConnection(alone);
        await other.OpenAsync();
        await Run(other, "PRAGMA locking_mode=EXCLUSIVE");
        await Run(other, "BEGIN EXCLUSIVE");
        var preparing = Task.Run(() => new SqlitePragmas().ConnectionOpened(opened, null!));
        await Task.WhenAny(preparing, Task.Delay(200));
        Assert.True(!preparing.IsCompleted, $"It did not wait: {preparing.Exception?.Message ?? "the file was not locked"}");
        await other.DisposeAsync();
        await preparing;
    }

    [Fact]
    [Trait("Case", "R9")]
    public async Task Fifty_writers_at_once_all_succeed()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Task.Run(async () =>
        {
            for (var tries = 1; ; tries++)
            {
                try
                {
                    await databases.QueryAsync(async database =>
                    {
                        await using var transaction = await database.Database.BeginTransactionAsync();
                        await database.Users.ExecuteUpdateAsync(set => set.SetProperty(u => u.CredentialsVersion, u => u.CredentialsVersion + 1));
                        database.Add(DatabaseIntents.NewKey(owner, $"key {i}"));
                        await database.SaveChangesAsync();
                        await transaction.CommitAsync();
                        return 0;
                    });
                    return;
                }
                catch (SqliteException exception) when (DatabaseFaults.IsUnavailable(exception) && !Tools.FullSize && tries < 5)
                {
                    // On a machine that runs all the tests fifty may take longer than one waits: whoever is told so comes again.
                }
            }
        })));
        Assert.Equal(50, await databases.QueryAsync(database => database.ApiKeys.CountAsync()));
        Assert.Equal(50, await databases.QueryAsync(database => database.Users.Select(u => u.CredentialsVersion).SingleAsync()));
    }

    [Fact]
    [Trait("Case", "F3")]
    public async Task A_database_whose_file_cannot_be_opened_is_unavailable()
    {
        await using var databases = Databases.At(DatabaseProvider.Sqlite, "Data Source=/dev/null/none/test.db");
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => databases.QueryAsync(database => database.Users.CountAsync()));
        Assert.True(DatabaseFaults.IsUnavailable(fault), fault.ToString());
    }

    [Theory]
    [Trait("Case", "F3")]
    [Trait("Case", "F5")]
    [InlineData("PRAGMA query_only=1")]
    [InlineData("PRAGMA max_page_count=1")]
    public async Task A_database_that_became_read_only_or_full_is_unavailable_for_writing_and_goes_on_reading(string state)
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        await databases.AddUserAsync("ada");
        var written = 0;
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => databases.QueryAsync(async database =>
        {
            await database.Database.OpenConnectionAsync();
            await Run((SqliteConnection)database.Database.GetDbConnection(), state);
            var owner = await database.Users.Select(u => u.Id).SingleAsync();
            // A full database still has room on the pages it has.
            for (; written < 1000; written++)
            {
                database.Add(DatabaseIntents.NewKey(owner, $"key {written}"));
                await database.SaveChangesAsync();
            }

            return 0;
        }));
        Assert.True(DatabaseFaults.IsUnavailable(fault), fault.ToString());
        SqliteConnection.ClearAllPools();
        Assert.Equal(written, await databases.QueryAsync(database => database.ApiKeys.CountAsync()));
        Assert.Equal(written, await databases.QueryAsync(database => database.ApiKeyHashes.CountAsync()));
    }

    [Fact]
    [Trait("Case", "F10")]
    public async Task The_lock_that_a_killed_migration_left_keeps_nobody_waiting()
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await using (var dead = new SqliteConnection(databases.ConnectionString))
        {
            await dead.OpenAsync();
            // As EF Core leaves it, which waits for this row to go for as long as it takes.
            await Run(dead, "CREATE TABLE \"__EFMigrationsLock\" (\"Id\" INTEGER NOT NULL CONSTRAINT \"PK___EFMigrationsLock\" PRIMARY KEY, \"Timestamp\" TEXT NOT NULL)");
            await Run(dead, "INSERT INTO \"__EFMigrationsLock\" VALUES (1, '2026-01-01')");
        }

        await databases.MigrateAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.NotEqual(Guid.Empty, await databases.AddUserAsync("ada"));
    }

    private static async Task<string?> PragmaAsync(ActivateDbContext database, string pragma)
    {
        await database.Database.OpenConnectionAsync();
        await using var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // The names stand in this file.
        command.CommandText = $"PRAGMA {pragma}";
#pragma warning restore CA2100
        return Convert.ToString(await command.ExecuteScalarAsync(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static async Task Run(SqliteConnection connection, string text)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = text;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
