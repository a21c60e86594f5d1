using System.Text.Json;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Audit;

/// <summary>Adds audit events to the change they tell of: the caller's SaveChanges or transaction writes both or neither.</summary>
public sealed class AuditTrail(ActivateDbContext database, IHttpContextAccessor http, TimeProvider clock)
{
    private static readonly TimeSpan s_justNow = TimeSpan.FromMinutes(5);

    /// <param name="type">One of <see cref="AuditTypes"/>.</param>
    /// <param name="actor">Who did it; null: the server itself, or nobody knows.</param>
    /// <param name="subject">What it was done to.</param>
    /// <param name="clientId">The OAuth client in between.</param>
    /// <param name="detail">Words of ours, or the name of a thing of the organization. It stays when a person is deleted: never who somebody is.</param>
    /// <param name="succeeded">False: it was refused.</param>
    /// <param name="name">What a person called the thing, which is theirs and goes with them.</param>
    /// <param name="owner">Whose the thing is, where it is not the actor's own or the organization's.</param>
    /// <param name="organization">Whose event it is, where that is not the actor's organization.</param>
    /// <param name="change">Before and after.</param>
    /// <param name="address">Where it came from, where that is not the request at hand.</param>
    public void Add(
        string type, AuditActor? actor = null, Guid? subject = null, string? clientId = null, string? detail = null, bool succeeded = true, string? name = null, Guid? owner = null,
        Guid? organization = null, AuditChange? change = null, string? address = null)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var id = Guid.CreateVersion7(now);
        database.AuditEvents.Add(new AuditEvent
        {
            Id = id,
            At = now,
            OrganizationId = organization ?? actor?.OrganizationId,
            Type = type,
            Succeeded = succeeded,
            ActorId = actor?.UserId,
            ActorCredentialId = actor?.CredentialId,
            SubjectId = subject,
            OwnerId = owner == actor?.UserId ? null : owner,
            ClientId = clientId,
            Address = address ?? http.HttpContext?.RemoteAddress(),
            Detail = detail?.AtMost(AuditEvent.LongestDetail),
            Before = change?.Before,
            After = change?.After,
            Words = name is not null && (owner ?? actor?.UserId) is { } person ? new AuditWords { EventId = id, PersonId = person, Text = name.AtMost(AuditEvent.LongestDetail) } : null,
        });
    }

    /// <summary>
    /// What the actor did to a thing in the last minutes, for the page that says so after a redirect: its address holds only an id, so that no link makes the page
    /// claim what did not happen.
    /// </summary>
    public Task<AuditEvent?> JustDoneAsync(AuditActor actor, Guid subject, IReadOnlyList<string> types, CancellationToken cancellationToken)
    {
        var since = clock.GetUtcNow().UtcDateTime - s_justNow;
        return database.AuditEvents.AsNoTracking().Include(e => e.Words)
            .Where(e => e.OrganizationId == actor.OrganizationId && e.At > since && e.ActorId == actor.UserId && e.SubjectId == subject && types.Contains(e.Type))
            .OrderByDescending(e => e.At).FirstOrDefaultAsync(cancellationToken);
    }

    /// <summary>
    /// Takes who a deleted person was out of the log: their username, and what they called their things. The events stay as they were written, with the person's id.
    /// Belongs into the transaction of the deletion.
    /// </summary>
    public async Task ForgetAsync(Guid userId, CancellationToken cancellationToken)
    {
        await database.AuditPersons.Where(person => person.UserId == userId).ExecuteUpdateAsync(set => set.SetProperty(person => person.Username, (string?)null), cancellationToken);
        await database.AuditWords.Where(words => words.PersonId == userId).ExecuteDeleteAsync(cancellationToken);
    }
}

/// <summary>Who did it, and with which credential or browser session.</summary>
public sealed record AuditActor(Guid UserId, Guid OrganizationId, Guid? CredentialId);

/// <summary>What a change replaced, and by what.</summary>
/// <param name="Before">JSON.</param>
/// <param name="After">JSON.</param>
public sealed record AuditChange(string Before, string After)
{
    /// <summary>A change of one member: <c>{"role":"member"}</c> became <c>{"role":"admin"}</c>.</summary>
    public static AuditChange Of(string member, string? before, string? after) => new(Json(member, before), Json(member, after));

    private static string Json(string member, string? value) => JsonSerializer.Serialize(new Dictionary<string, string?> { [member] = value }, ApiJson.Options);
}
