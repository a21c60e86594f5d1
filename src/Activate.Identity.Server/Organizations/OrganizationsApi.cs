using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Members;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Organizations;

/// <summary>REST of all organizations, for operators of the server: <c>/api/v1/organizations</c>.</summary>
internal static class OrganizationsApi
{
    private const string Path = "/api/v1/organizations";

    public static void MapOrganizationsApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Organizations");
        group.AddEndpointFilter(async (context, next) =>
            context.HttpContext.Features.Get<Caller>() is { IsOperator: true } ? await next(context) : OrganizationRegistry.OperatorRequired.ToResult());
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<OrganizationEntryBody>>().WithSummary("The organizations of this server, newest first");
        group.MapPost("", Create).RequireInteractive(Scopes.OrganizationWrite).Produces<OrganizationEntryBody>(201)
            .WithSummary("Create an organization and invite its owner; the answer holds the link to hand over, once");
        group.MapPatch("/{id:guid}", Change).RequireInteractive(Scopes.OrganizationWrite).Produces<OrganizationEntryBody>().WithSummary("Suspend an organization, or lift that");
    }

    private static async Task<IResult> List(Caller caller, OrganizationRegistry organizations, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        return Results.Ok(page.Page(await organizations.ListAsync(page, cancellationToken), organization => organization.Id, OrganizationEntryBody.From));
    }

    private static async Task<IResult> Create(CreateOrganizationBody body, Caller caller, OrganizationRegistry organizations, CancellationToken cancellationToken) =>
        (await organizations.CreateAsync(caller.ToActor(), body.Name, body.Slug, new InvitationDraft(body.Owner.Username, body.Owner.Email, null), cancellationToken)).TryGet(out var created, out var problem)
            ? Results.Created($"{Path}/{created.Organization.Id}", OrganizationEntryBody.From(created.Organization) with { InvitationUrl = created.Owner.Url })
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, SuspendOrganizationBody body, Caller caller, OrganizationRegistry organizations, CancellationToken cancellationToken) =>
        (await organizations.SuspendAsync(caller.ToActor(), id, body.Suspended, cancellationToken)).TryGet(out var organization, out var problem)
            ? Results.Ok(OrganizationEntryBody.From(organization))
            : problem.ToResult();
}

/// <param name="Name">1 to 100 printable characters.</param>
/// <param name="Owner">Is invited.</param>
/// <param name="Slug">Lower-case letters, digits and single hyphens; absent: made of the name. It stays.</param>
internal sealed record CreateOrganizationBody(string Name, OrganizationOwnerBody Owner, string? Slug = null);

internal sealed record OrganizationOwnerBody(string Username, string Email);

internal sealed record SuspendOrganizationBody(bool Suspended);

internal sealed record OrganizationEntryBody(Guid Id, string Slug, string Name, bool Suspended, int People, DateTime CreatedAt)
{
    /// <summary>The link to hand over to the owner: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InvitationUrl { get; init; }

    public static OrganizationEntryBody From(OrganizationEntry entry) => new(entry.Id, entry.Slug, entry.Name, entry.Suspended, entry.People, entry.CreatedAt);

    public override string ToString() => $"organization {Id}";
}
