using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Keys;

/// <summary>REST of the keys that sign tokens, for operators: <c>/api/v1/signing-keys</c>. Public halves are at <c>/.well-known/jwks</c>; nothing here shows a private one.</summary>
internal static class SigningKeysApi
{
    private static readonly Problem s_operatorRequired = new(ProblemKind.Refused, "operator_required",
        "This concerns the whole server, not one organization: only its operators may. Ask whoever runs it.");

    public static void MapSigningKeysApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup("/api/v1/signing-keys").WithTags("Signing keys");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<SigningKeyBody>>().WithSummary("The keys that are published, newest first; for operators");
        group.MapPost("/rotate", Rotate).RequireInteractive(Scopes.OrganizationWrite).Produces<PageOf<SigningKeyBody>>()
            .WithSummary("Make a new key of each algorithm, published now and signing in ten minutes; for operators");
    }

    private static IResult List(Caller caller, SigningKeys keys, TimeProvider clock, string? limit, string? after)
    {
        if (!caller.IsOperator)
            return s_operatorRequired.ToResult();
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        var rows = keys.Published(now).Where(key => page.After == null || key.Id.CompareTo(page.After.Value) < 0).OrderByDescending(key => key.Id).Take(page.Limit + 1).ToList();
        return Results.Ok(page.Page(rows, key => key.Id, key => SigningKeyBody.From(key, keys, now)));
    }

    private static async Task<IResult> Rotate(Caller caller, SigningKeys keys, SigningKeyRotation rotation, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (!caller.IsOperator)
            return s_operatorRequired.ToResult();
        if (!(await rotation.RotateAsync(caller.ToActor(), cancellationToken)).TryGet(out var added, out var problem))
            return problem.ToResult();
        var now = clock.Now();
        return Results.Ok(new PageOf<SigningKeyBody>([.. added.Select(key => SigningKeyBody.From(key, keys, now))], null));
    }
}

/// <param name="Kid">As in the header of what it signs: the thumbprint of RFC 7638.</param>
/// <param name="Algorithm">RS256 or ES256.</param>
/// <param name="CreatedAt">When it was made, and published.</param>
/// <param name="SignsFrom">From when it signs.</param>
/// <param name="RetiresAt">When the last token it signed has ended, and it is published no more; null while no key follows it.</param>
/// <param name="State"><c>upcoming</c>, <c>current</c> or <c>retiring</c>.</param>
internal sealed record SigningKeyBody(string Kid, string Algorithm, DateTime CreatedAt, DateTime SignsFrom, DateTime? RetiresAt, string State)
{
    public static SigningKeyBody From(SigningKey key, SigningKeys keys, DateTime now) => new(
        key.Kid, key.Algorithm.Name, key.CreatedAt,
        // The first one counts since ever, and is not older than itself.
        key.SignsFrom < key.CreatedAt ? key.CreatedAt : key.SignsFrom, key.RetiresAt,
        keys.StateOf(key, now).Word());
}
