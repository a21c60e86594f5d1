using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Audit;

/// <summary>Adds audit events to the change they tell of: the caller's SaveChanges or transaction writes both or neither.</summary>
public sealed class AuditTrail(ActivateDbContext database, IHttpContextAccessor http, TimeProvider clock)
{
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
}

/// <summary>Who did it, and with which credential or browser session.</summary>
public sealed record AuditActor(Guid UserId, Guid OrganizationId, Guid? CredentialId);
