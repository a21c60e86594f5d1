using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>What a person allowed an application.</summary>
/// <param name="Owner">The person's username.</param>
/// <param name="Application">Its name.</param>
/// <param name="Scopes">Space-separated.</param>
public sealed record ConsentRow(
    Guid Id, Guid OwnerId, string Owner, Role OwnerRole, bool OwnerIsOperator, Guid ApplicationId, string ClientId, string Application, string Scopes, DateTime GrantedAt)
{
    /// <summary>The last call or refresh of a sign-in that the application has of this person.</summary>
    public DateTime? LastUsedAt { get; init; }
    public string? LastUsedFrom { get; init; }

    internal ConsentCursor Cursor => new(OwnerId, ApplicationId);
}

/// <summary>What people of an organization allowed applications: person by person, in the order of the index that makes a consent unique.</summary>
public sealed class ConsentInventory(ActivateDbContext database, CredentialInventory credentials, CredentialEnder ender)
{
    private const int Piece = 200;

    /// <summary>All that are asked for, a piece at a time; of the query only owner, application and last use count.</summary>
    public async IAsyncEnumerable<ConsentRow> ReadAllAsync(
        Guid organizationId, InventoryQuery query, ConsentCursor? after, [EnumeratorCancellation] CancellationToken cancellationToken, int piece = Piece)
    {
        var people = database.Users.Where(user => user.OrganizationId == organizationId);
        if (query.Owner is { } owner)
        {
            if (await credentials.OwnerAsync(organizationId, owner, cancellationToken) is not { } id)
                yield break;
            people = people.Where(user => user.Id == id);
        }

        for (var last = after; ; )
        {
            var consents = database.Consents.AsNoTracking();
            if (last is var (user, application))
                consents = consents.Where(consent => consent.UserId.CompareTo(user) <= 0 && (consent.UserId.CompareTo(user) < 0 || consent.ApplicationId.CompareTo(application) < 0));
            if (query.LastUsedBefore is { } before)
            {
                consents = consents.Where(consent => consent.GrantedAt < before && !database.TokenGrants.Any(grant =>
                    grant.OwnerId == consent.UserId && grant.ClientId == consent.Application!.ClientId && (grant.CreatedAt >= before || grant.LastUsedAt >= before || grant.RefreshedAt >= before)));
            }

            if (query.Application is { } client)
                consents = consents.Where(consent => consent.Application!.ClientId == client);
            var batch = await (
                from person in people
                join consent in consents on person.Id equals consent.UserId
                orderby consent.UserId descending, consent.ApplicationId descending
                select new ConsentRow(consent.Id, person.Id, person.UserName!, person.Role, person.IsOperator, consent.ApplicationId, consent.Application!.ClientId!,
                    consent.Application.DisplayName ?? consent.Application.ClientId!, consent.Scopes, consent.GrantedAt)).Take(piece).ToListAsync(cancellationToken);
            foreach (var row in await WithUseAsync(batch, cancellationToken))
                yield return row;
            if (batch.Count < piece)
                break;
            last = batch[^1].Cursor;
        }
    }

    /// <summary>At most so many of them.</summary>
    public async Task<IReadOnlyList<ConsentRow>> ReadAsync(Guid organizationId, InventoryQuery query, ConsentCursor? after, int count, CancellationToken cancellationToken) =>
        await ReadAllAsync(organizationId, query, after, cancellationToken, count).Take(count).ToListAsync(cancellationToken);

    /// <summary>One of them; null: none of the organization.</summary>
    public async Task<ConsentRow?> FindAsync(Guid organizationId, Guid id, CancellationToken cancellationToken)
    {
        var rows = await database.Consents.AsNoTracking().Where(consent => consent.Id == id && consent.User!.OrganizationId == organizationId)
            .Select(consent => new ConsentRow(consent.Id, consent.UserId, consent.User!.UserName!, consent.User.Role, consent.User.IsOperator, consent.ApplicationId, consent.Application!.ClientId!,
                consent.Application.DisplayName ?? consent.Application.ClientId!, consent.Scopes, consent.GrantedAt)).ToListAsync(cancellationToken);
        return await WithUseAsync(rows, cancellationToken) is [var row] ? row : null;
    }

    /// <summary>Takes back what a person allowed: all that the application has of them ends at once, and it must ask again.</summary>
    public async Task<Problem?> EndAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        if (await FindAsync(actor.OrganizationId, id, cancellationToken) is not { } row)
            return Problems.NotFound;
        if (await ender.StandingAsync(actor, cancellationToken) is not { } standing)
            return MemberRules.AdminRequired;
        if (MemberRules.Change(standing, new MemberStanding(row.OwnerId, row.OwnerRole, row.OwnerIsOperator)) is { } refusal)
            return refusal;
        return InventoryQuery.Parse(null, row.OwnerId.ToString(), row.ClientId, null, null).TryGet(out var query, out var problem)
            && (await ender.EndManyAsync(actor, query, dryRun: false, cancellationToken)).TryGet(out _, out problem) ? null : problem;
    }

    private async Task<IReadOnlyList<ConsentRow>> WithUseAsync(List<ConsentRow> rows, CancellationToken cancellationToken)
    {
        var (owners, clients) = (rows.Select(row => row.OwnerId).Distinct().ToList(), rows.Select(row => row.ClientId).Distinct().ToList());
        if (rows.Count == 0)
            return rows;
        var uses = await database.TokenGrants.AsNoTracking().Where(grant => owners.Contains(grant.OwnerId) && clients.Contains(grant.ClientId))
            .Select(grant => new { grant.OwnerId, grant.ClientId, At = grant.RefreshedAt == null || grant.LastUsedAt > grant.RefreshedAt ? grant.LastUsedAt : grant.RefreshedAt, grant.LastUsedFrom })
            .Where(use => use.At != null).ToListAsync(cancellationToken);
        var latest = uses.GroupBy(use => (use.OwnerId, use.ClientId)).ToDictionary(group => group.Key, group => group.MaxBy(use => use.At)!);
        return [.. rows.Select(row => latest.GetValueOrDefault((row.OwnerId, row.ClientId)) is { } use ? row with { LastUsedAt = use.At, LastUsedFrom = use.LastUsedFrom } : row)];
    }
}

/// <summary>The place of a consent in the list: person, then application. Travels as an opaque text.</summary>
public sealed record ConsentCursor(Guid OwnerId, Guid ApplicationId)
{
    private const int Bytes = 32;

    public static Result<ConsentCursor> Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        return text.Length == 43 && Base64Url.DecodeFromChars(text, bytes, out var read, out var length) == OperationStatus.Done && (read, length) == (text.Length, Bytes)
            ? new ConsentCursor(new Guid(bytes[..16]), new Guid(bytes[16..]))
            : InventoryCursor.Invalid;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        OwnerId.TryWriteBytes(bytes);
        ApplicationId.TryWriteBytes(bytes[16..]);
        return Base64Url.EncodeToString(bytes);
    }
}
