using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Inventory;

/// <summary>REST of all credentials of an organization, for its administrators: <c>/api/v1/organization/credentials</c>. Whoever has a credential may ask why it ends, too.</summary>
internal static class InventoryApi
{
    internal static readonly Problem AdminRequired = new(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization see the credentials of others. Your own are in /api-keys, /tokens, /sessions and /ssh-keys.");

    public static void MapInventoryApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/organization/credentials").WithTags("Credentials of the organization");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<InventoryBody>>(200, "application/json", FileExport.Csv, FileExport.NdJson)
            .WithSummary("Every credential of the organization; all of them as CSV or NDJSON by Accept or ?format=");
        group.MapPost("/end", EndMany).RequireInteractive(Scopes.OrganizationWrite).Produces<EndedManyBody>()
            .WithSummary("End many, 5000 at most with one request; ?dryRun=true only counts");
        group.MapDelete("/{kind}/{id:guid}", End).RequireScope(Scopes.OrganizationWrite).Produces(204).WithSummary("End a credential of anybody in the organization");
        // Whose it is decides which scope it takes.
        group.MapGet("/{kind}/{id:guid}/explain", Explain).RequireCredential().Produces<ExplainBody>().WithSummary("Which rule decided when a credential ends. For administrators, and for whoever has it");
    }

    private static async Task<IResult> List(
        Caller caller, CredentialInventory inventory, AuditTrail trail, ActivateDbContext database, TimeProvider clock, HttpContext context, string? kind, string? owner, string? application,
        string? state, string? lastUsedBefore, string? format, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (caller.Role < Role.Admin)
            return AdminRequired.ToResult();
        if (!PageQuery.Parse(limit, null).TryGet(out var page, out var problem) || !InventoryQuery.Parse(kind, owner, application, state, lastUsedBefore).TryGet(out var query, out problem))
            return problem.ToResult();
        if (!FileExport.TryWanted(format, context.Request, out var type))
            return FileExport.FormatUnknown.ToResult();
        InventoryCursor? cursor = null;
        if (after is not null && !InventoryCursor.Parse(after).TryGet(out cursor, out problem))
            return problem.ToResult();

        if (type is not null)
        {
            trail.Add(AuditTypes.CredentialsExported, caller.ToActor(), caller.OrganizationId, caller.ClientId, type);
            await database.SaveChangesAsync(cancellationToken);
            return InventoryExport.Of(type, inventory.ReadAllAsync(caller.OrganizationId, query, cursor, cancellationToken), clock.Now());
        }

        var rows = await inventory.ReadAsync(caller.OrganizationId, query, cursor, page.Limit + 1, cancellationToken);
        var now = clock.Now();
        return Results.Ok(new PageOf<InventoryBody>([.. rows.Take(page.Limit).Select(row => InventoryBody.From(row, now))], rows.Count > page.Limit ? rows[page.Limit - 1].Cursor.ToString() : null));
    }

    private static async Task<IResult> End(string kind, Guid id, Caller caller, CredentialEnder ender, CancellationToken cancellationToken) =>
        (CredentialNames.KindOf(kind) is { } known ? await ender.EndAsync(caller.ToActor(), known, id, cancellationToken) : Problems.NotFound) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> EndMany(EndManyBody body, Caller caller, CredentialEnder ender, bool? dryRun, CancellationToken cancellationToken)
    {
        if (!InventoryQuery.Parse(body.Kind, body.Owner, body.Application, null, body.UnusedSince, "unusedSince").TryGet(out var query, out var problem)
            || !(await ender.EndManyAsync(caller.ToActor(), query, dryRun == true, cancellationToken)).TryGet(out var ended, out problem))
            return problem.ToResult();
        return Results.Ok(new EndedManyBody(dryRun == true, ended.Counts.ToDictionary(count => count.Key.Word(), count => count.Value), ended.Kept, ended.More));
    }

    private static async Task<IResult> Explain(string kind, Guid id, Caller caller, CredentialInventory inventory, EndExplainer explainer, TimeProvider clock, CancellationToken cancellationToken)
    {
        var (ofAll, ofOwn) = (caller.Role >= Role.Admin && caller.Has(Scopes.OrganizationRead), caller.Has(Scopes.CredentialsRead));
        if (!ofAll && !ofOwn)
            return Problems.InsufficientScope(Scopes.CredentialsRead).ToResult();
        if (CredentialNames.KindOf(kind) is not { } known || await inventory.FindAsync(caller.OrganizationId, known, id, cancellationToken) is not { } row
            || !(ofAll || row.OwnerId == caller.UserId))
            return Problems.NotFound.ToResult();
        var explained = await explainer.ExplainAsync(caller.OrganizationId, row, cancellationToken);
        return Results.Ok(ExplainBody.From(row, explained, clock.Now()));
    }
}

