using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.IdentityProviders;
using Activate.Identity.Data.Members;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Members;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.IdentityProviders;

/// <summary>A provider of somebody's organization, as their own page shows it.</summary>
/// <param name="LoginId">Null: their account is not connected there.</param>
public sealed record Connection(Guid ProviderId, string Name, Guid? LoginId, DateTime? LastSignedInAt, int? PauseAfterDays);

/// <summary>
/// Whose account somebody has who comes from a provider. It is found by provider and subject, and by nothing else: an address or a username that fits opens no account, because
/// whoever runs a provider can put any into its answers.
/// </summary>
public sealed class ExternalAccounts(
    ActivateDbContext database, UserRegistry users, BrowserSessionIssuer sessions, InvitationIssuer invitations, PolicyReader policies, MailOutbox outbox, Letters letters, AuditTrail audit,
    CredentialCache cache, TimeProvider clock)
{
    /// <summary>Two that begin with the same person at the same moment: the second finds what the first has made.</summary>
    private const int Attempts = 5;

    /// <summary>A provider that does not say when it asked for proof may have done so days ago: what needs a recent sign-in is not open.</summary>
    private static readonly TimeSpan s_unknownAge = ScopeRequest.RecentSignIn;

    private static readonly Problem s_disabled = new(ProblemKind.Refused, "account_disabled", "Your account here is disabled. Ask an administrator of your organization.");

    private static readonly Problem s_emailTaken = new(ProblemKind.Conflict, "email_taken",
        "An account of your organization has your e-mail address already, and an address alone opens no account. Sign in to that one as before and connect it under Account, Security, or open your invitation; or ask an administrator of your organization.");

    private static readonly Problem s_others = new(ProblemKind.Conflict, "connected_to_another", "Another account here is connected to this person. Sign in to that one, or disconnect it there first.");

    private static readonly Problem s_connectedAlready = new(ProblemKind.Conflict, "connected_already",
        "Your account is connected to another person there. Disconnect it under Account, Security first.");

    private static readonly Problem s_notYou = new(ProblemKind.Refused, "sso_other_account", "You are not signed in any more as whoever started this. Sign in and start again; nothing has happened.");

    private static readonly Problem s_notRecent = new(ProblemKind.Refused, "sso_not_recent",
        "Your organization’s sign-in did not ask you again who you are, and this needs a sign-in of the last 10 minutes. Sign out there and try again, or sign in here with your password or passkey.");

    /// <summary>How long after its start a reply may say that proof was given before it.</summary>
    private static readonly TimeSpan s_skew = TimeSpan.FromMinutes(2);

    /// <summary>Signs in, makes the account or connects it, in one transaction with its events.</summary>
    /// <param name="context">The browser.</param>
    /// <param name="answer">What the provider says.</param>
    /// <param name="invitation">The code of the invitation that is to be taken up, where that is the purpose.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is left half done.</param>
    public async Task<Result<SignInStart>> EnterAsync(HttpContext context, ProviderAnswer answer, string? invitation, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var result = await TryAsync(context, answer, invitation, cancellationToken);
                // What was about to be saved is not to be saved with the event that tells of the refusal.
                if (result.Problem is not null)
                    database.ChangeTracker.Clear();
                // A username that another organization has taken at this very moment: all of it once more, with the next.
                if (result.Problem is not { Code: "name_taken", Field: "username" } || attempt == Attempts)
                    return result;
            }
            catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception) && attempt < Attempts)
            {
                // What the other has made is there now.
                database.ChangeTracker.Clear();
            }
        }
    }

    public async Task<IReadOnlyList<Connection>> ListAsync(SignedIn person, CancellationToken cancellationToken) =>
        await database.IdentityProviders.AsNoTracking().Where(provider => provider.OrganizationId == person.OrganizationId && provider.Enabled).OrderBy(provider => provider.Name)
            .Select(provider => new
            {
                provider.Id, provider.Name, provider.PauseAfterDays,
                Login = database.ExternalLogins.Where(login => login.ProviderId == provider.Id && login.UserId == person.UserId).Select(login => new { login.Id, login.LastSignedInAt }).FirstOrDefault(),
            })
            .Select(row => new Connection(row.Id, row.Name, row.Login == null ? null : row.Login.Id, row.Login == null ? null : row.Login.LastSignedInAt, row.PauseAfterDays))
            .ToListAsync(cancellationToken);

    /// <summary>Takes a connection away; what it opened stays, if there is another way to it.</summary>
    public async Task<Problem?> DisconnectAsync(SignedIn person, Guid loginId, CancellationToken cancellationToken)
    {
        if (person.LockedOut)
            return SignedIn.AccountLocked;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(person.UserId, cancellationToken);
        if (await database.ExternalLogins.Include(login => login.Provider).SingleOrDefaultAsync(login => login.Id == loginId && login.UserId == person.UserId, cancellationToken) is not { } login)
            return Problems.NotFound;
        if (!await database.Users.AnyAsync(user => user.Id == person.UserId && (user.PasswordHash != null || database.UserPasskeys.Any(passkey => passkey.UserId == user.Id)), cancellationToken))
        {
            return new Problem(ProblemKind.Refused, "last_way_in",
                "This is the only way to sign in to your account. Add a passkey first, then disconnect it.");
        }

        if (login.Provider!.Enabled && login.Provider.PauseAfterDays is not null && person.Role < Role.Owner)
            return new Problem(ProblemKind.Refused, "connection_required", "Your organization pauses who has not signed in there for some time, so the connection stays. Ask an administrator.");
        database.ExternalLogins.Remove(login);
        audit.Add(AuditTypes.ExternalLoginDisconnected, person.ToActor(), person.UserId, detail: login.Provider.Name);
        await outbox.NotifyAsync(person.UserId, letters.SignInDisconnected(login.Provider.Name), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await database.SetPausesAsync([person.UserId], cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    internal static byte[] HashOf(string subject) => SHA256.HashData(Encoding.UTF8.GetBytes(subject));

    private async Task<Result<SignInStart>> TryAsync(HttpContext context, ProviderAnswer answer, string? invitation, CancellationToken cancellationToken)
    {
        var (provider, person, now) = (answer.Provider, answer.Person, clock.Now());
        var settings = provider.Read();
        var before = SignedIn.From(context);
        if (answer.Purpose is ProviderPurpose.Again or ProviderPurpose.Connect && before?.UserId != answer.UserId)
            return s_notYou;
        if (answer.Purpose is ProviderPurpose.Again or ProviderPurpose.Connect && person.AuthenticatedAt is { } asked && asked < now - ScopeRequest.RecentSignIn - s_skew)
            return s_notRecent;
        if ((await policies.ReadAsync(provider.OrganizationId, cancellationToken)).Effective.WebSessions.MaximumHours is { } hours && ProvenAt(answer, now).AddHours(hours) <= now)
        {
            return new Problem(ProblemKind.Refused, "sso_too_old",
                $"Your organization’s sign-in asked you last more than {Texts.Count(hours, "hour")} ago who you are, and here a sign-in lasts {Texts.Count(hours, "hour")}. Sign out there, and sign in again.");
        }

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var hash = HashOf(person.Subject);
        var login = await FindAsync(provider.Id, hash, cancellationToken);
        if (login is null)
        {
            // Two browsers with the same new person, or an invitation and a first sign-in: one after another.
            await database.TakeTurnOfOrganizationAsync(provider.OrganizationId, cancellationToken);
            login = await FindAsync(provider.Id, hash, cancellationToken);
        }

        if (answer.Purpose == ProviderPurpose.Connect)
        {
            if (login is not null && login.UserId != before!.UserId)
                return s_others;
            if (login is null)
            {
                if (before!.LockedOut)
                    return SignedIn.AccountLocked;
                if (before.OrganizationId != provider.OrganizationId)
                    return s_notYou;
                if (await database.ExternalLogins.AnyAsync(other => other.UserId == before.UserId && other.ProviderId == provider.Id, cancellationToken))
                    return s_connectedAlready;
                login = await AddAsync(provider, hash, before.UserId, ExternalLoginOrigin.Owner, now, cancellationToken);
            }
        }
        else if (login is null)
        {
            if (answer.Purpose == ProviderPurpose.Again)
                return s_notYou;
            if (answer.Purpose == ProviderPurpose.Invitation)
            {
                if (!(await invitations.AcceptAsync(invitation, provider.OrganizationId, person.Name, cancellationToken)).TryGet(out var invitee, out var refusal))
                    return refusal;
                login = await AddAsync(provider, hash, invitee.UserId, ExternalLoginOrigin.Invitation, now, cancellationToken);
            }
            else
            {
                if (Admission.Refusal(settings, person) is { } refusal)
                    return refusal;
                if (!(await CreateAsync(settings, provider, person, cancellationToken)).TryGet(out var created, out var problem))
                    return problem;
                login = await AddAsync(provider, hash, created.Id, ExternalLoginOrigin.Rules, now, cancellationToken);
                audit.Add(AuditTypes.MemberJoined, new AuditActor(created.Id, provider.OrganizationId, null), created.Id, detail: provider.Name);
            }
        }
        else if (answer.Purpose == ProviderPurpose.Invitation)
        {
            return s_others;
        }

        if (answer.Purpose == ProviderPurpose.Again && login.UserId != before!.UserId)
            return s_notYou;
        var user = await database.Users.SingleAsync(row => row.Id == login.UserId, cancellationToken);
        if (user.Disabled || user.Kind != UserKind.Person)
            return s_disabled;
        if (login.Origin == ExternalLoginOrigin.Rules && Admission.Refusal(settings, person) is { } noMore)
            return noMore;
        await GiveRoleAsync(settings, provider, person, user, cancellationToken);
        login.LastSignedInAt = now;
        await database.SaveChangesAsync(cancellationToken);
        var wasPaused = user.PausedFrom <= now;
        await database.SetPausesAsync([user.Id], cancellationToken);
        if (wasPaused)
            audit.Add(AuditTypes.MemberResumed, new AuditActor(user.Id, provider.OrganizationId, null), user.Id, detail: provider.Name);

        var methods = AuthenticationMethods.AtProvider(person.Methods, settings.TrustsMfa, Admission.HasTwoFactors(settings, person));
        // An account with a second factor of its own shows it here after the provider as after a password. Somebody who connects goes on as they are signed in.
        var start = answer.Purpose == ProviderPurpose.Connect
            ? new SignInStart(null) { Goes = answer.ReturnUrl }
            : await sessions.StartAsync(context, user.Id, provider.OrganizationId, methods, cancellationToken, ProvenAt(answer, now));
        if (start.Session is { } session)
            audit.Add(AuditTypes.SignedIn, new AuditActor(user.Id, provider.OrganizationId, session.Id), user.Id, detail: session.AuthenticationMethods);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return start;
    }

    /// <summary>When the person proved who they are: what the provider says, never later than now.</summary>
    private static DateTime ProvenAt(ProviderAnswer answer, DateTime now) =>
        answer.Person.AuthenticatedAt is { } at ? at < now ? at : now
        : answer.Purpose == ProviderPurpose.Again ? now
        : now - s_unknownAge;

    private Task<ExternalLogin?> FindAsync(Guid providerId, byte[] hash, CancellationToken cancellationToken) =>
        database.ExternalLogins.SingleOrDefaultAsync(login => login.ProviderId == providerId && login.SubjectHash == hash, cancellationToken);

    private async Task<ExternalLogin> AddAsync(IdentityProvider provider, byte[] hash, Guid userId, ExternalLoginOrigin origin, DateTime now, CancellationToken cancellationToken)
    {
        var login = new ExternalLogin
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()), ProviderId = provider.Id, SubjectHash = hash, UserId = userId, Origin = origin, CreatedAt = now, LastSignedInAt = now,
        };
        database.ExternalLogins.Add(login);
        audit.Add(AuditTypes.ExternalLoginConnected, new AuditActor(userId, provider.OrganizationId, null), userId, detail: provider.Name);
        // An account that was there before is opened by something more from now on.
        if (origin == ExternalLoginOrigin.Owner)
            await outbox.NotifyAsync(userId, letters.SignInConnected(provider.Name), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        return login;
    }

    private async Task<Result<User>> CreateAsync(IdentityProviderSettings settings, IdentityProvider provider, ExternalPerson person, CancellationToken cancellationToken)
    {
        var email = Admission.EmailOf(settings, person);
        var normalized = email is null ? null : EmailAddress.Normalize(email);
        if (normalized is not null && await database.Users.AnyAsync(user => user.OrganizationId == provider.OrganizationId && user.NormalizedEmail == normalized, cancellationToken))
            return s_emailTaken;
        var name = DisplayName.Parse(person.Name).TryGet(out var shown, out _) && shown.Length > 0 ? shown : null;
        var candidates = UsernameProposal.For(person);
        var hashes = candidates.ToDictionary(candidate => candidate, RetiredUsername.HashOf, StringComparer.Ordinal);
        var taken = (await database.Users.Where(user => candidates.Contains(user.NormalizedUserName!)).Select(user => user.NormalizedUserName!).ToListAsync(cancellationToken)).ToHashSet(StringComparer.Ordinal);
        foreach (var candidate in candidates.Where(candidate => !taken.Contains(candidate)))
        {
            var hash = hashes[candidate];
            if (await database.RetiredUsernames.AnyAsync(retired => retired.Hash == hash, cancellationToken))
                continue;
            var created = await users.CreateAsync(
                provider.OrganizationId, candidate, email, password: null, Admission.RoleOf(settings, person) ?? Role.Member, isOperator: false, UserKind.Person, cancellationToken, name);
            return created.Problem is { Code: "email_taken" } ? s_emailTaken : created;
        }

        return new Problem(ProblemKind.Conflict, "name_taken", "Every username that would fit yours is somebody’s already. Ask an administrator of your organization for an invitation, with a username of your choice.");
    }

    /// <summary>The role that the groups give now. Owners are made here, and stay.</summary>
    private async Task GiveRoleAsync(IdentityProviderSettings settings, IdentityProvider provider, ExternalPerson person, User user, CancellationToken cancellationToken)
    {
        if (Admission.RoleOf(settings, person) is not { } role || role == user.Role || user.Role == Role.Owner)
            return;
        // Between this look at the role and the change an owner may make somebody an owner: that stays.
        var was = user.Role;
        if (await database.Users.Where(row => row.Id == user.Id && row.Role == was).ExecuteUpdateAsync(set => set.SetProperty(row => row.Role, role), cancellationToken) == 1)
        {
            audit.Add(AuditTypes.MemberRoleChanged, null, user.Id, organization: provider.OrganizationId, detail: $"{was.Word()} → {role.Word()}, by the groups of {provider.Name}",
                change: AuditChange.Of("role", was.Word(), role.Word()));
        }
    }
}
