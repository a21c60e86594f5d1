using Activate.Identity.Data.Audit;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Activate.Identity.Data.Tests;

/// <summary>What every database has to do alike.</summary>
public class DatabaseTests
{
    [Theory]
    [EachDatabase]
    public async Task A_time_comes_back_as_the_same_moment_in_UTC_and_compares_in_the_database(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        var end = new DateTime(2026, 3, 29, 1, 30, 15, 123, DateTimeKind.Utc);
        await databases.QueryAsync(async database =>
        {
            database.AddRange(DatabaseIntents.NewKey(owner, "ends", end), DatabaseIntents.NewKey(owner, "endless"), DatabaseIntents.NewKey(owner, "local", end.AddHours(1).ToLocalTime()));
            return await database.SaveChangesAsync();
        });
        var stored = await databases.QueryAsync(database => database.ApiKeys.AsNoTracking().ToDictionaryAsync(key => key.Name));
        Assert.Equal((end, DateTimeKind.Utc), (stored["ends"].ExpiresAt!.Value, stored["ends"].ExpiresAt!.Value.Kind));
        Assert.Equal(end.AddHours(1), stored["local"].ExpiresAt);
        Assert.Null(stored["endless"].ExpiresAt);
        Assert.Equal(0, await databases.QueryAsync(database => database.ApiKeys.CountAsync(key => key.ExpiresAt < end)));
        Assert.Equal(1, await databases.QueryAsync(database => database.ApiKeys.CountAsync(key => key.ExpiresAt <= end)));
        Assert.Equal(1, await databases.QueryAsync(database => database.ApiKeys.CountAsync(key => key.ExpiresAt > end)));
    }

    [Theory]
    [EachDatabase]
    public async Task A_time_keeps_its_ticks_down_to_microseconds(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var at = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(1_234_560);
        await databases.QueryAsync(async database =>
        {
            database.Add(new AuditEvent { Id = Guid.CreateVersion7(), Type = "test", At = at });
            return await database.SaveChangesAsync();
        });
        Assert.Equal(at, await databases.QueryAsync(database => database.AuditEvents.Select(e => e.At).SingleAsync()));
    }

    [Theory]
    [Trait("Case", "R7")]
    [EachDatabase]
    public async Task A_second_row_under_a_unique_index_is_a_duplicate_and_not_an_outage(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        Assert.True(DatabaseFaults.IsDuplicate(await RefusedAsync(databases, new Organization { Id = Guid.CreateVersion7(), Slug = "ada", Name = "x" })));
        var key = DatabaseIntents.NewKey(owner, "a");
        await databases.QueryAsync(async database =>
        {
            database.Add(key);
            return await database.SaveChangesAsync();
        });
        var fault = await RefusedAsync(databases, DatabaseIntents.NewKey(owner, "a"));
        Assert.True(DatabaseFaults.IsDuplicate(fault));
        Assert.False(DatabaseFaults.IsUnavailable(fault));
        // A primary key is unique, too.
        Assert.True(DatabaseFaults.IsDuplicate(await RefusedAsync(databases, new ApiKeyHash { Hash = key.Hashes.Single().Hash, ApiKeyId = key.Id })));
        // A foreign key is another matter.
        Assert.False(DatabaseFaults.IsDuplicate(await RefusedAsync(databases, DatabaseIntents.NewKey(Guid.NewGuid(), "b"))));
    }

    [Theory]
    [Trait("Case", "C9")]
    [EachDatabase]
    public async Task Names_are_compared_character_by_character_so_that_normalizing_is_ours_alone(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        // Spaces at the end are for the rules of names: SQL Server looks past them.
        string[] names = ["NIGHTLY", "nightly", " NIGHTLY", "NİGHTLY", "STRASSE", "STRAßE", "é", "e\u0301", "%", "_"];
        await databases.QueryAsync(async database =>
        {
            database.AddRange(names.Select(name => DatabaseIntents.NewKey(owner, name)));
            return await database.SaveChangesAsync();
        });
        foreach (var name in names)
            Assert.Equal(name, await databases.QueryAsync(database => database.ApiKeys.Where(key => key.NormalizedName == name).Select(key => key.Name).SingleAsync()));
    }

