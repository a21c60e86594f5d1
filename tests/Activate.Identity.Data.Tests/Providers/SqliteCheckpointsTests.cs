using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Data.Tests.Providers;

/// <summary>Who puts SQLite's log into its database, and when.</summary>
[Trait("Case", "R9")]
public class SqliteCheckpointsTests
{
    private const int Megabyte = 1_000_000;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task While_writers_never_rest_the_log_is_put_into_the_database_beside_them_and_begun_anew(int writers)
    {
        await using var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        var file = await databases.QueryAsync(async database =>
        {
            await database.Database.ExecuteSqlAsync($"CREATE TABLE big (bytes BLOB)");
            return new SqliteConnectionStringBuilder(database.Database.GetConnectionString()).DataSource;
        });
        using var stop = new CancellationTokenSource();
        // Somebody always reads, each from another moment.
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await databases.QueryAsync(database => database.Database.SqlQuery<int>($"SELECT COUNT(*) AS Value FROM big").SingleAsync());
        })).ToArray();
        // Less than what makes a writer do it.
        await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 240 / writers; i++)
                await databases.QueryAsync(database => database.Database.ExecuteSqlAsync($"INSERT INTO big VALUES (randomblob({Megabyte}))"));
        })));
        await stop.CancelAsync();
        await Task.WhenAll(readers);
        for (var until = DateTime.UtcNow.AddSeconds(20); new FileInfo(file).Length < 150 * Megabyte; await Task.Delay(50))
            Assert.True(DateTime.UtcNow < until, $"After 240 MB the database has {new FileInfo(file).Length} bytes, its log {new FileInfo(file + "-wal").Length}.");
        Assert.InRange(new FileInfo(file + "-wal").Length, 1, 150 * Megabyte);
        Assert.Equal(240 * Megabyte, await databases.QueryAsync(database => database.Database.SqlQuery<int>($"SELECT SUM(LENGTH(bytes)) AS Value FROM big").SingleAsync()));
    }
}
