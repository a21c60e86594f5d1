using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Audit;

/// <summary>The only thing that deletes events: those older than the retention, oldest first, in batches so small that nobody waits for them.</summary>
internal static class AuditRetention
{
    public static async Task DeleteAsync(ActivateDbContext database, DateTime before, CancellationToken cancellationToken)
    {
        // One organization after the other: the index of the log begins with it.
        List<Guid?> organizations = [null, .. await database.Organizations.Select(o => (Guid?)o.Id).ToListAsync(cancellationToken)];
        foreach (var organization in organizations)
        {
            await database.AuditEvents.TagWith(AuditRules.Retention).Where(e => e.OrganizationId == organization && e.At < before).OrderBy(e => e.At).ThenBy(e => e.Id)
                .DeleteInBatchesAsync(database, cancellationToken);
        }
    }
}
