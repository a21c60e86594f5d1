using System.Text.Json.Serialization;
using Activate.Identity.Core;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Applications;

/// <summary>
/// REST of applications: <c>/api/v1/organization/applications</c> for an organization's own, and the same at <c>/api/v1/applications</c> for the server-wide ones,
/// which are for operators.
/// </summary>
internal static class ApplicationsApi
{
    private const string OwnPath = "/api/v1/organization/applications";
    private const string ServerPath = "/api/v1/applications";

    public static void MapApplicationsApi(this IEndpointRouteBuilder endpoints)
    {
        Map(endpoints.MapGroup(OwnPath).WithTags("Applications"), new Whose(OwnPath, caller => caller.OrganizationId), "the organization's");
        var server = endpoints.MapGroup(ServerPath).WithTags("Server-wide applications");
        server.AddEndpointFilter(async (context, next) =>
            context.HttpContext.Features.Get<Caller>() is { IsOperator: true } ? await next(context) : ApplicationRegistry.OperatorRequired.ToResult());
        Map(server, new Whose(ServerPath, _ => null), "the server-wide");
    }

    private static void Map(RouteGroupBuilder group, Whose whose, string which)
    {
        group.MapGet("", (Caller caller, ActivateDbContext database, string? limit, string? after, CancellationToken cancellationToken) => List(whose, caller, database, limit, after, cancellationToken))
            .RequireScope(Scopes.OrganizationRead).Produces<PageOf<ApplicationBody>>().WithSummary($"List {which} applications, newest first");
        group.MapPost("", (CreateApplicationBody body, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) => Create(whose, body, caller, registry, cancellationToken))
            .RequireInteractive(Scopes.OrganizationWrite).Produces<ApplicationBody>(201).WithSummary($"Register one of {which} applications; the answer holds its secret, once");
        group.MapGet("/{id:guid}", (Guid id, Caller caller, ActivateDbContext database, CancellationToken cancellationToken) => Get(whose, id, caller, database, cancellationToken))
            .RequireScope(Scopes.OrganizationRead).Produces<ApplicationBody>().WithSummary($"One of {which} applications");
        group.MapPatch("/{id:guid}", (Guid id, ChangeApplicationBody body, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) =>
                Change(whose, id, body, caller, registry, cancellationToken))
            .RequireInteractive(Scopes.OrganizationWrite).Produces<ApplicationBody>().WithSummary("Change, suspend or resume an application. More scopes or addresses: people are asked again");
        group.MapDelete("/{id:guid}", (Guid id, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) => Delete(whose, id, caller, registry, cancellationToken))
            .RequireInteractive(Scopes.OrganizationWrite).Produces(204).WithSummary("Delete an application; all that it got ends");
        group.MapPost("/{id:guid}/secret", (Guid id, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken, RotateSecretBody? body = null) =>
                Rotate(whose, id, body, caller, registry, cancellationToken))
            .RequireInteractive(Scopes.OrganizationWrite).Produces<ApplicationBody>().WithSummary("Give an application a new secret; the old one works for the overlap");
    }

    /// <summary>Whose applications a path is about: all that differs between the two.</summary>
    private sealed record Whose(string Path, Func<Caller, Guid?> Organization);

