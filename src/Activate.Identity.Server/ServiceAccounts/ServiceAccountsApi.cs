using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>
/// REST of service accounts and their keys: <c>/api/v1/organization/service-accounts</c>. Keepers need <c>credentials:write</c>, as for keys of their own; administrators who do not keep
/// the account <c>organization:write</c> as well.
/// </summary>
internal static class ServiceAccountsApi
{
    private const string Path = "/api/v1/organization/service-accounts";

    public static void MapServiceAccountsApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Service accounts");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<ServiceAccountBody>>().WithSummary("The organization's service accounts, newest first; those who are no administrators see what they keep");
        group.MapPost("", Create).RequireInteractive(Scopes.OrganizationWrite).Produces<ServiceAccountBody>(201).WithSummary("Make a service account");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.OrganizationRead).Produces<ServiceAccountBody>().WithSummary("One service account");
        group.MapPatch("/{id:guid}", Change).RequireInteractive(Scopes.CredentialsWrite).Produces<ServiceAccountBody>()
            .WithSummary("Describe it anew; administrators also change role and keepers, disable and enable it");
        group.MapDelete("/{id:guid}", Delete).RequireInteractive(Scopes.OrganizationWrite).Produces(204).WithSummary("Delete a service account with all it has");

        var keys = group.MapGroup("/{id:guid}/api-keys");
        keys.MapGet("", ListKeys).RequireScope(Scopes.OrganizationRead).Produces<PageOf<ApiKeyBody>>().WithSummary("Its API keys, newest first");
        keys.MapPost("", CreateKey).RequireInteractive(Scopes.CredentialsWrite).Produces<ApiKeyBody>(201).WithSummary("Make an API key for it; the answer holds it, once");
        keys.MapPatch("/{keyId:guid}", ChangeKey).RequireInteractive(Scopes.CredentialsWrite).Produces<ApiKeyBody>().WithSummary("Rename one of its API keys, or say from where it may be used");
        keys.MapPost("/{keyId:guid}/rotate", RotateKey).RequireInteractive(Scopes.CredentialsWrite).Produces<ApiKeyBody>()
            .WithSummary("Give one of its API keys a new secret; the old one works for the overlap");
        keys.MapDelete("/{keyId:guid}", DeleteKey).RequireInteractive(Scopes.CredentialsWrite).Produces(204).WithSummary("Delete one of its API keys");
    }

    private static async Task<IResult> List(Caller caller, ServiceAccountRegistry accounts, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        return Results.Ok(page.Page(await accounts.ListAsync(caller.ToActor(), caller.Role, page, cancellationToken), account => account.Id, ServiceAccountBody.From));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, ServiceAccountRegistry accounts, CancellationToken cancellationToken) =>
        (await accounts.OpenAsync(caller.ToActor(), id, mayAdminister: true, cancellationToken)).TryGet(out var opened, out var problem)
            ? Results.Ok(ServiceAccountBody.From(opened.Account))
            : problem.ToResult();

    private static async Task<IResult> Create(CreateServiceAccountBody body, Caller caller, ServiceAccountRegistry accounts, CancellationToken cancellationToken) =>
        (await accounts.CreateAsync(caller.ToActor(), new ServiceAccountDraft(body.Username, body.Description, body.Role, body.Keepers), cancellationToken)).TryGet(out var account, out var problem)
            ? Results.Created($"{Path}/{account.Id}", ServiceAccountBody.From(account))
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, ChangeServiceAccountBody body, Caller caller, ServiceAccountRegistry accounts, CancellationToken cancellationToken) =>
        (await accounts.ChangeAsync(caller.ToActor(), id, new ServiceAccountChange(body.Description, body.Role, body.Keepers, body.Disabled), MayAdminister(caller), cancellationToken))
            .TryGet(out var account, out var problem)
            ? Results.Ok(ServiceAccountBody.From(account))
            : problem.ToResult();

    private static async Task<IResult> Delete(Guid id, Caller caller, ServiceAccountRegistry accounts, CancellationToken cancellationToken) =>
        await accounts.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> ListKeys(
        Guid id, Caller caller, ServiceAccountRegistry accounts, ServiceAccountKeys keys, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem)
            || !(await accounts.OpenAsync(caller.ToActor(), id, mayAdminister: true, cancellationToken)).TryGet(out _, out problem))
            return problem.ToResult();
        var now = clock.Now();
        return Results.Ok(page.Page(await keys.ListAsync(caller.ToActor(), id, page, cancellationToken), key => key.Id, key => ApiKeyBody.From(key, now)));
    }

    private static async Task<IResult> CreateKey(Guid id, CreateApiKeyBody body, Caller caller, ServiceAccountKeys keys, TimeProvider clock, CancellationToken cancellationToken) =>
        (await keys.CreateAsync(caller.ToActor(), ScopeGiver.From(caller), id, body.ToDraft(), MayAdminister(caller), cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Created($"{Path}/{id}/api-keys/{issued.Key.Id}", ApiKeyBody.From(issued.Key, clock.Now()) with { Key = issued.Secret.Reveal() })
            : problem.ToResult();

    private static async Task<IResult> RotateKey(
        Guid id, Guid keyId, Caller caller, ServiceAccountKeys keys, TimeProvider clock, CancellationToken cancellationToken, RotateApiKeyBody? body = null) =>
        (await keys.RotateAsync(caller.ToActor(), ScopeGiver.From(caller), id, keyId, body?.OverlapHours, MayAdminister(caller), cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Ok(ApiKeyBody.From(issued.Key, clock.Now()) with { Key = issued.Secret.Reveal() })
            : problem.ToResult();

    private static async Task<IResult> ChangeKey(Guid id, Guid keyId, ChangeApiKeyBody body, Caller caller, ServiceAccountKeys keys, TimeProvider clock, CancellationToken cancellationToken) =>
        (await keys.ChangeAsync(caller.ToActor(), id, keyId, body.Name, body.AllowedAddresses, MayAdminister(caller), cancellationToken)).TryGet(out var key, out var problem)
            ? Results.Ok(ApiKeyBody.From(key, clock.Now()))
            : problem.ToResult();

    private static async Task<IResult> DeleteKey(Guid id, Guid keyId, Caller caller, ServiceAccountKeys keys, CancellationToken cancellationToken) =>
        await keys.DeleteAsync(caller.ToActor(), id, keyId, MayAdminister(caller), cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static bool MayAdminister(Caller caller) => caller.Has(Scopes.OrganizationWrite);
}

/// <param name="Username">As for people: it stays, and is given to nobody else.</param>
/// <param name="Description">What it is for: one line, at most 200 characters.</param>
/// <param name="Keepers">1 to 20 usernames of people of the organization.</param>
/// <param name="Role"><c>member</c> when absent, or <c>admin</c>.</param>
internal sealed record CreateServiceAccountBody(string Username, string Description, IReadOnlyList<string> Keepers, string? Role = null);

/// <param name="Description">Absent: as it is.</param>
/// <param name="Role">Absent: as it is.</param>
/// <param name="Keepers">In place of those it has. Absent: as they are.</param>
/// <param name="Disabled">Absent: as it is.</param>
internal sealed record ChangeServiceAccountBody(string? Description = null, string? Role = null, IReadOnlyList<string>? Keepers = null, bool? Disabled = null);

/// <param name="State"><c>active</c>, <c>disabled</c> or <c>noKeeper</c>.</param>
/// <param name="Cluster">The cluster it belongs to, and is managed with.</param>
internal sealed record ServiceAccountBody(
    Guid Id, string Username, string Description, string Role, IReadOnlyList<KeeperBody> Keepers, string State, bool Disabled, ClusterOfAccount? Cluster, int ApiKeys, DateTime CreatedAt,
    DateTime? LastUsedAt)
{
    public static ServiceAccountBody From(KeptAccount account) => new(
        account.Id, account.Username, account.Description, account.Role.Word(), [.. account.Keepers.Select(keeper => new KeeperBody(keeper.Id, keeper.Username, keeper.IsActive))], account.State,
        account.Disabled, account.ClusterId is { } cluster ? new ClusterOfAccount(cluster, account.ClusterName!) : null, account.ApiKeys, account.CreatedAt, account.LastUsedAt);
}

/// <param name="Active">False: is disabled, or has not taken the invitation up.</param>
internal sealed record KeeperBody(Guid Id, string Username, bool Active);

internal sealed record ClusterOfAccount(Guid Id, string Name);
