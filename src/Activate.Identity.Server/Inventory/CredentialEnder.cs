using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>What was ended of many, or with a dry run would be.</summary>
/// <param name="Counts">Kind by kind.</param>
/// <param name="Kept">Those of people whom the actor may not touch.</param>
/// <param name="More">There are more: ask again.</param>
public sealed record EndedMany(IReadOnlyDictionary<CredentialKind, int> Counts, int Kept, bool More)
{
    public int Total => Counts.Values.Sum();
}

/// <summary>
/// Ends credentials of an organization's people for its administrators: one, or many. Who may end whose is the rule of <see cref="MemberRules"/>. What is ended is felt at once on
/// this node and within a second on the others, and each ending is an event.
/// </summary>
public sealed class CredentialEnder(ActivateDbContext database, CredentialInventory inventory, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    private const int BatchSize = 100;

    /// <summary>Ended by one request: as long as nobody waits too long for it.</summary>
    internal const int Most = 5000;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(5);

    private static readonly Problem s_filterRequired = new(ProblemKind.Invalid, "filter_required",
        "Say which credentials are to end: 'kind', 'owner', 'application' or 'unusedSince'. Nobody should end everything by leaving something out.");

    /// <summary>Ends one, whatever its state.</summary>
    public async Task<Problem?> EndAsync(AuditActor actor, CredentialKind kind, Guid id, CancellationToken cancellationToken)
    {
        if (await inventory.FindAsync(actor.OrganizationId, kind, id, cancellationToken) is not { } row)
            return Problems.NotFound;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await StandingAsync(actor, cancellationToken) is not { } standing)
            return MemberRules.AdminRequired;
        if (MemberRules.Change(standing, row.OwnerStanding) is { } refusal)
            return refusal;
        if (!await DeleteAsync(actor, row, cancellationToken))
            return Problems.NotFound;
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>
    /// Ends all that live and are asked for, but the credential that asks. With an application and nothing about kinds and uses, what it may still fetch and what people allowed it
    /// goes, too: it has to ask everybody again.
    /// </summary>
    /// <param name="actor">Who ends them.</param>
    /// <param name="query">Which.</param>
    /// <param name="dryRun">True: nothing is changed, all are counted.</param>
    /// <param name="cancellationToken">Ends the wait; what is ended by then stays ended.</param>
    public async Task<Result<EndedMany>> EndManyAsync(AuditActor actor, InventoryQuery query, bool dryRun, CancellationToken cancellationToken)
    {
        if (query.IsEmpty)
            return s_filterRequired;
        if (await StandingAsync(actor, cancellationToken) is not { Role: >= Role.Admin } standing)
            return MemberRules.AdminRequired;
        var untouchable = await UntouchableAsync(actor.OrganizationId, standing, cancellationToken);
        if (!dryRun && query is { Application: { } application, Kind: null, LastUsedBefore: null })
            await ForgetApplicationAsync(actor, application, query, untouchable, cancellationToken);
        var (counts, kept) = (CredentialNames.Kinds.ToDictionary(kind => kind, _ => 0), 0);
        foreach (var kind in CredentialNames.Kinds)
        {
            if (await inventory.OfAsync(actor.OrganizationId, query, kind, cancellationToken) is not { } rows)
                continue;
            var now = clock.Now();
            rows = rows.Where(row => (row.ExpiresAt == null || row.ExpiresAt > now) && row.Id != actor.CredentialId);
            kept += await rows.CountAsync(row => untouchable.Contains(row.OwnerId), cancellationToken);
            rows = rows.Where(row => !untouchable.Contains(row.OwnerId));
            if (dryRun)
            {
                counts[kind] = await rows.CountAsync(cancellationToken);
                continue;
            }

            InventoryCursor? last = null;
            while (true)
            {
                var batch = await CredentialInventory.Behind(rows, last).Take(BatchSize).ToListAsync(cancellationToken);
                if (batch.Count == 0)
                    break;
                if (counts.Values.Sum() >= Most)
                    return new EndedMany(counts, kept, More: true);
                counts[kind] += await EndAsync(actor, batch, cancellationToken);
                last = batch[^1].Cursor;
            }
        }

        return new EndedMany(counts, kept, More: false);
    }

    private async Task<int> EndAsync(AuditActor actor, List<InventoryRow> batch, CancellationToken cancellationToken)
    {
        var ended = 0;
        await using (var transaction = await database.Database.BeginTransactionAsync(cancellationToken))
        {
            await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
            // In the order in which last uses are written, so that the two do not lock each other out.
            foreach (var row in batch.OrderBy(row => row.Id))
                ended += await DeleteAsync(actor, row, cancellationToken) ? 1 : 0;
            await database.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        database.ChangeTracker.Clear();
        cache.Forget();
        await Task.Delay(s_pause, cancellationToken);
        return ended;
    }

    /// <summary>In the caller's transaction. False: it is gone already.</summary>
    private async Task<bool> DeleteAsync(AuditActor actor, InventoryRow row, CancellationToken cancellationToken)
    {
        var (type, gone) = row.Kind switch
        {
            CredentialKind.ApiKey => (AuditTypes.ApiKeyDeleted, await database.ApiKeys.Where(key => key.Id == row.Id).ExecuteDeleteAsync(cancellationToken)),
            CredentialKind.Token => (AuditTypes.TokenDeleted, await database.TokenGrants.Where(grant => grant.Id == row.Id).ExecuteDeleteAsync(cancellationToken)),
            CredentialKind.Session => (AuditTypes.SessionEnded, await database.TokenGrants.Where(grant => grant.Id == row.Id).ExecuteDeleteAsync(cancellationToken)),
            CredentialKind.SshKey => (AuditTypes.SshKeyDeleted, await DeleteSshKeyAsync(row, cancellationToken)),
        };
        if (gone == 0)
            return false;
        audit.Add(type, actor, row.Id, row.ClientId, row.Fingerprint is { } fingerprint ? SshFingerprint.Of(fingerprint) : null, name: row.Name, owner: row.OwnerId);
        return true;
    }

    private async Task<int> DeleteSshKeyAsync(InventoryRow row, CancellationToken cancellationToken)
    {
        await database.TakeTurnAsync(row.OwnerId, cancellationToken);
        if (row.ExpiresBecause == ExpiresBecause.Policy)
            await SshKeyRegistry.RememberPolicyEndAsync(database, row.OwnerId, row.Fingerprint!, row.ExpiresAt, cancellationToken);
        return await database.SshKeys.Where(key => key.Id == row.Id).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>What an application may still fetch, and what people allowed it.</summary>
    private async Task ForgetApplicationAsync(AuditActor actor, string clientId, InventoryQuery query, List<Guid> untouchable, CancellationToken cancellationToken)
    {
        var known = await database.Applications.AsNoTracking()
            .Where(a => a.ClientId == clientId && (a.OrganizationId == null || a.OrganizationId == actor.OrganizationId)).Select(a => new { a.Id, a.DisplayName }).SingleOrDefaultAsync(cancellationToken);
        Guid? owner = query.Owner is { } named ? await inventory.OwnerAsync(actor.OrganizationId, named, cancellationToken) ?? Guid.Empty : null;
        if (known is null)
            return;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        var people = database.Users.Where(user => user.OrganizationId == actor.OrganizationId && (owner == null || user.Id == owner) && !untouchable.Contains(user.Id)).Select(user => user.Id);
        var gone = await database.AuthorizationCodes.Where(code => code.ClientId == clientId && people.Contains(code.UserId)).ExecuteDeleteAsync(cancellationToken)
            + await database.DeviceRequests.Where(request => request.ClientId == clientId && request.Status != DeviceRequestStatus.Redeemed && request.DecidedBy != null && people.Contains(request.DecidedBy.Value))
                .ExecuteDeleteAsync(cancellationToken)
            + await database.Consents.Where(consent => consent.ApplicationId == known.Id && people.Contains(consent.UserId)).ExecuteDeleteAsync(cancellationToken);
        if (gone == 0)
            return;
        audit.Add(AuditTypes.ApplicationEnded, actor, known.Id, clientId, $"“{known.DisplayName}”", owner: owner);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        database.ChangeTracker.Clear();
    }

    /// <summary>An administrator's standing; null: not one any more.</summary>
    internal async Task<MemberStanding?> StandingAsync(AuditActor actor, CancellationToken cancellationToken)
    {
        var rows = await database.Users.AsNoTracking().Where(u => u.Id == actor.UserId && u.OrganizationId == actor.OrganizationId)
            .Select(u => new MemberStanding(u.Id, u.Role, u.IsOperator)).ToListAsync(cancellationToken);
        return rows is [var standing] && standing.Role >= Role.Admin ? standing : null;
    }

    /// <summary>The few whose things the actor may not end: only owners and operators are beyond an administrator.</summary>
    private async Task<List<Guid>> UntouchableAsync(Guid organizationId, MemberStanding actor, CancellationToken cancellationToken)
    {
        var high = await database.Users.AsNoTracking().Where(u => u.OrganizationId == organizationId && (u.Role > Role.Admin || u.IsOperator))
            .Select(u => new MemberStanding(u.Id, u.Role, u.IsOperator)).ToListAsync(cancellationToken);
        return [.. high.Where(target => MemberRules.Change(actor, target) is not null).Select(target => target.Id)];
    }
}
