using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>REST of API keys: <c>/api/v1/api-keys</c>.</summary>
internal static class ApiKeysApi
{
    private const string Path = "/api/v1/api-keys";

    public static void MapApiKeysApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("API keys");
        group.MapGet("", List).RequireScope(Scopes.CredentialsRead).Produces<PageOf<ApiKeyBody>>().WithSummary("The caller's API keys, newest first");
        group.MapPost("", Create).RequireInteractive(Scopes.CredentialsWrite).Produces<ApiKeyBody>(201).WithSummary("Make an API key; the answer holds it, once");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.CredentialsRead).Produces<ApiKeyBody>().WithSummary("One API key");
        group.MapPatch("/{id:guid}", Change).RequireScope(Scopes.CredentialsWrite).Produces<ApiKeyBody>().WithSummary("Rename an API key, or say from where it may be used, which needs a person who signed in");
        group.MapPost("/{id:guid}/rotate", Rotate).RequireInteractive(Scopes.CredentialsWrite, orItself: true).Produces<ApiKeyBody>()
            .WithSummary("Give an API key a new secret; the old one works for the overlap. A key may rotate itself");
        group.MapDelete("/{id:guid}", Delete).RequireScope(Scopes.CredentialsWrite, orItself: true).Produces(204).WithSummary("Delete an API key. A key may delete itself");
    }

    private static async Task<IResult> List(Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        return Results.Ok(page.Page(await ReadAsync(caller.UserId, caller.OrganizationId, page, database, cuts, now, cancellationToken), k => k.Id, k => ApiKeyBody.From(k, now)));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var rows = await cuts.ApplyAsync(caller.OrganizationId, await Listed(caller.UserId, database, now).Where(k => k.Id == id).ToListAsync(cancellationToken), cancellationToken);
        return rows is [var key] ? Results.Ok(ApiKeyBody.From(key, now)) : Problems.NotFound.ToResult();
    }

    /// <summary>A page of what lists show of a user, and one more where there are more.</summary>
    internal static async Task<IReadOnlyList<ApiKey>> ReadAsync(
        Guid ownerId, Guid organizationId, PageQuery page, ActivateDbContext database, PendingCuts cuts, DateTime now, CancellationToken cancellationToken)
    {
        var rows = await Listed(ownerId, database, now).Where(k => page.After == null || k.Id.CompareTo(page.After.Value) < 0)
            .OrderByDescending(k => k.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return await cuts.ApplyAsync(organizationId, rows, cancellationToken);
    }

    /// <summary>What lists show of a user: all but what expired long ago.</summary>
    internal static IQueryable<ApiKey> Listed(Guid ownerId, ActivateDbContext database, DateTime now)
    {
        var listedSince = now - CredentialNames.ListedAfterExpiry;
        return database.ApiKeys.AsNoTracking().Where(k => k.OwnerId == ownerId && (k.ExpiresAt == null || k.ExpiresAt > listedSince));
    }

    private static async Task<IResult> Create(CreateApiKeyBody body, Caller caller, ApiKeyIssuer issuer, TimeProvider clock, CancellationToken cancellationToken) =>
        (await issuer.CreateAsync(caller.ToActor(), ScopeGiver.From(caller), body.ToDraft(), cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Created($"{Path}/{issued.Key.Id}", ApiKeyBody.From(issued.Key, clock.Now()) with { Key = issued.Secret.Reveal() })
            : problem.ToResult();

    private static async Task<IResult> Rotate(Guid id, Caller caller, ApiKeyIssuer issuer, TimeProvider clock, CancellationToken cancellationToken, RotateApiKeyBody? body = null) =>
        (await issuer.RotateAsync(caller.ToActor(), caller.Kind == CredentialKind.ApiKey && caller.CredentialId == id ? null : ScopeGiver.From(caller), id, body?.OverlapHours, cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Ok(ApiKeyBody.From(issued.Key, clock.Now()) with { Key = issued.Secret.Reveal() })
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, ChangeApiKeyBody body, Caller caller, ApiKeyIssuer issuer, TimeProvider clock, CancellationToken cancellationToken)
    {
        // Whoever found a key that is limited, and another that is not, must not lift the limit of the one by the other.
        if (body.AllowedAddresses.IsPresent && !caller.Interactive)
            return Problems.InteractiveSignInRequired.ToResult();
        return (await issuer.ChangeAsync(caller.ToActor(), id, body.Name, body.AllowedAddresses, cancellationToken)).TryGet(out var key, out var problem)
            ? Results.Ok(ApiKeyBody.From(key, clock.Now()))
            : problem.ToResult();
    }

    private static async Task<IResult> Delete(Guid id, Caller caller, ApiKeyIssuer issuer, CancellationToken cancellationToken) =>
        await issuer.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <param name="Name">1 to 64 characters.</param>
/// <param name="Scopes">Absent: <c>platform credentials:read</c>.</param>
/// <param name="AllowedAddresses">At most 20 addresses and ranges (<c>192.0.2.0/24</c>, <c>2001:db8::/32</c>). Absent or null: it works from everywhere.</param>
internal sealed record CreateApiKeyBody(string Name, IReadOnlyList<string>? Scopes = null, IReadOnlyList<string>? AllowedAddresses = null)
{
    public ApiKeyDraft ToDraft() => new(Name, ExpiresInDays, Scopes, AllowedAddresses);

    /// <summary>Whole days; null: no expiration; absent: the default of the policy.</summary>
    public Optional<int?> ExpiresInDays { get; init; }
}

internal sealed record RotateApiKeyBody(int? OverlapHours = null);

/// <param name="Name">Absent: as it is.</param>
internal sealed record ChangeApiKeyBody(string? Name = null)
{
    /// <summary>Absent: as it is. Null: from everywhere.</summary>
    public Optional<IReadOnlyList<string>?> AllowedAddresses { get; init; }
}

internal sealed record RenameBody(string Name);

internal sealed record ApiKeyBody(
    Guid Id, string Name, string Last4, IReadOnlyList<string> Scopes, IReadOnlyList<string>? AllowedAddresses, DateTime CreatedAt, DateTime? ExpiresAt,
    string ExpiresBecause, DateTime? LastUsedAt, string? LastUsedFrom, string State)
{
    /// <summary>The secret: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }

    public static ApiKeyBody From(ApiKey key, DateTime now) => new(
        key.Id, key.Name, key.Last4, Core.Scopes.Split(key.Scopes), key.AllowedAddresses?.Split(' '), key.CreatedAt, key.ExpiresAt, key.ExpiresBecause.Word(), key.LastUsedAt, key.LastUsedFrom,
        CredentialNames.State(key.CreatedAt, key.ExpiresAt, now));

    public override string ToString() => $"API key {Id}";
}
