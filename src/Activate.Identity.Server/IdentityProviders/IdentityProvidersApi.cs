using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>REST of an organization's own sign-in: <c>/api/v1/organization/identity-providers</c>, for administrators.</summary>
internal static class IdentityProvidersApi
{
    private const string Path = "/api/v1/organization/identity-providers";

    public static void MapIdentityProvidersApi(this IEndpointRouteBuilder endpoints)
    {
        var group = endpoints.MapGroup(Path).WithTags("Identity providers");
        group.MapGet("", List).RequireScope(Scopes.OrganizationRead).Produces<PageOf<IdentityProviderBody>>().WithSummary("The OpenID Connect providers in which people of the organization sign in");
        group.MapPost("", Create).RequireInteractive(Scopes.OrganizationWrite).Produces<IdentityProviderBody>(201).WithSummary("Add a provider; its client secret is never shown again");
        group.MapGet("/{id:guid}", Get).RequireScope(Scopes.OrganizationRead).Produces<IdentityProviderBody>().WithSummary("One provider");
        group.MapPatch("/{id:guid}", Change).RequireInteractive(Scopes.OrganizationWrite).Produces<IdentityProviderBody>().WithSummary("Change a provider, or switch it off and on. Its issuer stays");
        group.MapDelete("/{id:guid}", Delete).RequireInteractive(Scopes.OrganizationWrite).Produces(204).WithSummary("Delete a provider; nobody signs in there any more, the accounts stay");
        group.MapPost("/{id:guid}/check", Check).RequireInteractive(Scopes.OrganizationWrite).Produces<ProviderCheckBody>().WithSummary("Read what a provider publishes, and say what is wrong");
    }

    private static async Task<IResult> List(Caller caller, IdentityProviderRegistry registry, ProviderRegistrations providers, CancellationToken cancellationToken) => caller.Role < Role.Admin
        ? IdentityProviderRegistry.AdminRequired.ToResult()
        : Results.Ok(new PageOf<IdentityProviderBody>([.. (await registry.ListAsync(caller.OrganizationId, cancellationToken)).Select(shown => IdentityProviderBody.From(shown, caller, providers))], null));

    private static async Task<IResult> Get(Guid id, Caller caller, IdentityProviderRegistry registry, ProviderRegistrations providers, CancellationToken cancellationToken) =>
        await registry.FindAsync(caller.OrganizationId, id, cancellationToken) is not { } shown ? Problems.NotFound.ToResult()
        : caller.Role < Role.Admin ? IdentityProviderRegistry.AdminRequired.ToResult()
        : Results.Ok(IdentityProviderBody.From(shown, caller, providers));

    private static async Task<IResult> Create(CreateIdentityProviderBody body, Caller caller, IdentityProviderRegistry registry, ProviderRegistrations providers, CancellationToken cancellationToken) =>
        (await registry.CreateAsync(caller.ToActor(), body.ToDraft(), body.ClientSecret, cancellationToken)).TryGet(out var shown, out var problem)
            ? Results.Created($"{Path}/{shown.Provider.Id}", IdentityProviderBody.From(shown, caller, providers))
            : problem.ToResult();

    private static async Task<IResult> Change(Guid id, ChangeIdentityProviderBody body, Caller caller, IdentityProviderRegistry registry, ProviderRegistrations providers, CancellationToken cancellationToken) =>
        (await registry.ChangeAsync(caller.ToActor(), id, body.Apply, body.ClientSecret, cancellationToken)).TryGet(out var shown, out var problem)
            ? Results.Ok(IdentityProviderBody.From(shown, caller, providers))
            : problem.ToResult();

    private static async Task<IResult> Delete(Guid id, Caller caller, IdentityProviderRegistry registry, CancellationToken cancellationToken) =>
        await registry.DeleteAsync(caller.ToActor(), id, cancellationToken) is { } problem ? problem.ToResult() : Results.NoContent();

    private static async Task<IResult> Check(Guid id, Caller caller, IdentityProviderRegistry registry, ProviderCheck check, CancellationToken cancellationToken)
    {
        if (await registry.FindAsync(caller.OrganizationId, id, cancellationToken) is not { } shown)
            return Problems.NotFound.ToResult();
        if (caller.Role < Role.Admin)
            return IdentityProviderRegistry.AdminRequired.ToResult();
        var findings = await check.RunAsync(shown.Provider, cancellationToken);
        return Results.Ok(new ProviderCheckBody(findings.All(finding => finding.Good), findings));
    }
}

/// <param name="Good">Nothing was found that keeps people from signing in.</param>
/// <param name="Findings">What was looked at, in order.</param>
internal sealed record ProviderCheckBody(bool Good, IReadOnlyList<ProviderFinding> Findings);

/// <param name="Name">A claim of the provider's answer.</param>
/// <param name="Value">One of its values, exactly.</param>
internal sealed record RequiredClaimBody(string? Name, string? Value);