/// <summary>The inventory as a file.</summary>
internal static class InventoryExport
{
    private const string Columns = "kind,id,name,owner,ownerId,last4,fingerprint,scopes,clientId,createdAt,expiresAt,expiresBecause,lastUsedAt,lastUsedFrom,lastUsedOn,state";

    public static FileExport<InventoryBody> Of(string type, IAsyncEnumerable<InventoryRow> rows, DateTime now) =>
        new(type, "credentials", Columns, rows.Select(row => InventoryBody.From(row, now)), Cells);

    private static string?[] Cells(InventoryBody item) =>
    [
        item.Kind, item.Id.ToString(), item.Name, item.Owner, item.OwnerId.ToString(), item.Last4, item.Fingerprint, item.Scopes is null ? null : string.Join(' ', item.Scopes), item.ClientId,
        FileExport.Time(item.CreatedAt), FileExport.Time(item.ExpiresAt), item.ExpiresBecause, FileExport.Time(item.LastUsedAt), item.LastUsedFrom, item.LastUsedOn, item.State,
    ];
}

/// <param name="Kind"><c>apiKey</c>, <c>token</c>, <c>session</c> or <c>sshKey</c>.</param>
/// <param name="Last4">Null of SSH keys.</param>
/// <param name="Fingerprint">Of SSH keys.</param>
/// <param name="Scopes">Null of SSH keys.</param>
/// <param name="ClientId">The application that a token or session was issued to.</param>
/// <param name="LastUsedOn">Of SSH keys: the cluster.</param>
internal sealed record InventoryBody(
    string Kind, Guid Id, string Name, string Owner, Guid OwnerId, string? Last4, string? Fingerprint, IReadOnlyList<string>? Scopes, string? ClientId, DateTime CreatedAt, DateTime? ExpiresAt,
    string ExpiresBecause, DateTime? LastUsedAt, string? LastUsedFrom, string? LastUsedOn, string State)
{
    public static InventoryBody From(InventoryRow row, DateTime now) => new(
        row.Kind.Word(), row.Id, row.Name, row.Owner, row.OwnerId, row.Last4, row.Fingerprint is { } fingerprint ? SshFingerprint.Of(fingerprint) : null,
        row.Scopes is { } scopes ? Core.Scopes.Split(scopes) : null, row.ClientId, row.CreatedAt, row.EndsAt(now), row.ExpiresBecause.Word(), row.LastUsedAt, row.LastUsedFrom, row.LastUsedOn, row.State(now));

    public override string ToString() => $"{Kind} {Id}";
}

/// <param name="Kind">Only these.</param>
/// <param name="Owner">A username or an id.</param>
/// <param name="Application">A client id. Alone, or with an owner: also what was allowed the application is taken back.</param>
/// <param name="UnusedSince">A time or a day: what was neither used nor made since.</param>
internal sealed record EndManyBody(string? Kind = null, string? Owner = null, string? Application = null, string? UnusedSince = null);

/// <param name="DryRun">Nothing was changed.</param>
/// <param name="Counts">What was ended, kind by kind.</param>
/// <param name="Kept">Those of owners and operators, which are not for this caller to end.</param>
/// <param name="More">There are more than one request ends: send it again.</param>
internal sealed record EndedManyBody(bool DryRun, IReadOnlyDictionary<string, int> Counts, int Kept, bool More);

/// <param name="Code">Stable: <c>requested</c>, <c>default</c>, <c>no_choice</c>, <c>maximum</c>, <c>policy_changed</c>, <c>policy</c>, <c>parent</c>, <c>unused</c> or <c>idle</c>.</param>
/// <param name="Detail">In words.</param>
/// <param name="DecidedAt">When; null: not known any more.</param>
/// <param name="DecidedBy">Who changed the policy; null: nobody did, or it is not known any more.</param>
/// <param name="PolicyNow">What the policy of now says about new ones.</param>
internal sealed record ExplainBody(
    string Kind, Guid Id, string Name, string Owner, DateTime CreatedAt, DateTime? ExpiresAt, string ExpiresBecause, string State, string Code, string Detail, DateTime? DecidedAt, string? DecidedBy, string PolicyNow)
{
    public static ExplainBody From(InventoryRow row, ExplainedEnd end, DateTime now) => new(
        row.Kind.Word(), row.Id, row.Name, row.Owner, row.CreatedAt, row.EndsAt(now), row.ExpiresBecause.Word(), row.State(now), end.Reason.Code, end.Reason.Detail, end.Reason.DecidedAt, end.Reason.DecidedBy,
        end.PolicyNow);
}
