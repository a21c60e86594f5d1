using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>A provider, and how many people sign in there.</summary>
public sealed record ShownProvider(IdentityProvider Provider, int People);

/// <summary>Adds, changes and deletes the providers of an organization. Page, REST and command line all end here; changes of one organization come one after another.</summary>
public sealed class IdentityProviderRegistry(
    ActivateDbContext database, ProviderSecrets secrets, AuditTrail audit, CredentialCache cache, IHostEnvironment environment, TimeProvider clock)
{
    /// <summary>The most one organization has.</summary>
    public const int Most = 5;

    public static readonly Problem AdminRequired = new(ProblemKind.Refused, "insufficient_role", "Only administrators of your organization look after how its people sign in.");

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<ShownProvider>> ListAsync(Guid organizationId, CancellationToken cancellationToken) =>
        await Shown(database.IdentityProviders.AsNoTracking().Where(row => row.OrganizationId == organizationId).OrderByDescending(row => row.Id)).ToListAsync(cancellationToken);

    public Task<ShownProvider?> FindAsync(Guid organizationId, Guid id, CancellationToken cancellationToken) =>
        Shown(database.IdentityProviders.AsNoTracking().Where(row => row.OrganizationId == organizationId && row.Id == id)).SingleOrDefaultAsync(cancellationToken);

    /// <param name="actor">The administrator.</param>
    /// <param name="draft">What it is to be.</param>
    /// <param name="secret">The one that the provider gave; null: none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<ShownProvider>> CreateAsync(AuditActor actor, IdentityProviderDraft draft, string? secret, CancellationToken cancellationToken)
    {
        if (!IdentityProviderRules.Decide(draft, environment.IsDevelopment()).TryGet(out var settings, out var problem))
            return problem;
        if (IdentityProviderRules.Secret(secret) is { } wrong)
            return wrong;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await RefusalAsync(actor, MakesAdministrators(settings), cancellationToken) is { } refusal)
            return refusal;
        var names = await database.IdentityProviders.Where(row => row.OrganizationId == actor.OrganizationId).Select(row => row.Name).ToListAsync(cancellationToken);
        if (names.Count >= Most)
            return new Problem(ProblemKind.Conflict, "too_many_identity_providers", $"There are {Most} providers, the most there may be. Delete one that is no longer used.");
        if (names.Exists(name => CredentialName.Normalize(name) == CredentialName.Normalize(settings.Name)))
            return s_nameTaken;
        var now = clock.Now();
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var provider = new IdentityProvider
        {
            Id = id, OrganizationId = actor.OrganizationId, Name = "", Issuer = settings.Issuer, ClientId = "", Scopes = "", AllowedDomains = "", Roles = "{}", MfaContexts = "[]",
            ProtectedSecret = secrets.Protect(id, secret), CreatedAt = now, ChangedAt = now,
        };
        provider.Write(settings);
        database.IdentityProviders.Add(provider);
        audit.Add(AuditTypes.IdentityProviderCreated, actor, id, detail: $"“{settings.Name}”, {settings.Issuer}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new ShownProvider(provider, 0);
    }

    /// <summary>Changes a provider. Its issuer stays: another server would be able to say that it is any of the people who are connected.</summary>
    /// <param name="actor">The administrator.</param>
    /// <param name="id">The provider.</param>
    /// <param name="change">From what it is to what it is to be.</param>
    /// <param name="secret">Absent: as it is. Null: none any more.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<ShownProvider>> ChangeAsync(
        AuditActor actor, Guid id, Func<IdentityProviderDraft, IdentityProviderDraft> change, Core.Optional<string?> secret, CancellationToken cancellationToken)
    {
        if (secret.IsPresent && IdentityProviderRules.Secret(secret.Value) is { } wrong)
            return wrong;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await database.IdentityProviders.SingleOrDefaultAsync(row => row.Id == id && row.OrganizationId == actor.OrganizationId, cancellationToken) is not { } provider)
            return Problems.NotFound;
        var before = provider.Read();
        if (!IdentityProviderRules.Decide(change(DraftOf(before)) with { Issuer = before.Issuer }, allowsLoopback: true).TryGet(out var settings, out var problem))
            return problem;
        if (await RefusalAsync(actor, MakesAdministrators(settings) && (before.GroupsClaim != settings.GroupsClaim || !SameRoles(before, settings)), cancellationToken) is { } refusal)
            return refusal;
        var names = await database.IdentityProviders.Where(row => row.OrganizationId == actor.OrganizationId && row.Id != id).Select(row => row.Name).ToListAsync(cancellationToken);
        if (names.Exists(name => CredentialName.Normalize(name) == CredentialName.Normalize(settings.Name)))
            return s_nameTaken;
        provider.Write(settings);
        if (secret.IsPresent)
            provider.ProtectedSecret = secrets.Protect(id, secret.Value);
        provider.ChangedAt = clock.Now();
        if (Differences(before, settings, secret.IsPresent) is { Length: > 0 } differences)
            audit.Add(AuditTypes.IdentityProviderChanged, actor, id, detail: $"“{settings.Name}”: {differences}");
        await database.SaveChangesAsync(cancellationToken);
        if (before.PauseAfterDays != settings.PauseAfterDays || before.Enabled != settings.Enabled)
            await database.SetPausesAsync(await PeopleOfAsync(id, cancellationToken), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return (await FindAsync(actor.OrganizationId, id, cancellationToken))!;
    }

    /// <summary>Deletes a provider with all connections. The accounts stay; whoever has no password and no passkey cannot sign in to theirs any more.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await database.IdentityProviders.SingleOrDefaultAsync(row => row.Id == id && row.OrganizationId == actor.OrganizationId, cancellationToken) is not { } provider)
            return Problems.NotFound;
        if (await RefusalAsync(actor, false, cancellationToken) is { } refusal)
            return refusal;
        var people = await PeopleOfAsync(id, cancellationToken);
        await database.ExternalLogins.Where(login => login.ProviderId == id).ExecuteDeleteAsync(cancellationToken);
        database.IdentityProviders.Remove(provider);
        audit.Add(AuditTypes.IdentityProviderDeleted, actor, id, detail: $"“{provider.Name}”, {Texts.Count(people.Count, "connection")}");
        await database.SaveChangesAsync(cancellationToken);
        await database.SetPausesAsync(people, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>What a draft would be that changes nothing.</summary>
    internal static IdentityProviderDraft DraftOf(IdentityProviderSettings settings) => new(settings.Name, settings.Issuer, settings.ClientId)
    {
        Scopes = settings.Scopes, AllowedDomains = settings.AllowedDomains, TrustsEmail = settings.TrustsEmail, RequiredClaim = settings.RequiredClaim, RequiredValue = settings.RequiredValue,
        GroupsClaim = settings.GroupsClaim, Roles = settings.Roles.ToDictionary(pair => pair.Key, pair => (string?)pair.Value.Word()), TrustsMfa = settings.TrustsMfa, MfaContexts = settings.MfaContexts,
        PauseAfterDays = settings.PauseAfterDays, Enabled = settings.Enabled,
    };

    private static readonly Problem s_nameTaken = new(ProblemKind.Conflict, "name_taken", "There is a provider of that name already. Choose another name.", "name");

    private IQueryable<ShownProvider> Shown(IQueryable<IdentityProvider> providers) =>
        providers.Select(row => new ShownProvider(row, database.ExternalLogins.Count(login => login.ProviderId == row.Id)));

    /// <summary>By the role of this moment. Only owners make administrators, also by way of a group.</summary>
    private async Task<Problem?> RefusalAsync(AuditActor actor, bool makesAdministrators, CancellationToken cancellationToken)
    {
        var role = await database.Users.Where(user => user.Id == actor.UserId && user.OrganizationId == actor.OrganizationId).Select(user => (Role?)user.Role).SingleOrDefaultAsync(cancellationToken);
        return role is null or < Role.Admin ? AdminRequired : makesAdministrators && role < Role.Owner ? MemberRules.OwnerRequired : null;
    }

    private static bool MakesAdministrators(IdentityProviderSettings settings) => settings.Roles.Values.Any(role => role > Role.Member);

    private static bool SameRoles(IdentityProviderSettings before, IdentityProviderSettings after) =>
        before.Roles.OrderBy(pair => pair.Key, StringComparer.Ordinal).SequenceEqual(after.Roles.OrderBy(pair => pair.Key, StringComparer.Ordinal));

    private Task<List<Guid>> PeopleOfAsync(Guid id, CancellationToken cancellationToken) =>
        database.ExternalLogins.Where(login => login.ProviderId == id).Select(login => login.UserId).ToListAsync(cancellationToken);

    /// <summary>What changed; the values of rules are in the log, for they say who could come.</summary>
    private static string Differences(IdentityProviderSettings before, IdentityProviderSettings after, bool secret) => string.Join(", ", new[]
    {
        before.Name == after.Name ? null : $"name (was “{before.Name}”)",
        before.ClientId == after.ClientId ? null : "client id",
        secret ? "client secret" : null,
        before.Scopes.SequenceEqual(after.Scopes) ? null : "scopes",
        before.AllowedDomains.SequenceEqual(after.AllowedDomains) ? null : $"domains {Words(after.AllowedDomains)}",
        before.TrustsEmail == after.TrustsEmail ? null : $"addresses {(after.TrustsEmail ? "trusted" : "not trusted")}",
        before.RequiredClaim == after.RequiredClaim && before.RequiredValue == after.RequiredValue ? null : $"claim {(after.RequiredClaim is null ? "none" : $"{after.RequiredClaim}={after.RequiredValue}")}",
        before.GroupsClaim == after.GroupsClaim ? null : "groups claim",
        SameRoles(before, after) ? null : $"roles {Words([.. after.Roles.Select(pair => $"{pair.Key}={pair.Value.Word()}")])}",
        before.TrustsMfa == after.TrustsMfa && before.MfaContexts.SequenceEqual(after.MfaContexts) ? null : $"second factor {(after.TrustsMfa ? "trusted" : "not trusted")}",
        before.PauseAfterDays == after.PauseAfterDays ? null : $"pause {(after.PauseAfterDays is { } days ? $"after {Texts.Count(days, "day")}" : "never")}",
        before.Enabled == after.Enabled ? null : after.Enabled ? "switched on" : "switched off",
    }.Where(difference => difference is not null));

    private static string Words(IReadOnlyList<string> words) => words.Count == 0 ? "none" : string.Join(' ', words);
}
