using Activate.Identity.Data.Audit;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Data.Tests;

public class AuditRulesTests
{
    [Theory]
    [EachDatabase]
    public async Task An_event_that_was_written_can_be_neither_changed_nor_deleted(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var written = new AuditEvent { Id = Guid.CreateVersion7(), At = DateTime.UnixEpoch, Type = AuditTypes.SignedIn, Detail = "as it was" };
        await databases.QueryAsync(database =>
        {
            database.AuditEvents.Add(written);
            return database.SaveChangesAsync();
        });
        foreach (var change in (Action<ActivateDbContext, AuditEvent>[])[(database, e) => database.Entry(e).Property(x => x.Detail).CurrentValue = "another", (database, e) => database.AuditEvents.Remove(e)])
        {
            await databases.QueryAsync(async database =>
            {
                change(database, await database.AuditEvents.SingleAsync());
                await Assert.ThrowsAsync<InvalidOperationException>(() => database.SaveChangesAsync());
                Assert.Throws<InvalidOperationException>(() => database.SaveChanges());
                return 0;
            });
        }

        await databases.QueryAsync(async database =>
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => database.AuditEvents.ExecuteDeleteAsync());
            await Assert.ThrowsAsync<InvalidOperationException>(() => database.AuditEvents.Where(e => e.Id == written.Id).Take(1).ExecuteDeleteAsync());
            await Assert.ThrowsAsync<InvalidOperationException>(() => database.AuditEvents.ExecuteUpdateAsync(set => set.SetProperty(e => e.Detail, "another")));
            await Assert.ThrowsAsync<InvalidOperationException>(() => database.AuditEvents.TagWith(AuditRules.Retention).ExecuteUpdateAsync(set => set.SetProperty(e => e.Detail, "another")));
            Assert.Equal(0, await database.AuditEvents.TagWith(AuditRules.Retention).Where(e => e.Id != written.Id).OrderBy(e => e.At).Take(1).ExecuteDeleteAsync());
            return 0;
        });
        Assert.Equal("as it was", await databases.QueryAsync(database => database.AuditEvents.Select(e => e.Detail).SingleAsync()));
    }

    [Theory]
    [EachDatabase]
    public async Task Each_new_user_is_named_in_the_log_and_one_who_could_not_be_saved_is_not(DatabaseProvider provider)
    {
        await using var databases = await Databases.CreateAsync(provider);
        await databases.MigrateAsync();
        var ada = await databases.AddUserAsync("ada");
        await databases.QueryAsync(async database =>
        {
            var organization = await database.Organizations.Select(o => o.Id).SingleAsync();
            var twin = new Accounts.User { Id = Guid.CreateVersion7(), OrganizationId = organization, UserName = "ada", NormalizedUserName = "ada" };
            database.Users.Add(twin);
            await Assert.ThrowsAsync<DbUpdateException>(() => database.SaveChangesAsync());
            database.Entry(twin).State = EntityState.Detached;
            // What else the context holds can be saved.
            Assert.Equal(0, await database.SaveChangesAsync());
            return 0;
        });
        Assert.Equal([(ada, "ada")], (await databases.QueryAsync(database => database.AuditPersons.ToListAsync())).Select(person => (person.UserId, person.Username)));
    }
}
