using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Audit;

/// <summary>
/// Reads the log of an organization, newest first. A page is found by the time and id of the event before it, not by counting: it stays the same however many events
/// come meanwhile, and the millionth costs what the first does.
/// </summary>
public sealed class AuditLog(ActivateDbContext database)
{
    /// <summary>An export is read in pieces, each a query of its own: a slow reader of the answer then holds neither a connection nor a snapshot of the database.</summary>
    private const int Piece = 500;

    /// <param name="organizationId">Null: the events of no organization, such as sign-ins of people who do not exist.</param>
    /// <param name="query">Which.</param>
    /// <param name="after">The last one seen; null: from the newest.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<IReadOnlyList<AuditEntry>> ReadAsync(Guid? organizationId, AuditQuery query, AuditCursor? after, int count, CancellationToken cancellationToken)
    {
        var events = database.AuditEvents.AsNoTracking().Include(e => e.Words).Where(e => e.OrganizationId == organizationId);
        if (query.Actor is { } actor)
        {
            if (await IdOfAsync(organizationId, actor, cancellationToken) is not { } id)
                return [];
            events = events.Where(e => e.ActorId == id);
        }

        if (query.Subject is { } subject)
        {
            if (await IdOfAsync(organizationId, subject, cancellationToken) is not { } id)
                return [];
            events = events.Where(e => e.SubjectId == id || e.OwnerId == id);
        }

        if (query.Types.Count > 0)
            events = events.Where(e => query.Types.Contains(e.Type));
        if (query.Succeeded is { } succeeded)
            events = events.Where(e => e.Succeeded == succeeded);
        if (query.From is { } from)
            events = events.Where(e => e.At >= from);
        if (query.To is { } to)
            events = events.Where(e => e.At < to);
        if (query.Client is { } client)
            events = events.Where(e => e.ClientId == client);
        if (query.Address is { } address)
            events = events.Where(e => e.Address == address);
        if (after is var (at, last))
            // The first condition says nothing that the second does not, but is the one for which databases use the index.
            events = events.Where(e => e.At <= at && (e.At < at || e.Id.CompareTo(last) < 0));
        var rows = await events.OrderByDescending(e => e.At).ThenByDescending(e => e.Id).Take(count).ToListAsync(cancellationToken);

        var ids = rows.SelectMany(e => new[] { e.ActorId, e.SubjectId, e.OwnerId }).OfType<Guid>().Distinct().ToList();
        var people = await People(organizationId).Where(p => ids.Contains(p.UserId)).ToDictionaryAsync(p => p.UserId, p => p.Username, cancellationToken);
        return [.. rows.Select(e => AuditEntry.From(e, people))];
    }

    /// <summary>All of them, a piece at a time.</summary>
    public async IAsyncEnumerable<AuditEntry> ReadAllAsync(Guid? organizationId, AuditQuery query, AuditCursor? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            var piece = await ReadAsync(organizationId, query, after, Piece, cancellationToken);
            foreach (var entry in piece)
                yield return entry;
            if (piece.Count < Piece)
                yield break;
            after = piece[^1].Cursor;
        }
    }

    /// <summary>Nothing of another organization, not even who its people are: an operator from elsewhere is only an id.</summary>
    private IQueryable<AuditPerson> People(Guid? organizationId) =>
        database.AuditPersons.AsNoTracking().Where(p => organizationId == null || p.OrganizationId == organizationId);

    private async Task<Guid?> IdOfAsync(Guid? organizationId, string text, CancellationToken cancellationToken)
    {
        if (Guid.TryParse(text, out var id))
            return id;
        // What cannot be a username is not sent to the database: PostgreSQL refuses U+0000.
        return Username.Parse(text).TryGet(out var name, out _)
            ? await People(organizationId).Where(p => p.Username == name).Select(p => (Guid?)p.UserId).FirstOrDefaultAsync(cancellationToken)
            : null;
    }
}

/// <summary>The place of an event in the log. Travels as an opaque text.</summary>
public sealed record AuditCursor(DateTime At, Guid Id)
{
    private const int Bytes = 8 + 16;

    public static Result<AuditCursor> Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        if (text.Length != Bytes / 3 * 4 || Base64Url.DecodeFromChars(text, bytes, out _, out var length) != OperationStatus.Done || length != Bytes
            || BinaryPrimitives.ReadInt64BigEndian(bytes) is var ticks && (ticks < 0 || ticks > DateTime.MaxValue.Ticks))
            return Problems.Invalid("after", "cursor_invalid", "'after' is the 'next' of the page before, unchanged.");
        return new AuditCursor(new DateTime(ticks, DateTimeKind.Utc), new Guid(bytes[8..]));
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        BinaryPrimitives.WriteInt64BigEndian(bytes, At.Ticks);
        Id.TryWriteBytes(bytes[8..]);
        return Base64Url.EncodeToString(bytes);
    }
}

/// <summary>Somebody or something in an event.</summary>
/// <param name="Id">A user's, or that of a key, token, application or request.</param>
/// <param name="Username">Of a user of the same organization.</param>
public sealed record AuditParty(Guid Id, string? Username)
{
    /// <summary>A person who was deleted: who it was is known no more.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Deleted { get; init; }

    internal static AuditParty? Of(Guid? id, Dictionary<Guid, string?> people) => id is not { } known ? null
        : people.TryGetValue(known, out var username) ? new AuditParty(known, username) { Deleted = username is null }
        : new AuditParty(known, null);

    public override string ToString() => Username ?? Id.ToString();
}

/// <summary>An event as it is shown.</summary>
/// <param name="Id">Of the event.</param>
/// <param name="At">When.</param>
/// <param name="Type">One of the table in docs/audit.md.</param>
/// <param name="Outcome"><c>done</c> or <c>refused</c>.</param>
/// <param name="Actor">Who; null: the server itself, or nobody knows.</param>
/// <param name="CredentialId">The credential or browser session the actor used.</param>
/// <param name="Subject">What it was done to.</param>
/// <param name="Owner">Whose that is, where it is not the actor's own or the organization's.</param>
/// <param name="ClientId">The OAuth client in between.</param>
/// <param name="Address">Where the request came from.</param>
/// <param name="Name">What its owner called the thing; gone with the owner.</param>
/// <param name="Detail">A few words.</param>
/// <param name="Before">What a policy or a role was before the change.</param>
/// <param name="After">What it is since.</param>
public sealed record AuditEntry(
    Guid Id, DateTime At, string Type, string Outcome, AuditParty? Actor, Guid? CredentialId, AuditParty? Subject, AuditParty? Owner, string? ClientId, string? Address, string? Name,
    string? Detail, JsonNode? Before, JsonNode? After)
{
    public const string Done = "done";
    public const string Refused = "refused";

    [JsonIgnore]
    public AuditCursor Cursor => new(At, Id);

    internal static AuditEntry From(AuditEvent e, Dictionary<Guid, string?> people) => new(
        e.Id, e.At, e.Type, e.Succeeded ? Done : Refused, AuditParty.Of(e.ActorId, people), e.ActorCredentialId, AuditParty.Of(e.SubjectId, people), AuditParty.Of(e.OwnerId, people),
        e.ClientId, e.Address, e.Words?.Text, e.Detail, Json(e.Before), Json(e.After));

    private static JsonNode? Json(string? text) => text is null ? null : JsonNode.Parse(text);
}
