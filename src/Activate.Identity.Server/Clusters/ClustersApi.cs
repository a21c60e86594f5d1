using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Clusters;

/// <summary>REST of clusters: <c>/api/v1/organization/clusters</c>.</summary>
internal static class ClustersApi
{
    private const string Path = "/api/v1/organization/clusters";

    private static readonly Problem s_adminRequired = new(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization see whose accounts they are.");

    public static void MapClustersApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Clusters");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<ClusterBody>>().WithSummary("The organization's clusters, newest first");
        group.MapPost("", Create).RequireInteractive(Scopes.OrganizationWrite).Produces<ClusterBody>(201).WithSummary("Register a cluster; the answer holds the key of its service account, once");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.OrganizationRead).Produces<ClusterBody>().WithSummary("One cluster");
        group.MapPatch("/{id:guid}", Change).RequireInteractive(Scopes.OrganizationWrite).Produces<ClusterBody>().WithSummary("Change name, address, or who may log in");
        group.MapPost("/{id:guid}/rotate-key", RotateKey).RequireInteractive(Scopes.OrganizationWrite).Produces<ClusterBody>()
            .WithSummary("Give a cluster a new key, once in the answer; earlier ones work for the overlap");
        group.MapGet("/{id:guid}/accounts", Accounts).RequireScope(Scopes.OrganizationRead).Produces<Dictionary<string, string>>()
            .WithSummary("Whose Unix account has another name than the person: the account's name by username");
        group.MapPut("/{id:guid}/accounts", Map).RequireInteractive(Scopes.OrganizationWrite).Produces<Dictionary<string, string>>()
            .WithSummary("Say anew whose Unix account has another name; those who are not named have their username");
        group.MapDelete("/{id:guid}", Delete).RequireInteractive(Scopes.OrganizationWrite).Produces(204).WithSummary("Delete a cluster; its key works no more");
    }

    private static async Task<IResult> List(Caller caller, ClusterRegistry registry, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        return Results.Ok(page.Page(await registry.ListAsync(caller.OrganizationId, page, cancellationToken), shown => shown.Cluster.Id, shown => ClusterBody.From(shown, caller)));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        await registry.FindAsync(caller.OrganizationId, id, cancellationToken) is { } shown ? Results.Ok(ClusterBody.From(shown, caller)) : Problems.NotFound.ToResult();

    private static async Task<IResult> Create(CreateClusterBody body, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        AccessOf(body.Access ?? new ClusterAccessBody("everyone")).TryGet(out var access, out var problem)
        && (await registry.CreateAsync(caller.ToActor(), body.Name, body.Address, access, cancellationToken)).TryGet(out var registered, out problem)
            ? Results.Created($"{Path}/{registered.Cluster.Id}", ClusterBody.WithKey(registered, caller))
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, ChangeClusterBody body, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken)
    {
        ClusterAccess? access = null;
        if (body.Access is { } wanted && !AccessOf(wanted).TryGet(out access, out var problem))
            return problem.ToResult();
        return (await registry.ChangeAsync(caller.ToActor(), id, new ClusterChange(body.Name, body.Address, access), cancellationToken)).TryGet(out var shown, out problem)
            ? Results.Ok(ClusterBody.From(shown, caller))
            : problem.ToResult();
    }

    private static async Task<IResult> RotateKey(Guid id, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken, RotateClusterKeyBody? body = null) =>
        (await registry.RotateKeyAsync(caller.ToActor(), id, body?.OverlapHours, cancellationToken)).TryGet(out var registered, out var problem)
            ? Results.Ok(ClusterBody.WithKey(registered, caller))
            : problem.ToResult();

    private static async Task<IResult> Accounts(Guid id, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        caller.Role < Role.Admin ? s_adminRequired.ToResult()
        : await registry.AccountsAsync(caller.OrganizationId, id, cancellationToken) is { } accounts ? Results.Ok(accounts)
        : Problems.NotFound.ToResult();

    private static async Task<IResult> Map(Guid id, Dictionary<string, string?> body, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        (await registry.MapAsync(caller.ToActor(), id, body, cancellationToken)).TryGet(out var accounts, out var problem) ? Results.Ok(accounts) : problem.ToResult();

    private static Result<ClusterAccess> AccessOf(ClusterAccessBody body) => ClusterAccess.Parse(body.Mode, body.Roles, body.Usernames);

    private static async Task<IResult> Delete(Guid id, Caller caller, ClusterRegistry registry, CancellationToken cancellationToken) =>
        await registry.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <param name="Name">1 to 64 characters.</param>
/// <param name="Address">A host name or an IP address.</param>
/// <param name="Access">Absent: everybody of the organization.</param>
internal sealed record CreateClusterBody(string Name, string Address, ClusterAccessBody? Access = null);

/// <param name="Name">Absent: as it is.</param>
/// <param name="Address">Absent: as it is.</param>
/// <param name="Access">In place of what was. Absent: as it is.</param>
internal sealed record ChangeClusterBody(string? Name = null, string? Address = null, ClusterAccessBody? Access = null);

/// <param name="OverlapHours">How long earlier keys go on working: 0 to 168, 24 when absent.</param>
internal sealed record RotateClusterKeyBody(int? OverlapHours = null);

/// <param name="Mode"><c>everyone</c>, <c>roles</c> or <c>users</c>.</param>
/// <param name="Roles">With the mode <c>roles</c>: exactly these.</param>
/// <param name="Usernames">With the mode <c>users</c>: exactly these. Shown to administrators.</param>
internal sealed record ClusterAccessBody(
    string Mode,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Roles = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Usernames = null);

/// <param name="ReportsSince">Since when its hosts tell who got in; null: they do not.</param>
/// <param name="LastReportAt">The latest login that they told of.</param>
internal sealed record ClusterBody(Guid Id, string Name, string Address, ClusterAccessBody Access, DateTime CreatedAt, DateTime? ReportsSince, DateTime? LastReportAt)
{
    /// <summary>The API key of the cluster's service account: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    /// <summary>When that key ends; absent: never.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTime? KeyExpiresAt { get; init; }

    public static ClusterBody WithKey(RegisteredCluster registered, Caller caller) =>
        From(new ShownCluster(registered.Cluster, registered.Usernames), caller) with { Key = registered.Key.Secret.Reveal(), KeyExpiresAt = registered.Key.Key.ExpiresAt };

    public static ClusterBody From(ShownCluster shown, Caller caller)
    {
        var (cluster, access) = (shown.Cluster, ClusterRegistry.AccessOf(shown));
        return new ClusterBody(cluster.Id, cluster.Name, cluster.Address,
            new ClusterAccessBody(access.Word,
                access.Mode == ClusterAccessMode.Roles ? [.. access.Roles.Select(role => role.Word())] : null,
                access.Mode == ClusterAccessMode.Users && caller.Role >= Role.Admin ? access.Usernames : null),
            cluster.CreatedAt, cluster.ReportsSince, cluster.LastReportAt);
    }

    public override string ToString() => $"cluster {Id}";
}
