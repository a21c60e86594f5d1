using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Clusters;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Clusters;

/// <summary>REST of clusters: <c>/api/v1/organization/clusters</c>.</summary>
internal static class ClustersApi
{
    private const string Path = "/api/v1/organization/clusters";

    public static void MapClustersApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Clusters");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<ClusterBody>>().WithSummary("The organization's clusters, newest first");
        group.MapPost("", Create).RequireInteractive(Scopes.OrganizationWrite).Produces<ClusterBody>(201).WithSummary("Register a cluster; the answer holds the key of its service account, once");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.OrganizationRead).Produces<ClusterBody>().WithSummary("One cluster");
        group.MapDelete("/{id:guid}", Delete).RequireInteractive(Scopes.OrganizationWrite).Produces(204).WithSummary("Delete a cluster; its key works no more");
    }

    private static async Task<IResult> List(Caller caller, ActivateDbContext database, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var rows = await database.Clusters.AsNoTracking().Where(c => c.OrganizationId == caller.OrganizationId && (page.After == null || c.Id.CompareTo(page.After.Value) < 0))
            .OrderByDescending(c => c.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return Results.Ok(page.Page(rows, c => c.Id, ClusterBody.From));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, ActivateDbContext database, CancellationToken cancellationToken) =>
        await database.Clusters.AsNoTracking().SingleOrDefaultAsync(c => c.Id == id && c.OrganizationId == caller.OrganizationId, cancellationToken) is { } cluster
            ? Results.Ok(ClusterBody.From(cluster))
            : Problems.NotFound.ToResult();

    private static async Task<IResult> Create(CreateClusterBody body, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken)
    {
        if (body.Access is { Mode: not "everyone" })
            return Problems.Invalid("access.mode", "access_unavailable", "This version lets everybody of the organization log in to each of its clusters: the mode is 'everyone'.").ToResult();
        return (await registry.CreateAsync(caller.ToActor(), body.Name, body.Address, cancellationToken)).TryGet(out var registered, out var problem)
            ? Results.Created($"{Path}/{registered.Cluster.Id}", ClusterBody.From(registered.Cluster) with { Key = registered.Key.Secret.Reveal() })
            : problem.ToResult();
    }

    private static async Task<IResult> Delete(Guid id, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        await registry.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <param name="Name">1 to 64 characters.</param>
/// <param name="Address">A host name or an IP address.</param>
/// <param name="Access">Absent: everybody of the organization.</param>
internal sealed record CreateClusterBody(string Name, string Address, ClusterAccessBody? Access = null);

/// <param name="Mode"><c>everyone</c>.</param>
internal sealed record ClusterAccessBody(string Mode);

internal sealed record ClusterBody(Guid Id, string Name, string Address, ClusterAccessBody Access, DateTime CreatedAt)
{
    /// <summary>The API key of the cluster's service account: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    public static ClusterBody From(Cluster cluster) => new(cluster.Id, cluster.Name, cluster.Address, new ClusterAccessBody("everyone"), cluster.CreatedAt);

    public override string ToString() => $"cluster {Id}";
}
