using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;

namespace Activate.Identity.Data.Audit;

/// <summary>
/// What every save keeps to, whoever asks for it: an event that was written is neither changed nor deleted (retention deletes old ones by a statement of its own), and
/// each new user gets the row that names them in events.
/// </summary>
internal static class AuditRules
{
    /// <returns>The rows that were added here: if the save fails, they must not stay behind in the context.</returns>
    public static IReadOnlyList<EntityEntry> Apply(DbContext context)
    {
        List<EntityEntry> added = [];
        foreach (var entry in context.ChangeTracker.Entries().ToList())
        {
            if (entry is { Entity: AuditEvent, State: EntityState.Modified or EntityState.Deleted })
                throw new InvalidOperationException("An audit event is never changed or deleted.");
            if (entry is { Entity: User user, State: EntityState.Added })
                added.Add(context.Add(new AuditPerson { UserId = user.Id, OrganizationId = user.OrganizationId, Username = user.UserName }));
        }

        return added;
    }
}
