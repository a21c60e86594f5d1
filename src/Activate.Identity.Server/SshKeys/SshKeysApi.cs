using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>REST of SSH public keys: <c>/api/v1/ssh-keys</c>.</summary>
internal static class SshKeysApi
{
    private const string Path = "/api/v1/ssh-keys";

    public static void MapSshKeysApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("SSH keys");
        group.MapGet("", List).RequireScope(Scopes.CredentialsRead).Produces<PageOf<SshKeyBody>>().WithSummary("The caller's SSH keys, newest first");
        group.MapPost("", Add).RequireScope(Scopes.CredentialsWrite).Produces<SshKeyBody>(201).WithSummary("Add an SSH public key, with which the caller may log in to clusters");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.CredentialsRead).Produces<SshKeyBody>().WithSummary("One SSH key");
        group.MapPatch("/{id:guid}", Rename).RequireScope(Scopes.CredentialsWrite).Produces<SshKeyBody>().WithSummary("Rename an SSH key");
        group.MapDelete("/{id:guid}", Delete).RequireScope(Scopes.CredentialsWrite).Produces(204).WithSummary("Delete an SSH key");

        endpoints.MapPost("/api/v1/organization/ssh-fingerprints/{fingerprint}/allow", Allow).RequireInteractive(Scopes.OrganizationWrite).WithTags("SSH keys")
            .Produces<AllowedFingerprintBody>().WithSummary("Let users add a key again that had ended by policy");
    }

    private static async Task<IResult> List(
        Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        var rows = await Listed(caller.UserId, database, now).Where(k => page.After == null || k.Id.CompareTo(page.After.Value) < 0)
            .OrderByDescending(k => k.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return Results.Ok(page.Page(await cuts.ApplyAsync(caller.OrganizationId, rows, cancellationToken), k => k.Id, k => SshKeyBody.From(k, now)));
    }

    private static async Task<IResult> Get(Guid id, Caller caller, ActivateDbContext database, PendingCuts cuts, TimeProvider clock, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var rows = await cuts.ApplyAsync(caller.OrganizationId, await Listed(caller.UserId, database, now).Where(k => k.Id == id).ToListAsync(cancellationToken), cancellationToken);
        return rows is [var key] ? Results.Ok(SshKeyBody.From(key, now)) : Problems.NotFound.ToResult();
    }

    /// <summary>What lists show of a user: all but what expired long ago.</summary>
    internal static IQueryable<SshKey> Listed(Guid ownerId, ActivateDbContext database, DateTime now)
    {
        var listedSince = now - CredentialNames.ListedAfterExpiry;
        return database.SshKeys.AsNoTracking().Where(k => k.OwnerId == ownerId && (k.ExpiresAt == null || k.ExpiresAt > listedSince));
    }

    private static async Task<IResult> Add(AddSshKeyBody body, Caller caller, SshKeyRegistry registry, TimeProvider clock, CancellationToken cancellationToken) =>
        (await registry.AddAsync(caller.ToActor(), body.Name, body.PublicKey, body.ExpiresInDays, cancellationToken)).TryGet(out var key, out var problem)
            ? Results.Created($"{Path}/{key.Id}", SshKeyBody.From(key, clock.Now()))
            : problem.ToResult();

    private static async Task<IResult> Rename(Guid id, RenameBody body, Caller caller, SshKeyRegistry registry, TimeProvider clock, CancellationToken cancellationToken) =>
        (await registry.RenameAsync(caller.ToActor(), id, body.Name, cancellationToken)).TryGet(out var key, out var problem)
            ? Results.Ok(SshKeyBody.From(key, clock.Now()))
            : problem.ToResult();

    private static async Task<IResult> Delete(Guid id, Caller caller, SshKeyRegistry registry, CancellationToken cancellationToken) =>
        await registry.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> Allow(string fingerprint, Caller caller, SshKeyRegistry registry, CancellationToken cancellationToken)
    {
        // Routing leaves an encoded slash, of which base64 has many, as it came.
        var text = fingerprint.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        return (await registry.AllowAsync(caller.ToActor(), text, cancellationToken)).TryGet(out var users, out var problem)
            ? Results.Ok(new AllowedFingerprintBody(text, users))
            : problem.ToResult();
    }
}

/// <param name="Name">1 to 64 characters.</param>
/// <param name="PublicKey">One line of a .pub file.</param>
internal sealed record AddSshKeyBody(string Name, string PublicKey)
{
    /// <summary>Whole days; null: no expiration; absent: the default of the policy.</summary>
    public Optional<int?> ExpiresInDays { get; init; }

    // Whoever sends a private key by mistake must not find it in a log.
    public override string ToString() => "an SSH key to add";
}

/// <param name="LastUsedOn">The cluster that told of the login, by the name it had then.</param>
internal sealed record SshKeyBody(
    Guid Id, string Name, string Algorithm, string Fingerprint, string PublicKey, DateTime CreatedAt, DateTime? ExpiresAt, string ExpiresBecause,
    DateTime? LastUsedAt, string? LastUsedFrom, string? LastUsedOn, string State)
{
    public static SshKeyBody From(SshKey key, DateTime now) => new(
        key.Id, key.Name, key.Algorithm, SshFingerprint.Of(key.Fingerprint), key.PublicKey, key.CreatedAt, key.ExpiresAt, key.ExpiresBecause.Word(),
        key.LastUsedAt, key.LastUsedFrom, key.LastUsedOn, CredentialNames.State(key.CreatedAt, key.ExpiresAt, now));
}

/// <param name="Fingerprint">As it was asked for.</param>
/// <param name="Users">The usernames that may add it again.</param>
internal sealed record AllowedFingerprintBody(string Fingerprint, IReadOnlyList<string> Users);