/// <param name="Name">1 to 64 characters: what people click.</param>
/// <param name="Issuer">As it stands in the provider's discovery document.</param>
/// <param name="ClientId">The one that the provider gave.</param>
internal sealed record CreateIdentityProviderBody(string Name, string Issuer, string ClientId)
{
    /// <summary>The one that the provider gave; absent: none.</summary>
    public string? ClientSecret { get; init; }
    /// <summary>Absent: <c>openid profile email</c>.</summary>
    public IReadOnlyList<string?>? Scopes { get; init; }
    /// <summary>Domains of verified e-mail addresses that may come without an invitation.</summary>
    public IReadOnlyList<string?>? AllowedDomains { get; init; }
    /// <summary>Addresses count as verified whatever the provider says of them.</summary>
    public bool TrustsEmail { get; init; }
    /// <summary>A claim without which nobody comes without an invitation.</summary>
    public RequiredClaimBody? RequiredClaim { get; init; }
    /// <summary>The claim that lists a person's groups.</summary>
    public string? GroupsClaim { get; init; }
    /// <summary><c>member</c> or <c>admin</c> by group; empty or absent: roles are given here. Giving <c>admin</c> takes an owner.</summary>
    public IReadOnlyDictionary<string, string?>? Roles { get; init; }
    /// <summary>The provider's second factor counts.</summary>
    public bool TrustsMfa { get; init; }
    /// <summary>Values of <c>acr</c> that mean two factors, besides <c>mfa</c> in <c>amr</c>.</summary>
    public IReadOnlyList<string?>? MfaContexts { get; init; }
    /// <summary>All of somebody's credentials pause when they have not signed in there for so many days; null: never.</summary>
    public int? PauseAfterDays { get; init; }
    public bool? Enabled { get; init; }

    public IdentityProviderDraft ToDraft() => new(Name, Issuer, ClientId)
    {
        Scopes = Scopes, AllowedDomains = AllowedDomains, TrustsEmail = TrustsEmail, RequiredClaim = RequiredClaim?.Name, RequiredValue = RequiredClaim?.Value, GroupsClaim = GroupsClaim,
        Roles = Roles, TrustsMfa = TrustsMfa, MfaContexts = MfaContexts, PauseAfterDays = PauseAfterDays, Enabled = Enabled ?? true,
    };

    public override string ToString() => $"provider {Name}";
}

/// <summary>What is absent stays; null takes away what may be absent.</summary>
internal sealed record ChangeIdentityProviderBody
{
    public string? Name { get; init; }
    public string? ClientId { get; init; }
    public Optional<string?> ClientSecret { get; init; }
    public IReadOnlyList<string?>? Scopes { get; init; }
    public IReadOnlyList<string?>? AllowedDomains { get; init; }
    public bool? TrustsEmail { get; init; }
    public Optional<RequiredClaimBody?> RequiredClaim { get; init; }
    public Optional<string?> GroupsClaim { get; init; }
    public IReadOnlyDictionary<string, string?>? Roles { get; init; }
    public bool? TrustsMfa { get; init; }
    public IReadOnlyList<string?>? MfaContexts { get; init; }
    public Optional<int?> PauseAfterDays { get; init; }
    public bool? Enabled { get; init; }

    public IdentityProviderDraft Apply(IdentityProviderDraft draft) => draft with
    {
        Name = Name ?? draft.Name,
        ClientId = ClientId ?? draft.ClientId,
        Scopes = Scopes ?? draft.Scopes,
        AllowedDomains = AllowedDomains ?? draft.AllowedDomains,
        TrustsEmail = TrustsEmail ?? draft.TrustsEmail,
        RequiredClaim = RequiredClaim.IsPresent ? RequiredClaim.Value?.Name : draft.RequiredClaim,
        RequiredValue = RequiredClaim.IsPresent ? RequiredClaim.Value?.Value : draft.RequiredValue,
        GroupsClaim = GroupsClaim.IsPresent ? GroupsClaim.Value : draft.GroupsClaim,
        Roles = Roles ?? draft.Roles,
        TrustsMfa = TrustsMfa ?? draft.TrustsMfa,
        MfaContexts = MfaContexts ?? (TrustsMfa == false ? [] : draft.MfaContexts),
        PauseAfterDays = PauseAfterDays.IsPresent ? PauseAfterDays.Value : draft.PauseAfterDays,
        Enabled = Enabled ?? draft.Enabled,
    };

    public override string ToString() => "a change of a provider";
}

/// <param name="HasClientSecret">There is one; it is never shown.</param>
/// <param name="RedirectUri">What the provider has to allow.</param>
/// <param name="SignInUri">Where people begin.</param>
/// <param name="People">How many are connected.</param>
internal sealed record IdentityProviderBody(
    Guid Id, string Name, string Issuer, string ClientId, bool HasClientSecret, IReadOnlyList<string> Scopes, IReadOnlyList<string> AllowedDomains, bool TrustsEmail, RequiredClaimBody? RequiredClaim,
    string? GroupsClaim, IReadOnlyDictionary<string, string> Roles, bool TrustsMfa, IReadOnlyList<string> MfaContexts, int? PauseAfterDays, bool Enabled, string RedirectUri, string SignInUri,
    int People, DateTime CreatedAt)
{
    public static IdentityProviderBody From(ShownProvider shown, Caller caller, ProviderRegistrations providers)
    {
        var (row, settings) = (shown.Provider, shown.Provider.Read());
        return new IdentityProviderBody(
            row.Id, settings.Name, settings.Issuer, settings.ClientId, row.ProtectedSecret is not null, settings.Scopes, settings.AllowedDomains, settings.TrustsEmail,
            settings.RequiredClaim is null ? null : new RequiredClaimBody(settings.RequiredClaim, settings.RequiredValue), settings.GroupsClaim,
            settings.Roles.ToDictionary(pair => pair.Key, pair => pair.Value.Word()), settings.TrustsMfa, settings.MfaContexts, settings.PauseAfterDays, settings.Enabled, providers.RedirectUri,
            providers.SignInUri(caller.OrganizationSlug), shown.People, row.CreatedAt);
    }
}