    [Theory]
    [EachDatabase]
    public async Task Version_7_ids_sort_in_the_order_in_which_they_were_made(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var ids = Enumerable.Range(0, 50).Select(i => Guid.CreateVersion7(start.AddMilliseconds(i * 7919))).ToArray();
        await databases.QueryAsync(async database =>
        {
            database.AddRange(ids.Select(id => new AuditEvent { Id = id, Type = "test" }).Reverse());
            return await database.SaveChangesAsync();
        });
        Assert.Equal(ids, await databases.QueryAsync(database => database.AuditEvents.OrderBy(e => e.Id).Select(e => e.Id).ToArrayAsync()));
        Assert.Equal(ids[..20], await databases.QueryAsync(database => database.AuditEvents.Where(e => e.Id.CompareTo(ids[20]) < 0).OrderBy(e => e.Id).Select(e => e.Id).ToArrayAsync()));
    }

    [Theory]
    [EachDatabase]
    public async Task Deleting_a_user_takes_the_credentials_along_and_an_organization_with_users_stays(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var owner = await databases.AddUserAsync("ada");
        await databases.QueryAsync(async database =>
        {
            database.Add(DatabaseIntents.NewKey(owner, "a"));
            return await database.SaveChangesAsync();
        });
        await Assert.ThrowsAnyAsync<Exception>(() => databases.QueryAsync(database => database.Organizations.ExecuteDeleteAsync()));
        Assert.Equal(1, await databases.QueryAsync(database => database.Users.ExecuteDeleteAsync()));
        Assert.Equal(0, await databases.QueryAsync(database => database.ApiKeys.CountAsync()));
        Assert.Equal(0, await databases.QueryAsync(database => database.ApiKeyHashes.CountAsync()));
    }

    [Theory]
    [Trait("Case", "F3")]
    [InlineData("Host=127.0.0.1;Port=1;Username=x;Timeout=2")]
    [InlineData("Host=127.0.0.1;Port=1;Username=x;Database=y;Pooling=false;Timeout=1")]
    public async Task A_PostgreSQL_that_nobody_answers_for_is_unavailable(string connectionString)
    {
        await using var databases = Databases.At(DatabaseProvider.PostgreSql, connectionString);
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => databases.QueryAsync(database => database.Users.CountAsync()));
        Assert.True(DatabaseFaults.IsUnavailable(fault), fault.ToString());
    }

    [Theory]
    [InlineData("53100", true)]
    [InlineData("53300", true)]
    [InlineData("57P01", true)]
    [InlineData("57P03", true)]
    [InlineData("40001", true)]
    [InlineData("40P01", true)]
    [InlineData("23505", false)]
    [InlineData("42P01", false)]
    [InlineData("22001", false)]
    public void PostgreSQL_states_are_told_apart(string state, bool unavailable) =>
        Assert.Equal(unavailable, DatabaseFaults.IsUnavailable(new InvalidOperationException("outer", new PostgresException("x", "ERROR", "ERROR", state))));

    /// <summary>Transactions are ours: a strategy that repeats commands would repeat half of one, or all of one whose commit was only not heard of. Callers are told to come back instead.</summary>
    [Theory]
    [InlineData(DatabaseProvider.Sqlite)]
    [InlineData(DatabaseProvider.SqlServer)]
    [InlineData(DatabaseProvider.PostgreSql)]
    public async Task No_database_repeats_commands_by_itself(DatabaseProvider provider)
    {
        await using var databases = Databases.Offline(provider);
        Assert.False(await databases.QueryAsync(database => Task.FromResult(database.Database.CreateExecutionStrategy().RetriesOnFailure)));
    }

    [Fact]
    public void A_bug_of_ours_is_no_outage()
    {
        Assert.False(DatabaseFaults.IsUnavailable(new InvalidOperationException("no")));
        Assert.False(DatabaseFaults.IsUnavailable(new TimeoutException()));
        Assert.False(DatabaseFaults.IsDuplicate(new DbUpdateException("no", new InvalidOperationException())));
    }

    private static Task<DbUpdateException> RefusedAsync(Databases databases, object row) => Assert.ThrowsAsync<DbUpdateException>(() => databases.QueryAsync(async database =>
    {
        database.Add(row);
        return await database.SaveChangesAsync();
    }));
}
