using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Applications;

/// <summary>An application with its secret, which exists only on its way to whoever registered it.</summary>
/// <param name="Application">The row.</param>
/// <param name="Secret">Null: it keeps none, or signs with a key of its own.</param>
public sealed record RegisteredApplication(Application Application, ClientSecret? Secret);

/// <summary>
/// Registers, changes, suspends and deletes applications, and rotates their secrets. Page, REST and command line all end here. Changes of one organization's
/// applications come one after another, those of the server-wide ones too.
/// </summary>
public sealed class ApplicationRegistry(ActivateDbContext database, AuditTrail audit, CredentialCache cache, PublicOrigin origin, TimeProvider clock)
{
    /// <summary>The most one organization has, and the server itself.</summary>
    public const int Most = 200;

    public static readonly Problem OperatorRequired = new(ProblemKind.Refused, "operator_required",
        "Server-wide applications are for operators of this server. Those of your organization are at /organization/applications.");

    private static readonly Problem s_builtIn = new(ProblemKind.Refused, "built_in_application",
        "The command line's own application belongs to the server: it cannot be changed, suspended or deleted.");

    /// <param name="actor">The administrator or operator.</param>
    /// <param name="organizationId">Whose it is; null: server-wide, which only operators may ask for.</param>
    /// <param name="draft">What it is to be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<RegisteredApplication>> CreateAsync(AuditActor actor, Guid? organizationId, ApplicationDraft draft, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        if (!Decide(draft, organizationId).TryGet(out var settings, out var problem))
            return problem;

        var now = clock.Now();
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var application = new Application { Id = id, ClientId = id.ToString(), OrganizationId = organizationId, CreatedAt = now, ConcurrencyToken = NewVersion() };
        ApplicationColumns.Write(application, settings);
        var secret = settings.Kind.IsConfidential() && settings.KeySet is null ? ClientSecret.Generate() : null;
        (application.ClientSecret, application.SecretLast4) = (secret is null ? null : ApplicationSecrets.Hash(secret.Reveal()), secret?.Last4);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await TakeTurnAsync(organizationId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        if (await database.Applications.CountAsync(a => a.OrganizationId == organizationId, cancellationToken) >= Most)
            return new Problem(ProblemKind.Conflict, "too_many_applications", $"There are {Most} applications, the most there may be. Delete one that is no longer used.");
        if (await NameTakenAsync(application, cancellationToken) is { } taken)
            return taken;
        database.Applications.Add(application);
        audit.Add(AuditTypes.ApplicationCreated, actor, id, application.ClientId, $"{settings.Kind.Word()} “{settings.Name}”{Whose(application)}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return new RegisteredApplication(application, secret);
    }

    /// <summary>Changes an application. One that asks for more, or is sent elsewhere, has to be allowed again by everybody (OAuth consent is to what was shown).</summary>
    /// <param name="actor">The administrator or operator.</param>
    /// <param name="organizationId">Whose it is; null: server-wide.</param>
    /// <param name="id">The application.</param>
    /// <param name="change">From what it is to what it is to be. The kind stays.</param>
    /// <param name="suspended">Null: as it is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<Application>> ChangeAsync(
        AuditActor actor, Guid? organizationId, Guid id, Func<ApplicationDraft, ApplicationDraft> change, bool? suspended, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!(await TakeAsync(organizationId, id, cancellationToken)).TryGet(out var application, out var problem))
            return problem;
        var before = ApplicationColumns.Read(application);
        var was = DraftOf(before);
        var wanted = change(was);
        // Suspending is not the moment to find fault with what was registered under older rules.
        if (wanted != was)
        {
            if (!Decide(wanted with { Type = was.Type }, organizationId).TryGet(out var settings, out problem))
                return problem;
            ApplicationColumns.Write(application, settings);
            if (await NameTakenAsync(application, cancellationToken) is { } taken)
                return taken;
            if (settings.KeySet is not null)
                (application.ClientSecret, application.SecretLast4, application.PreviousSecret, application.PreviousSecretEndsAt) = (null, null, null, null);
            var changed = Differences(before, settings);
            if (settings.RedirectUris.Except(before.RedirectUris).Any() || settings.Scopes.Except(before.Scopes).Any())
                await database.Consents.Where(c => c.ApplicationId == id).ExecuteDeleteAsync(cancellationToken);
            if (changed.Length > 0)
                audit.Add(AuditTypes.ApplicationChanged, actor, id, application.ClientId, $"“{settings.Name}”{Whose(application)}: {changed}");
        }

