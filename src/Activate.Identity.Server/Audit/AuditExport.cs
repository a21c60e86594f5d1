using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Audit;

/// <summary>The log as a file.</summary>
internal static class AuditExport
{
    private const string Columns = "id,at,type,outcome,actor,actorId,credentialId,subject,subjectId,owner,ownerId,clientId,address,name,detail,before,after";

    public static FileExport<AuditEntry> Of(string type, IAsyncEnumerable<AuditEntry> entries) => new(type, "audit-events", Columns, entries, Cells);

    private static string?[] Cells(AuditEntry entry) =>
    [
        entry.Id.ToString(), FileExport.Time(entry.At), entry.Type, entry.Outcome,
        entry.Actor?.Username, entry.Actor?.Id.ToString(), entry.CredentialId?.ToString(), entry.Subject?.Username, entry.Subject?.Id.ToString(),
        entry.Owner?.Username, entry.Owner?.Id.ToString(), entry.ClientId, entry.Address, entry.Name, entry.Detail, entry.Before?.ToJsonString(), entry.After?.ToJsonString(),
    ];
}
