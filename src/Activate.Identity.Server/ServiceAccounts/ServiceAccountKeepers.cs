using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>What becomes of service accounts whose keepers go.</summary>
public sealed class ServiceAccountKeepers(ActivateDbContext database, AuditTrail audit)
{
    /// <summary>
    /// Adds an event for each account that nobody keeps any more once this person is disabled or gone. Belongs into the transaction of that, before it is written. The keys of such an
    /// account go on: a leaver must not stop what others depend on.
    /// </summary>
    public async Task NoteLossAsync(AuditActor actor, Guid personId, CancellationToken cancellationToken)
    {
        var left = await database.ServiceAccountKeepers
            .Where(k => k.KeeperId == personId && !k.Keeper!.Disabled && !database.Invitations.Any(i => i.UserId == personId))
            .Where(k => !database.ServiceAccountKeepers.Any(other => other.AccountId == k.AccountId && other.KeeperId != personId && !other.Keeper!.Disabled
                && !database.Invitations.Any(i => i.UserId == other.KeeperId)))
            .Select(k => k.AccountId).ToListAsync(cancellationToken);
        foreach (var account in left)
            audit.Add(AuditTypes.ServiceAccountWithoutKeeper, actor, account);
    }
}
