using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tokens;

/// <summary>REST of generated tokens and of sessions (device logins and connected applications).</summary>
internal static class TokensApi
{
    public static void MapTokensApi(this IEndpointRouteBuilder endpoints)
    {
        var tokens = endpoints.MapGroup("/api/v1/tokens").WithTags("Tokens");
        tokens.MapGet("", ListTokens).RequireScope(Scopes.CredentialsRead).Produces<PageOf<GrantBody>>().WithSummary("The caller's generated tokens, newest first");
        tokens.MapPost("", Create).RequireInteractive(Scopes.CredentialsWrite).Produces<GrantBody>(201).WithSummary("Make a token of 1 to 24 hours; the answer holds it, once");
        tokens.MapDelete("/{id:guid}", DeleteToken).RequireScope(Scopes.CredentialsWrite).Produces(204).WithSummary("End a generated token");

        var sessions = endpoints.MapGroup("/api/v1/sessions").WithTags("Sessions");
        sessions.MapGet("", ListSessions).RequireScope(Scopes.CredentialsRead).Produces<PageOf<GrantBody>>().WithSummary("The caller's device logins and connected applications, newest first");
        sessions.MapDelete("/{id:guid}", DeleteSession).RequireScope(Scopes.CredentialsWrite).Produces(204).WithSummary("End a session");
    }

    private static Task<IResult> ListTokens(Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken) =>
        ListAsync(CredentialKind.Token, caller, database, cuts, clock, limit, after, cancellationToken);

    private static Task<IResult> ListSessions(Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken) =>
        ListAsync(CredentialKind.Session, caller, database, cuts, clock, limit, after, cancellationToken);

    private static async Task<IResult> ListAsync(
        CredentialKind kind, Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        var rows = await Listed(kind, caller.UserId, database, now)
            .Where(g => page.After == null || g.Id.CompareTo(page.After.Value) < 0)
            .OrderByDescending(g => g.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return Results.Ok(page.Page(await cuts.ApplyAsync(caller.OrganizationId, rows, cancellationToken), g => g.Id, g => GrantBody.From(g, now)));
    }

    /// <summary>What lists show of a user: all but what expired long ago.</summary>
    internal static IQueryable<TokenGrant> Listed(CredentialKind kind, Guid ownerId, ActivateDbContext database, DateTime now)
    {
        var listedSince = now - CredentialNames.ListedAfterExpiry;
        return database.TokenGrants.AsNoTracking().Where(g => g.OwnerId == ownerId && g.Kind == kind && g.ExpiresAt > listedSince);
    }

    private static async Task<IResult> Create(CreateTokenBody body, Caller caller, TokenIssuer issuer, TimeProvider clock, CancellationToken cancellationToken) =>
        (await issuer.CreateAsync(caller.ToActor(), ScopeGiver.From(caller), caller.OrganizationSlug, body.Name, body.ExpiresInHours, body.Scopes, cancellationToken)).TryGet(out var issued, out var problem)
            ? Results.Created($"/api/v1/tokens/{issued.Grant.Id}", GrantBody.From(issued.Grant, clock.Now()) with { Token = issued.Token })
            : problem.ToResult();

    private static async Task<IResult> DeleteToken(Guid id, Caller caller, TokenIssuer issuer, CancellationToken cancellationToken) =>
        await issuer.EndAsync(caller.ToActor(), CredentialKind.Token, id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> DeleteSession(Guid id, Caller caller, TokenIssuer issuer, CancellationToken cancellationToken) =>
        await issuer.EndAsync(caller.ToActor(), CredentialKind.Session, id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();
}

/// <param name="Name">Absent: named after the time.</param>
/// <param name="Scopes">Absent: <c>platform credentials:read</c>.</param>
internal sealed record CreateTokenBody(string? Name = null, IReadOnlyList<string>? Scopes = null)
{
    /// <summary>Whole hours, 1 to 24; absent: the default of the policy.</summary>
    public Optional<int?> ExpiresInHours { get; init; }
}

internal sealed record GrantBody(
    Guid Id, string Name, string? Last4, IReadOnlyList<string> Scopes, DateTime CreatedAt, DateTime ExpiresAt, string ExpiresBecause, DateTime? LastUsedAt, string? LastUsedFrom, string State,
    string ClientId)
{
    /// <summary>The token: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Token { get; init; }

    public static GrantBody From(TokenGrant grant, DateTime now) => new(
        grant.Id, grant.Name, grant.Last4, Core.Scopes.Split(grant.Scopes), grant.CreatedAt, grant.ExpiresAt, grant.ExpiresBecause.Word(),
        grant.LastUsedAt, grant.LastUsedFrom, CredentialNames.State(grant.CreatedAt, grant.ExpiresAt, now), grant.ClientId);

    public override string ToString() => $"token {Id}";
}
