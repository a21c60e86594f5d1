using System.Data.Common;
using System.Security.Cryptography;
using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Activate.Identity.Server.Tests.Web;

[Trait("Database", "Differs")]
public sealed class WriteQueueTests
{
    [Theory]
    [EachDatabase]
    public async Task A_row_that_a_unique_index_refuses_does_not_hurt_those_that_share_its_transaction(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = provider });
        var inserts = server.Services().GetRequiredService<QueuedInsert<DeviceRequest>>();
        var taken = Request(server);
        await inserts.RunAsync(taken, TestContext.Current.CancellationToken);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 200).Select(async n =>
        {
            var row = n % 10 == 0 ? Request(server, taken.UserCodeHash) : Request(server);
            try
            {
                await Task.Yield();
                await inserts.RunAsync(row, TestContext.Current.CancellationToken);
                return (row.Id, Written: true);
            }
            catch (DbException exception) when (DatabaseFaults.IsDuplicate(exception))
            {
                return (row.Id, Written: false);
            }
        }));

        Assert.Equal(180, outcomes.Count(outcome => outcome.Written));
        var stored = await server.QueryAsync(database => database.DeviceRequests.ToDictionaryAsync(request => request.Id));
        Assert.All(outcomes, outcome => Assert.Equal(outcome.Written, stored.ContainsKey(outcome.Id)));
        var same = stored[taken.Id];
        Assert.Equal(taken.UserCodeHash, same.UserCodeHash);
        Assert.Equal((taken.Scopes, null, taken.LifetimeWish, taken.CreatedAt, taken.ExpiresAt, taken.Status, null),
            (same.Scopes, same.DeviceName, same.LifetimeWish, same.CreatedAt, same.ExpiresAt, same.Status, same.DecidedBy));
    }

    [Fact, Trait("Case", "R9")]
    public async Task Writers_that_wait_longer_than_a_writer_may_are_all_refused_and_nothing_of_theirs_is_written()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = DatabaseProvider.Sqlite });
        var inserts = server.Services().GetRequiredService<QueuedInsert<DeviceRequest>>();
        await inserts.RunAsync(Request(server), TestContext.Current.CancellationToken);
        await server.QueryAsync(async database =>
        {
            await using var transaction = await database.Database.BeginTransactionAsync();
            await database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.AccessFailedCount, 0));
            var faults = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Record.ExceptionAsync(async () => await inserts.RunAsync(Request(server), CancellationToken.None)).AsTask()));
            Assert.All(faults, fault => Assert.True(fault is not null && DatabaseFaults.IsUnavailable(fault), $"{fault}"));
            return 0;
        });

        await inserts.RunAsync(Request(server), TestContext.Current.CancellationToken);
        Assert.Equal(2, await server.QueryAsync(database => database.DeviceRequests.CountAsync()));
    }

    [Fact, Trait("Case", "R9")]
    public async Task A_write_that_fails_half_way_through_a_transaction_leaves_the_database_to_others()
    {
        await using var server = await TestServer.StartAsync();
        var inserts = server.Services().GetRequiredService<QueuedInsert<DeviceRequest>>();
        // Nobody has this id: the foreign key refuses.
        await Assert.ThrowsAnyAsync<DbException>(async () => await inserts.RunAsync(Request(server, decidedBy: Guid.CreateVersion7()), TestContext.Current.CancellationToken));
        Assert.Equal(1, await server.QueryAsync(database => database.Users.ExecuteUpdateAsync(set => set.SetProperty(user => user.AccessFailedCount, 0))));
        await inserts.RunAsync(Request(server), TestContext.Current.CancellationToken);
        Assert.Equal(1, await server.QueryAsync(database => database.DeviceRequests.CountAsync()));
    }

    /// <summary>Decision 25: <c>PRAGMA synchronous</c> as it is within the transaction, 1 for NORMAL and 2 for FULL.</summary>
    [Fact, Trait("Case", "F6")]
    public async Task What_may_be_asked_for_again_does_not_wait_for_the_disk_unless_it_shares_a_transaction_with_what_must()
    {
        await using var server = await TestServer.StartAsync(new TestServerOptions { Database = DatabaseProvider.Sqlite });
        await using var must = Write(waitsForDisk: true);
        await using var may = Write(waitsForDisk: false);
        Assert.Equal((1, 2, 1, 2), (await RunAsync(may), await RunAsync(must), await RunAsync(may), await RunAsync(must)));

        // Both wait while another is written, and then share a transaction.
        var begun = new TaskCompletionSource();
        using var go = new ManualResetEventSlim();
        var first = RunAsync(may, () =>
        {
            begun.SetResult();
            Assert.True(go.Wait(TimeSpan.FromSeconds(30)));
        });
        await begun.Task;
        var (second, third) = (RunAsync(may), RunAsync(must));
        go.Set();
        Assert.Equal((1, 2, 2), (await first, await second, await third));

        // One that fails sets it back, too.
        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(may, () => throw new InvalidOperationException("fails")));
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => server.QueryAsync(database => database.Database.SqlQuery<int>($"SELECT synchronous AS Value FROM pragma_synchronous").SingleAsync()))),
            synchronous => Assert.Equal(2, synchronous));

        QueuedWrite Write(bool waitsForDisk) => new(server.Services().GetRequiredService<IServiceScopeFactory>(), server.Services().GetRequiredService<WriteQueue>(),
            database => QueuedWrite.Update<Data.Accounts.User>(database, """UPDATE "Users" SET "AccessFailedCount" = @count WHERE 1 = 0""", ("@count", nameof(Data.Accounts.User.AccessFailedCount))), waitsForDisk);

        static async Task<long> RunAsync(QueuedWrite write, Action? meanwhile = null)
        {
            var synchronous = 0L;
            await write.RunAsync(command =>
            {
                using var pragma = command.Connection!.CreateCommand();
                pragma.CommandText = "PRAGMA synchronous";
                pragma.Transaction = command.Transaction;
                synchronous = (long)pragma.ExecuteScalar()!;
                meanwhile?.Invoke();
                command.Parameters[0].Value = 0;
            }, TestContext.Current.CancellationToken);
            return synchronous;
        }
    }

    private static DeviceRequest Request(TestServer server, byte[]? userCodeHash = null, Guid? decidedBy = null) => new()
    {
        DecidedBy = decidedBy,
        Id = Guid.CreateVersion7(),
        DeviceCodeHash = RandomNumberGenerator.GetBytes(32),
        UserCodeHash = userCodeHash ?? RandomNumberGenerator.GetBytes(32),
        ClientId = TestServer.Cli,
        Scopes = "platform",
        LifetimeWish = 3,
        Address = "127.0.0.1",
        CreatedAt = new DateTime(2026, 11, 28, 12, 0, 0, 123, 456, DateTimeKind.Utc),
        ExpiresAt = server.Now.Date.AddDays(2),
        Interval = 5,
        Status = DeviceRequestStatus.Pending,
    };
}
