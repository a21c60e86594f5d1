using Activate.Identity.Core;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>REST of the caller's organization itself: <c>/api/v1/organization</c>.</summary>
internal static class OrganizationApi
{
    public static void MapOrganizationApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/organization").WithTags("Organization");
        group.MapGet("", Show).RequireScope(Scopes.OrganizationRead).Produces<OrganizationBody>().WithSummary("The caller's organization");
        group.MapPatch("", Rename).RequireScope(Scopes.OrganizationWrite).Produces<OrganizationBody>().WithSummary("Rename the organization. Its slug, which programs know, stays");
    }

    private static async Task<OrganizationBody> Show(Caller caller, ActivateDbContext database, CancellationToken cancellationToken) =>
        await database.Organizations.Where(o => o.Id == caller.OrganizationId).Select(o => new OrganizationBody(o.Id, o.Slug, o.Name, o.CreatedAt)).SingleAsync(cancellationToken);

    private static async Task<IResult> Rename(
        RenameOrganizationBody body, Caller caller, ActivateDbContext database, AuditTrail audit, CredentialCache cache, CancellationToken cancellationToken)
    {
        if (!OrganizationName.Parse(body.Name, "name").TryGet(out var name, out var problem))
            return problem.ToResult();
        var organization = await database.Organizations.SingleAsync(o => o.Id == caller.OrganizationId, cancellationToken);
        audit.Add(AuditTypes.OrganizationRenamed, caller.ToActor(), organization.Id, detail: $"{organization.Name} → {name}");
        organization.Name = name;
        await database.SaveChangesAsync(cancellationToken);
        cache.Forget();
        return Results.Ok(new OrganizationBody(organization.Id, organization.Slug, organization.Name, organization.CreatedAt));
    }
}

/// <param name="Name">1 to 100 printable characters.</param>
internal sealed record RenameOrganizationBody(string Name);

internal sealed record OrganizationBody(Guid Id, string Slug, string Name, DateTime CreatedAt);
