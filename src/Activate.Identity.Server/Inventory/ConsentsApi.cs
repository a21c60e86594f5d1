using Activate.Identity.Core;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Inventory;

/// <summary>REST of what people of an organization allowed applications, for its administrators: <c>/api/v1/organization/consents</c>.</summary>
internal static class ConsentsApi
{
    public static void MapConsentsApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/organization/consents").WithTags("Credentials of the organization");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<ConsentBody>>(200, "application/json", FileExport.Csv, FileExport.NdJson)
            .WithSummary("What people allowed applications; all of it as CSV or NDJSON by Accept or ?format=");
        group.MapDelete("/{id:guid}", End).RequireScope(Scopes.OrganizationWrite).Produces(204).WithSummary("Take a consent back: all that the application has of this person ends, and it must ask again");
    }

    private static async Task<IResult> List(
        Caller caller, ConsentInventory inventory, AuditTrail trail, ActivateDbContext database, HttpContext context, string? owner, string? application, string? lastUsedBefore, string? format,
        string? limit, string? after, CancellationToken cancellationToken)
    {
        if (caller.Role < Role.Admin)
            return InventoryApi.AdminRequired.ToResult();
        ConsentCursor? cursor = null;
        if (!PageQuery.Parse(limit, null).TryGet(out var page, out var problem) || !InventoryQuery.Parse(null, owner, application, null, lastUsedBefore).TryGet(out var query, out problem)
            || (after is not null && !ConsentCursor.Parse(after).TryGet(out cursor, out problem)))
            return problem.ToResult();
        if (!FileExport.TryWanted(format, context.Request, out var type))
            return FileExport.FormatUnknown.ToResult();
        if (type is not null)
        {
            trail.Add(AuditTypes.CredentialsExported, caller.ToActor(), caller.OrganizationId, caller.ClientId, type);
            await database.SaveChangesAsync(cancellationToken);
            return ConsentExport.Of(type, inventory.ReadAllAsync(caller.OrganizationId, query, cursor, cancellationToken));
        }

        var rows = await inventory.ReadAsync(caller.OrganizationId, query, cursor, page.Limit + 1, cancellationToken);
        return Results.Ok(new PageOf<ConsentBody>([.. rows.Take(page.Limit).Select(ConsentBody.From)], rows.Count > page.Limit ? rows[page.Limit - 1].Cursor.ToString() : null));
    }

    private static async Task<IResult> End(Guid id, Caller caller, ConsentInventory inventory, CancellationToken cancellationToken) =>
        await inventory.EndAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <summary>Consents as a file.</summary>
internal static class ConsentExport
{
    private const string Columns = "id,owner,ownerId,applicationId,clientId,application,scopes,grantedAt,lastUsedAt,lastUsedFrom";

    public static FileExport<ConsentBody> Of(string type, IAsyncEnumerable<ConsentRow> rows) => new(type, "consents", Columns, rows.Select(ConsentBody.From), Cells);

    private static string?[] Cells(ConsentBody item) =>
    [
        item.Id.ToString(), item.Owner, item.OwnerId.ToString(), item.ApplicationId.ToString(), item.ClientId, item.Application, string.Join(' ', item.Scopes), FileExport.Time(item.GrantedAt),
        FileExport.Time(item.LastUsedAt), item.LastUsedFrom,
    ];
}

/// <param name="Owner">The username of who allowed it.</param>
/// <param name="Application">The application's name.</param>
/// <param name="LastUsedAt">The last call or refresh of the application for this person; null: none that still counts.</param>
internal sealed record ConsentBody(
    Guid Id, string Owner, Guid OwnerId, Guid ApplicationId, string ClientId, string Application, IReadOnlyList<string> Scopes, DateTime GrantedAt, DateTime? LastUsedAt, string? LastUsedFrom)
{
    public static ConsentBody From(ConsentRow row) =>
        new(row.Id, row.Owner, row.OwnerId, row.ApplicationId, row.ClientId, row.Application, Core.Scopes.Split(row.Scopes), row.GrantedAt, row.LastUsedAt, row.LastUsedFrom);
}
