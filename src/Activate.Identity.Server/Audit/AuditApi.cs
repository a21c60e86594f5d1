using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Audit;

/// <summary>REST of the audit log: <c>/api/v1/organization/audit-events</c>. It can be read and exported; nothing changes or deletes an event.</summary>
internal static class AuditApi
{
    private static readonly Problem s_operatorRequired = new(ProblemKind.Refused, "operator_required",
        "Events of no organization concern the whole server: only its operators may read them. Leave 'server' out for those of your organization.");

    public static void MapAuditApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/api/v1/organization/audit-events", List).WithTags("Audit").RequireScope(Scopes.AuditRead)
            .Produces<PageOf<AuditEntry>>(200, "application/json", FileExport.Csv, FileExport.NdJson)
            .WithSummary("The organization's audit events, newest first; all of them as CSV or NDJSON by Accept");

    private static async Task<IResult> List(
        Caller caller, AuditLog log, AuditTrail trail, ActivateDbContext database, HttpContext context, string[]? type, string? actor, string? subject, string? outcome, string? from, string? to,
        string? client, string? address, bool? server, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (server == true && !caller.IsOperator)
            return s_operatorRequired.ToResult();
        if (!PageQuery.Parse(limit, null).TryGet(out var page, out var problem)
            || !AuditQuery.Parse(type, actor, subject, outcome, from, to, client, address).TryGet(out var query, out problem))
            return problem.ToResult();
        AuditCursor? cursor = null;
        if (after is not null && !AuditCursor.Parse(after).TryGet(out cursor, out problem))
            return problem.ToResult();

        Guid? organization = server == true ? null : caller.OrganizationId;
        if (FileExport.Wanted(context.Request) is { } export)
        {
            trail.Add(AuditTypes.AuditExported, caller.ToActor(), caller.OrganizationId, caller.ClientId, export);
            await database.SaveChangesAsync(cancellationToken);
            return AuditExport.Of(export, log.ReadAllAsync(organization, query, cursor, cancellationToken));
        }

        var entries = await log.ReadAsync(organization, query, cursor, page.Limit + 1, cancellationToken);
        return Results.Ok(new PageOf<AuditEntry>([.. entries.Take(page.Limit)], entries.Count > page.Limit ? entries[page.Limit - 1].Cursor.ToString() : null));
    }
}
