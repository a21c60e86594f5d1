using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Web;
using Activate.Identity.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Audit;

/// <summary>How long events are kept, and what goes with a person.</summary>
[Trait("Database", "Differs")]
public class AuditKeepingTests
{
    [Theory]
    [EachDatabase]
    public async Task Events_older_than_the_retention_go_and_the_others_stay(DatabaseProvider provider)
    {
        await using var server = await TestServer.StartAsync(new() { FakeClock = true, Database = provider, Settings = new Dictionary<string, string?> { ["Audit:RetentionDays"] = "30" } });
        var user = await server.AddUserAsync();
        var now = server.Now;
        await server.QueryAsync(async database =>
        {
            // More than two batches of old ones, of an organization and of none.
            foreach (var (organization, days, count) in ((Guid?, int, int)[])[(user.OrganizationId, 31, 1100), (null, 31, 3), (user.OrganizationId, 29, 2), (null, 29, 1)])
            {
                database.AuditEvents.AddRange(Enumerable.Range(0, count).Select(i =>
                {
                    var id = Guid.CreateVersion7(now.AddDays(-days));
                    return new AuditEvent
                    {
                        Id = id, At = now.AddDays(-days), OrganizationId = organization, Type = AuditTypes.ApiKeyCreated, ActorId = user.Id,
                        Words = new AuditWords { EventId = id, PersonId = user.Id, Text = "a key" },
                    };
                }));
            }

            return await database.SaveChangesAsync();
        });
        await server.Services().GetRequiredService<ExpiredRows>().DeleteAsync(default);
        Assert.Equal((3, 3), await server.QueryAsync(async database => (await database.AuditEvents.CountAsync(e => e.Type == AuditTypes.ApiKeyCreated), await database.AuditWords.CountAsync())));
    }

    [Fact]
    [Trait("Case", "L6")]
    public async Task A_person_who_is_forgotten_is_an_id_in_events_that_are_otherwise_as_they_were()
    {
        // The rows are looked at: files of SQLite may hold what was deleted until its pages are used again.
        // Mail waits in the table, for a mail server that is not there: what was sent is in mailboxes, not ours to forget.
        await using var server = await TestServer.StartAsync(new()
        {
            FakeClock = true, Database = TestDatabases.OnAServer, Settings = new Dictionary<string, string?> { ["Mail:Host"] = "127.0.0.1", ["Mail:Port"] = "9", ["Mail:Security"] = "None", ["Mail:From"] = "id@example.test" },
        });
        var person = await server.AddUserAsync(Role.Member, "hopper");
        var session = await server.GrantAsync(person.Id);
        await server.CreateApiKeyAsync(session, "hopper’s laptop");
        var admin = await server.AddUserAsync(Role.Admin);
        var adminSession = await server.GrantAsync(admin.Id, "audit:read");
        const string Log = "/api/v1/organization/audit-events?type=api_key.created";
        var before = (await server.GetAsync(Log, adminSession)).Json.GetProperty("items")[0];
        Assert.Equal(("hopper", "hopper’s laptop"), (before.GetProperty("actor").GetProperty("username").GetString(), before.GetProperty("name").GetString()));

        await using (var scope = server.Services().CreateAsyncScope())
        {
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            await database.Users.Where(u => u.Id == person.Id).ExecuteDeleteAsync();
            await scope.ServiceProvider.GetRequiredService<AuditTrail>().ForgetAsync(person.Id, default);
        }

        var after = (await server.GetAsync(Log, adminSession)).Json.GetProperty("items")[0];
        Assert.Equal(before.GetProperty("id").GetString(), after.GetProperty("id").GetString());
        Assert.Equal(person.Id, after.GetProperty("actor").GetProperty("id").GetGuid());
        Assert.True(after.GetProperty("actor").GetProperty("deleted").GetBoolean());
        Assert.Equal((null, null), (after.GetProperty("actor").GetProperty("username").GetString(), after.GetProperty("name").GetString()));
        Assert.Empty((await server.GetAsync($"{Log}&actor=hopper", adminSession)).Json.GetProperty("items").EnumerateArray());
        Assert.Single((await server.GetAsync($"{Log}&actor={person.Id}", adminSession)).Json.GetProperty("items").EnumerateArray());
        Assert.DoesNotContain("hopper", await server.DumpStorageAsync(), StringComparison.OrdinalIgnoreCase);
    }
}
