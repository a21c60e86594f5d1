using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Activate.Identity.Testing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Data.Tests.Providers;

/// <summary>Who writes to SQLite when: in a process first come, first served; between processes as SQLite settles it.</summary>
[Trait("Case", "R9")]
public class SqliteTurnsTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Writers_wait_without_a_thread_and_are_served_in_the_order_in_which_they_came()
    {
        await using var databases = await MigratedAsync();
        await using var scope = databases.Scope();
        var first = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var transaction = await first.Database.BeginTransactionAsync();
        var served = new ConcurrentQueue<int>();
        var waiting = new List<Task>();
        for (var i = 0; i < 20; i++)
        {
            var number = i;
            waiting.Add(databases.QueryAsync(async database =>
            {
                // Each kind of writer there is.
                await (number % 3 == 0 ? IncreaseAsync(database) : number % 3 == 1 ? RenameAsync(database, number) : InTransactionAsync(database, served, number));
                if (number % 3 != 2)
                    served.Enqueue(number);
                return 0;
            }));
        }

        // Each began to wait on this very thread, and gave it back.
        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        Assert.Equal(0, await databases.QueryAsync(database => database.Users.SumAsync(user => user.CredentialsVersion)));
        await transaction.CommitAsync();
        await Task.WhenAll(waiting);
        // Two that stand together may be written down in either order; nobody is passed over.
        Assert.All(served.Select((number, place) => Math.Abs(number - place)), distance => Assert.True(distance <= 2, string.Join(' ', served)));
        Assert.Equal(13, await databases.QueryAsync(database => database.Users.SumAsync(user => user.CredentialsVersion)));
    }

    public static TheoryData<string> Endings => ["commit", "rollback", "dispose", "fails", "statement fails", "cancelled", "saves nothing", "context is given back"];

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task A_turn_ends_with_its_transaction_however_that_ends(string ending)
    {
        await using var databases = await MigratedAsync();
        // More than once, and on contexts from the pool.
        for (var i = 0; i < 3; i++)
        {
            var scope = databases.Scope();
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            await database.Database.OpenConnectionAsync();
            await EndAsync(databases, database, ending);
            if (ending is "context is given back")
                await scope.DisposeAsync();
            var watch = Stopwatch.StartNew();
            Assert.Equal(1, await databases.QueryAsync(IncreaseAsync));
            Assert.True(watch.Elapsed < DatabaseSetup.WriterPatience / 2, $"The next writer waited for {watch.Elapsed}.");
            await scope.DisposeAsync();
        }
    }

    [Fact]
    [Trait("Case", "F3")]
    public async Task While_another_process_holds_the_lock_everybody_who_waits_is_told_in_time()
    {
        await using var databases = await MigratedAsync();
        await using var other = new SqliteConnection(databases.ConnectionString);
        await other.OpenAsync();
        await RunAsync(other, "BEGIN IMMEDIATE");
        var took = await Task.WhenAll(Enumerable.Range(0, 30).Select(async i =>
        {
            // They do not come all at once.
            await Task.Delay(i * 20);
            var watch = Stopwatch.StartNew();
            var fault = await Record.ExceptionAsync(() => databases.QueryAsync(database => i % 2 == 0 ? IncreaseAsync(database) : RenameAsync(database, i)));
            Assert.True(fault is not null && DatabaseFaults.IsUnavailable(fault), $"{fault}");
            return watch.Elapsed;
        }));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"told after {took.Min().TotalSeconds:F2} to {took.Max().TotalSeconds:F2} s"));
        Assert.True(took.Max() < TimeSpan.FromSeconds(Tools.FullSize ? 2 : 4), $"The last was told after {took.Max()}.");
        await RunAsync(other, "ROLLBACK");
        Assert.Equal(1, await databases.QueryAsync(IncreaseAsync));
    }

    [Fact]
    public async Task A_writer_of_another_process_gets_in_among_writers_that_never_rest()
    {
        await using var databases = await MigratedAsync();
        // Its turns are its own, as those of another process are: between the two there is only SQLite.
        await using var other = Databases.At(DatabaseProvider.Sqlite, databases.ConnectionString);
        using var stop = new CancellationTokenSource();
        var written = 0;
        var busy = Enumerable.Range(0, 20).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await databases.QueryAsync(IncreaseAsync);
                Interlocked.Increment(ref written);
            }
        })).ToArray();
        var waits = new List<double>();
        for (var i = 0; i < (Tools.FullSize ? 1_000 : 50); i++)
        {
            var watch = Stopwatch.StartNew();
            await other.QueryAsync(IncreaseAsync);
            waits.Add(watch.Elapsed.TotalMilliseconds);
        }

        await stop.CancelAsync();
        await Task.WhenAll(busy);
        waits.Sort();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{written} turns of the others; one from outside waited {waits[waits.Count / 2]:F1} ms in the middle, {waits[^1]:F0} ms at most"));
        Assert.Equal(written + waits.Count, await databases.QueryAsync(database => database.Users.SumAsync(user => user.CredentialsVersion)));
    }

    private static async Task EndAsync(Databases databases, ActivateDbContext database, string ending)
    {
        switch (ending)
        {
            case "statement fails":
                // The foreign key refuses.
                await Assert.ThrowsAnyAsync<SqliteException>(() => database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.OrganizationId, Guid.CreateVersion7())));
                return;
            case "saves nothing":
                Assert.Equal(0, await database.SaveChangesAsync());
                return;
        }

        var transaction = await database.Database.BeginTransactionAsync();
        await IncreaseAsync(database);
        switch (ending)
        {
            case "commit":
                await transaction.CommitAsync();
                break;
            case "rollback":
                await transaction.RollbackAsync();
                break;
            case "dispose":
                await transaction.DisposeAsync();
                break;
            case "fails":
                await Assert.ThrowsAnyAsync<SqliteException>(() => database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.OrganizationId, Guid.CreateVersion7())));
                await transaction.DisposeAsync();
                break;
            case "cancelled":
                using (var impatience = new CancellationTokenSource(20))
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(() => databases.QueryAsync(other => other.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.AccessFailedCount, 0), impatience.Token)));
                await transaction.DisposeAsync();
                break;
            case "context is given back":
                break;
            default:
                Assert.Fail(ending);
                break;
        }
    }

    private static async Task<Databases> MigratedAsync()
    {
        var databases = await Databases.CreateAsync(DatabaseProvider.Sqlite);
        await databases.MigrateAsync();
        await databases.AddUserAsync("ada");
        // What EF Core makes once is made.
        await databases.QueryAsync(database => database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.AccessFailedCount, 0)));
        return databases;
    }

    private static Task<int> IncreaseAsync(ActivateDbContext database) =>
        database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.CredentialsVersion, user => user.CredentialsVersion + 1));

    private static async Task<int> RenameAsync(ActivateDbContext database, int number)
    {
        var user = await database.Users.AsTracking().SingleAsync();
        user.DisplayName = $"Ada {number}";
        return await database.SaveChangesAsync();
    }

    private static async Task<int> InTransactionAsync(ActivateDbContext database, ConcurrentQueue<int> served, int number)
    {
        await using var transaction = await database.Database.BeginTransactionAsync();
        served.Enqueue(number);
        var changed = await IncreaseAsync(database);
        await transaction.CommitAsync();
        return changed;
    }

    private static async Task RunAsync(SqliteConnection connection, string text)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts stand in this file.
        command.CommandText = text;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