    private static async Task<IResult> List(Whose whose, Caller caller, ActivateDbContext database, string? limit, string? after, CancellationToken cancellationToken)
    {
        if (!PageQuery.Parse(limit, after).TryGet(out var page, out var problem))
            return problem.ToResult();
        var organization = whose.Organization(caller);
        var rows = await database.Applications.AsNoTracking().Where(a => a.OrganizationId == organization && (page.After == null || a.Id.CompareTo(page.After.Value) < 0))
            .OrderByDescending(a => a.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return Results.Ok(page.Page(rows, a => a.Id, ApplicationBody.From));
    }

    private static async Task<IResult> Get(Whose whose, Guid id, Caller caller, ActivateDbContext database, CancellationToken cancellationToken)
    {
        var organization = whose.Organization(caller);
        return await database.Applications.AsNoTracking().SingleOrDefaultAsync(a => a.Id == id && a.OrganizationId == organization, cancellationToken) is { } application
            ? Results.Ok(ApplicationBody.From(application))
            : Problems.NotFound.ToResult();
    }

    private static async Task<IResult> Create(Whose whose, CreateApplicationBody body, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) =>
        (await registry.CreateAsync(caller.ToActor(), whose.Organization(caller), body.ToDraft(), cancellationToken)).TryGet(out var registered, out var problem)
            ? Results.Created($"{whose.Path}/{registered.Application.Id}", ApplicationBody.From(registered))
            : problem.ToResult();

    private static async Task<IResult> Change(Whose whose, Guid id, ChangeApplicationBody body, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) =>
        (await registry.ChangeAsync(caller.ToActor(), whose.Organization(caller), id, body.Apply, body.Suspended, cancellationToken)).TryGet(out var application, out var problem)
            ? Results.Ok(ApplicationBody.From(application))
            : problem.ToResult();

    private static async Task<IResult> Delete(Whose whose, Guid id, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) =>
        await registry.DeleteAsync(caller.ToActor(), whose.Organization(caller), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> Rotate(Whose whose, Guid id, RotateSecretBody? body, Caller caller, ApplicationRegistry registry, CancellationToken cancellationToken) =>
        (await registry.RotateSecretAsync(caller.ToActor(), whose.Organization(caller), id, body?.OverlapHours, cancellationToken)).TryGet(out var registered, out var problem)
            ? Results.Ok(ApplicationBody.From(registered))
            : problem.ToResult();
}

/// <param name="Name">1 to 64 characters, shown to people.</param>
/// <param name="Type"><c>web</c>, <c>browser</c>, <c>native</c>, <c>service</c> or <c>resourceServer</c>; it stays.</param>
internal sealed record CreateApplicationBody(string Name, string Type)
{
    /// <summary>Who makes it, shown to people.</summary>
    public string? Publisher { get; init; }
    /// <summary>An https address.</summary>
    public string? LogoUri { get; init; }
    /// <summary>Exact; at least one where people sign in to it.</summary>
    public IReadOnlyList<string?>? RedirectUris { get; init; }
    public IReadOnlyList<string?>? PostLogoutRedirectUris { get; init; }
    /// <summary>Absent: the usual ones of the type.</summary>
    public IReadOnlyList<string?>? Grants { get; init; }
    /// <summary>What it may ask for.</summary>
    public IReadOnlyList<string?>? Scopes { get; init; }
    /// <summary>The audiences it answers for.</summary>
    public IReadOnlyList<string?>? Resources { get; init; }
    /// <summary>Public keys (RFC 7517): it signs with them and gets no secret.</summary>
    public KeySetJson? Jwks { get; init; }
    /// <summary>Of its ID tokens: <c>RS256</c>, when absent, or <c>ES256</c>.</summary>
    public string? SigningAlgorithm { get; init; }

    public ApplicationDraft ToDraft() => new(Name, Type)
    {
        Publisher = Publisher, LogoUri = LogoUri, RedirectUris = RedirectUris, PostLogoutRedirectUris = PostLogoutRedirectUris, Grants = Grants, Scopes = Scopes, Resources = Resources,
        KeySet = Jwks?.Text, SigningAlgorithm = SigningAlgorithm,
    };
}

/// <summary>What is absent stays; null takes away publisher, logo and keys, an empty list what is in a list.</summary>
internal sealed record ChangeApplicationBody
{
    public string? Name { get; init; }
    public Optional<string?> Publisher { get; init; }
    public Optional<string?> LogoUri { get; init; }
    public IReadOnlyList<string?>? RedirectUris { get; init; }
    public IReadOnlyList<string?>? PostLogoutRedirectUris { get; init; }
    public IReadOnlyList<string?>? Grants { get; init; }
    public IReadOnlyList<string?>? Scopes { get; init; }
    public IReadOnlyList<string?>? Resources { get; init; }
    public Optional<KeySetJson?> Jwks { get; init; }
    public string? SigningAlgorithm { get; init; }
    public bool? Suspended { get; init; }

    public ApplicationDraft Apply(ApplicationDraft draft) => draft with
    {
        Name = Name ?? draft.Name,
        Publisher = Publisher.IsPresent ? Publisher.Value : draft.Publisher,
        LogoUri = LogoUri.IsPresent ? LogoUri.Value : draft.LogoUri,
        RedirectUris = RedirectUris ?? draft.RedirectUris,
        PostLogoutRedirectUris = PostLogoutRedirectUris ?? draft.PostLogoutRedirectUris,
        Grants = Grants ?? draft.Grants,
        Scopes = Scopes ?? draft.Scopes,
        Resources = Resources ?? draft.Resources,
        KeySet = Jwks.IsPresent ? Jwks.Value?.Text : draft.KeySet,
        SigningAlgorithm = SigningAlgorithm ?? draft.SigningAlgorithm,
    };
}

/// <param name="OverlapHours">How long the old secret goes on working: 0 to 168, absent 24.</param>
internal sealed record RotateSecretBody(int? OverlapHours = null);

internal sealed record ApplicationBody(
    Guid Id, string ClientId, string Name, string Type, string? Publisher, string? LogoUri, IReadOnlyList<string> RedirectUris, IReadOnlyList<string> PostLogoutRedirectUris,
    IReadOnlyList<string> Grants, IReadOnlyList<string> Scopes, IReadOnlyList<string> Resources, KeySetJson? Jwks, string SigningAlgorithm, bool Suspended, string? SecretLast4,
    DateTime? PreviousSecretEndsAt, DateTime? CreatedAt)
{
    /// <summary>The secret: in the answer that made it, and never again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ClientSecret { get; init; }

    public static ApplicationBody From(RegisteredApplication registered) => From(registered.Application) with { ClientSecret = registered.Secret?.Reveal() };

    public static ApplicationBody From(Application application)
    {
        var settings = ApplicationColumns.Read(application);
        return new ApplicationBody(
            application.Id, application.ClientId ?? "", settings.Name, settings.Kind.Word(), settings.Publisher, settings.LogoUri, settings.RedirectUris, settings.PostLogoutRedirectUris,
            settings.Grants, settings.Scopes, settings.Resources, KeySetJson.Of(settings.KeySet), settings.SigningAlgorithm, application.Suspended,
            application.SecretLast4, application.PreviousSecretEndsAt, application.CreatedAt == default ? null : application.CreatedAt);
    }

    public override string ToString() => $"application {Id}";
}
