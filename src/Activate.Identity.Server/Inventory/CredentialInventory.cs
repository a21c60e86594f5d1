using System.Runtime.CompilerServices;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>
/// Every credential of an organization: kind by kind, the newest people first, and of each the newest credential. A page is found by the place of the last one seen, not by
/// counting: it costs one indexed read of each kind that it shows, however many there are.
/// </summary>
public sealed class CredentialInventory(ActivateDbContext database, PendingCuts cuts, TimeProvider clock)
{
    /// <summary>An export is read in pieces, each a query of its own: a slow reader of the answer then holds neither a connection nor a snapshot of the database.</summary>
    private const int Piece = 500;

    /// <param name="organizationId">Whose.</param>
    /// <param name="query">Which.</param>
    /// <param name="after">The last one seen; null: from the first.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<InventoryRow>> ReadAsync(Guid organizationId, InventoryQuery query, InventoryCursor? after, int count, CancellationToken cancellationToken)
    {
        var rows = new List<InventoryRow>();
        await foreach (var row in ReadAllAsync(organizationId, query, after, cancellationToken, count))
        {
            rows.Add(row);
            if (rows.Count == count)
                break;
        }

        return rows;
    }

    /// <summary>All of them, a piece at a time.</summary>
    public async IAsyncEnumerable<InventoryRow> ReadAllAsync(
        Guid organizationId, InventoryQuery query, InventoryCursor? after, [EnumeratorCancellation] CancellationToken cancellationToken, int piece = Piece)
    {
        var now = clock.Now();
        var pending = await cuts.ReadAsync(organizationId, cancellationToken);
        foreach (var kind in CredentialNames.Kinds.Where(kind => after is null || kind >= after.Kind))
        {
            if (await OfAsync(organizationId, query, kind, cancellationToken) is not { } rows)
                continue;
            var listedSince = now - CredentialNames.ListedAfterExpiry;
            rows = rows.Where(row => row.ExpiresAt == null || row.ExpiresAt > listedSince);
            // What a cut has ended already, and is not written yet, no query sees.
            if (pending.Count == 0)
                rows = InState(rows, kind, query.State, now);
            var last = after?.Kind == kind ? after : null;
            while (true)
            {
                var batch = await Behind(rows, last).Take(piece).ToListAsync(cancellationToken);
                pending.ApplyTo(batch);
                foreach (var row in batch.Where(row => query.State is null || row.State(now) == query.State))
                    yield return row;
                if (batch.Count < piece)
                    break;
                last = batch[^1].Cursor;
            }
        }
    }

    /// <summary>One credential, as it is now; null: none of the organization.</summary>
    public async Task<InventoryRow?> FindAsync(Guid organizationId, CredentialKind kind, Guid id, CancellationToken cancellationToken)
    {
        var rows = await InventoryRow.Of(database, organizationId, kind).Where(row => row.Id == id).ToListAsync(cancellationToken);
        return await cuts.ApplyAsync(organizationId, rows, cancellationToken) is [var row] ? row : null;
    }

    /// <summary>One credential of whatever kind it is.</summary>
    public async Task<InventoryRow?> FindAsync(Guid organizationId, Guid id, CancellationToken cancellationToken)
    {
        foreach (var kind in CredentialNames.Kinds)
        {
            if (await FindAsync(organizationId, kind, id, cancellationToken) is { } row)
                return row;
        }

        return null;
    }

    /// <summary>What of one kind a query is about, whatever its state; null: nothing can be.</summary>
    internal async Task<IQueryable<InventoryRow>?> OfAsync(Guid organizationId, InventoryQuery query, CredentialKind kind, CancellationToken cancellationToken)
    {
        if (query.Kind is { } wanted && wanted != kind)
            return null;
        var rows = InventoryRow.Of(database, organizationId, kind);
        if (query.Application is { } application)
        {
            if (kind is not (CredentialKind.Token or CredentialKind.Session))
                return null;
            rows = rows.Where(row => row.ClientId == application);
        }

        if (query.Owner is { } owner)
        {
            if (await OwnerAsync(organizationId, owner, cancellationToken) is not { } id)
                return null;
            rows = rows.Where(row => row.OwnerId == id);
        }

        if (query.LastUsedBefore is { } before)
            rows = rows.Where(row => (row.LastUsedAt ?? row.CreatedAt) < before);
        return rows;
    }

    /// <summary>Those behind the last one seen, in the order of the inventory.</summary>
    internal static IQueryable<InventoryRow> Behind(IQueryable<InventoryRow> rows, InventoryCursor? last)
    {
        if (last is var (_, owner, id))
            // The first condition says nothing that the second does not, but is the one for which databases use the index.
            rows = rows.Where(row => row.OwnerId.CompareTo(owner) <= 0 && (row.OwnerId.CompareTo(owner) < 0 || row.Id.CompareTo(id) < 0));
        return rows.OrderByDescending(row => row.OwnerId).ThenByDescending(row => row.Id);
    }

    internal async Task<Guid?> OwnerAsync(Guid organizationId, string text, CancellationToken cancellationToken)
    {
        var people = database.Users.Where(user => user.OrganizationId == organizationId);
        if (Guid.TryParse(text, out var id))
            return id;
        // What cannot be a username is not sent to the database: PostgreSQL refuses U+0000.
        return Username.Parse(text).TryGet(out var name, out _)
            ? await people.Where(user => user.NormalizedUserName == name).Select(user => (Guid?)user.Id).FirstOrDefaultAsync(cancellationToken)
            : null;
    }

    /// <summary>As far as a database can tell; the rule itself decides.</summary>
    private static IQueryable<InventoryRow> InState(IQueryable<InventoryRow> rows, CredentialKind kind, string? state, DateTime now)
    {
        var soon = now + CredentialNames.ExpiryNotice;
        return state switch
        {
            null => rows,
            // Keys do not end idle.
            "expired" when kind is CredentialKind.Token or CredentialKind.Session => rows.Where(row => row.ExpiresAt <= now || row.IdleEndsAt <= now),
            "expired" => rows.Where(row => row.ExpiresAt <= now),
            "expiring" => rows.Where(row => row.ExpiresAt > now && row.ExpiresAt <= soon),
            _ => rows.Where(row => row.ExpiresAt == null || row.ExpiresAt > now),
        };
    }
}
