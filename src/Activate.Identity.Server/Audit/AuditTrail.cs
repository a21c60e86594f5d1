using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Audit;

/// <summary>Adds audit events to the change they tell of: the caller's SaveChanges or transaction writes both or neither.</summary>
public sealed class AuditTrail(ActivateDbContext database, IHttpContextAccessor http, TimeProvider clock)
{
    private static readonly TimeSpan s_justNow = TimeSpan.FromMinutes(5);

    public void Add(string type, AuditActor? actor = null, Guid? subject = null, string? clientId = null, string? detail = null, bool succeeded = true)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        database.AuditEvents.Add(new AuditEvent
        {
            Id = Guid.CreateVersion7(now),
            At = now,
            OrganizationId = actor?.OrganizationId,
            Type = type,
            Succeeded = succeeded,
            ActorId = actor?.UserId,
            ActorCredentialId = actor?.CredentialId,
            SubjectId = subject,
            ClientId = clientId,
            Address = http.HttpContext?.RemoteAddress(),
            Detail = detail?.AtMost(512),
        });
    }

    /// <summary>
    /// What the actor did to a thing in the last minutes, for the page that says so after a redirect: its address holds only an id, so that no link makes the page
    /// claim what did not happen.
    /// </summary>
    public Task<AuditEvent?> JustDoneAsync(AuditActor actor, Guid subject, IReadOnlyList<string> types, CancellationToken cancellationToken)
    {
        var since = clock.GetUtcNow().UtcDateTime - s_justNow;
        return database.AuditEvents.AsNoTracking()
            .Where(e => e.OrganizationId == actor.OrganizationId && e.At > since && e.ActorId == actor.UserId && e.SubjectId == subject && types.Contains(e.Type))
            .OrderByDescending(e => e.At).FirstOrDefaultAsync(cancellationToken);
    }
}

/// <summary>Who did it, and with which credential or browser session.</summary>
public sealed record AuditActor(Guid UserId, Guid OrganizationId, Guid? CredentialId);