        if (suspended is { } wish && wish != application.Suspended)
        {
            application.Suspended = wish;
            audit.Add(wish ? AuditTypes.ApplicationSuspended : AuditTypes.ApplicationResumed, actor, id, application.ClientId, $"“{application.DisplayName}”{Whose(application)}");
        }

        application.ConcurrencyToken = NewVersion();
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return application;
    }

    /// <summary>A new secret. The old one goes on working for the overlap; with an overlap of 0 nothing but the new one works, whatever was pending.</summary>
    /// <param name="actor">The administrator or operator.</param>
    /// <param name="organizationId">Whose it is; null: server-wide.</param>
    /// <param name="id">The application.</param>
    /// <param name="overlapHours">0 to 168; null: 24.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<RegisteredApplication>> RotateSecretAsync(AuditActor actor, Guid? organizationId, Guid id, int? overlapHours, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        if (!SecretOverlap.Parse(overlapHours).TryGet(out var overlap, out var problem))
            return problem;
        var now = clock.Now();
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!(await TakeAsync(organizationId, id, cancellationToken)).TryGet(out var application, out problem))
            return problem;
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        var settings = ApplicationColumns.Read(application);
        if (!settings.Kind.IsConfidential())
            return new Problem(ProblemKind.Conflict, "no_secret", $"An application of the type '{settings.Kind.Word()}' has no secret: it could not keep one.");
        if (settings.KeySet is not null)
            return new Problem(ProblemKind.Conflict, "no_secret", "The application signs with keys of its own. Take its 'jwks' away first, and it can have a secret.");
        if (overlap > 0 && application.PreviousSecretEndsAt is { } pending && pending > now)
        {
            return new Problem(ProblemKind.Conflict, "rotation_pending",
                $"A rotation is under way until {pending:yyyy-MM-dd HH:mm:ss}Z, while the old secret still works. Wait for its end, or rotate with an overlap of 0: then only the new one works.");
        }

        var secret = ClientSecret.Generate();
        var overlaps = overlap > 0 && application.ClientSecret is not null;
        (application.PreviousSecret, application.PreviousSecretEndsAt) = (overlaps ? application.ClientSecret : null, overlaps ? now.AddHours(overlap) : null);
        (application.ClientSecret, application.SecretLast4) = (ApplicationSecrets.Hash(secret.Reveal()), secret.Last4);
        application.ConcurrencyToken = NewVersion();
        audit.Add(AuditTypes.ApplicationSecretRotated, actor, id, application.ClientId, $"“{application.DisplayName}”{Whose(application)}, overlap {overlap} h");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return new RegisteredApplication(application, secret);
    }

    /// <summary>Deletes an application with all that it got: tokens, codes, requests under way, consents.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid? organizationId, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!(await TakeAsync(organizationId, id, cancellationToken)).TryGet(out var application, out var problem))
            return problem;
        var client = application.ClientId;
        await database.TokenGrants.Where(g => g.ClientId == client).ExecuteDeleteAsync(cancellationToken);
        await database.AuthorizationCodes.Where(c => c.ClientId == client).ExecuteDeleteAsync(cancellationToken);
        await database.PushedRequests.Where(r => r.ClientId == client).ExecuteDeleteAsync(cancellationToken);
        await database.DeviceRequests.Where(r => r.ClientId == client).ExecuteDeleteAsync(cancellationToken);
        database.Applications.Remove(application);
        audit.Add(AuditTypes.ApplicationDeleted, actor, id, client, $"{application.DisplayName}{Whose(application)}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>What a draft would be that changes nothing.</summary>
    internal static ApplicationDraft DraftOf(ApplicationSettings settings) => new(settings.Name, settings.Kind.Word())
    {
        Publisher = settings.Publisher, LogoUri = settings.LogoUri, RedirectUris = settings.RedirectUris, PostLogoutRedirectUris = settings.PostLogoutRedirectUris,
        Grants = settings.Grants, Scopes = settings.Scopes, Resources = settings.Resources, KeySet = settings.KeySet, SigningAlgorithm = settings.SigningAlgorithm,
    };

    private Result<ApplicationSettings> Decide(ApplicationDraft draft, Guid? organizationId) => ApplicationRules.Decide(draft, organizationId is null, origin.Uri);

    /// <summary>The application, for a change in the caller's transaction, which from here on nobody else changes.</summary>
    private async Task<Result<Application>> TakeAsync(Guid? organizationId, Guid id, CancellationToken cancellationToken)
    {
        await TakeTurnAsync(organizationId, cancellationToken);
        var application = await database.Applications.SingleOrDefaultAsync(a => a.Id == id && a.OrganizationId == organizationId, cancellationToken);
        return application is null ? Problems.NotFound : application.ClientId == BuiltInApplications.Cli ? s_builtIn : application;
    }

    /// <summary>The server-wide applications have no organization whose row could be locked: that of the command line stands for it, which is always there.</summary>
    private Task TakeTurnAsync(Guid? organizationId, CancellationToken cancellationToken) => organizationId is { } organization
        ? database.TakeTurnOfOrganizationAsync(organization, cancellationToken)
        : database.Applications.Where(a => a.ClientId == BuiltInApplications.Cli).ExecuteUpdateAsync(set => set.SetProperty(a => a.Suspended, a => a.Suspended), cancellationToken);

    /// <summary>Two of one name could not be told apart by those who allow them.</summary>
    private async Task<Problem?> NameTakenAsync(Application application, CancellationToken cancellationToken)
    {
        var names = await database.Applications.Where(a => a.OrganizationId == application.OrganizationId && a.Id != application.Id).Select(a => a.DisplayName).ToListAsync(cancellationToken);
        return names.Any(name => name is not null && CredentialName.Normalize(name) == CredentialName.Normalize(application.DisplayName!))
            ? new Problem(ProblemKind.Conflict, "name_taken", "There is an application of that name already. Choose another name, or delete the old one first.", "name")
            : null;
    }

    /// <summary>The members that changed. Values would be long, and the events before tell them.</summary>
    private static string Differences(ApplicationSettings before, ApplicationSettings after) => string.Join(", ", new[]
    {
        before.Name == after.Name ? null : $"name (was “{before.Name}”)",
        before.Publisher == after.Publisher ? null : "publisher",
        before.LogoUri == after.LogoUri ? null : "logo",
        before.RedirectUris.SequenceEqual(after.RedirectUris) ? null : "redirect URIs",
        before.PostLogoutRedirectUris.SequenceEqual(after.PostLogoutRedirectUris) ? null : "post-logout redirect URIs",
        before.Grants.SequenceEqual(after.Grants) ? null : $"grants {string.Join(' ', after.Grants.Select(Grants.Word))}",
        before.Scopes.SequenceEqual(after.Scopes) ? null : $"scopes {string.Join(' ', after.Scopes)}",
        before.Resources.SequenceEqual(after.Resources) ? null : "resources",
        before.KeySet == after.KeySet ? null : "keys",
        before.SigningAlgorithm == after.SigningAlgorithm ? null : $"signing {after.SigningAlgorithm}",
    }.Where(difference => difference is not null));

    private static string Whose(Application application) => application.OrganizationId is null ? " (server-wide)" : "";

    private string NewVersion() => Guid.CreateVersion7(clock.GetUtcNow()).ToString();
}
