using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Credentials;
using Activate.Identity.Data.Devices;
using Activate.Identity.Data.Members;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.ServiceAccounts;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Members;

/// <summary>A person of an organization, as lists show them.</summary>
/// <param name="InvitationEndsAt">Null: has taken the invitation up, or needed none.</param>
public sealed record Member(
    Guid Id, string Username, string? DisplayName, string? Email, Role Role, bool IsOperator, bool Disabled, DateTime CreatedAt, DateTime? InvitationEndsAt)
{
    /// <summary>The address is known to be theirs: a forgotten password can be set anew by a link mailed to it.</summary>
    public bool EmailConfirmed { get; init; }

    /// <summary>Has not signed in at the organization's provider for as long as it asks for.</summary>
    public bool Paused { get; init; }

    public string State => Disabled ? "disabled" : InvitationEndsAt is not null ? "invited" : Paused ? "paused" : "active";
}

/// <summary>What was ended, kind by kind.</summary>
public sealed record EndedCredentials(int ApiKeys, int Tokens, int Sessions, int SshKeys, int Applications, int BrowserSessions);

/// <summary>The second factors that were taken away.</summary>
public sealed record ResetFactors(bool AuthenticatorApp, int Passkeys, int RecoveryCodes);

/// <summary>
/// Changes, disables and removes the people of an organization, and ends what they have. Page, REST and command line all end here. Changes within one organization come one after
/// another, and are judged by the roles that stand then: two owners who demote each other do not leave it without one.
/// </summary>
public sealed class MemberRegistry(
    ActivateDbContext database, PendingCuts cuts, ServiceAccountKeepers keepers, MailOutbox outbox, Letters letters, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    private const int LongestSearch = 100;

    /// <summary>The people of an organization, newest first.</summary>
    /// <param name="organizationId">Whose.</param>
    /// <param name="search">A part of a name; of an e-mail address only where <paramref name="withEmail"/>.</param>
    /// <param name="withEmail">False: addresses stay out, of the answer and of the search.</param>
    /// <param name="page">Where to begin; one more than the limit is read.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<List<Member>> ListAsync(Guid organizationId, string? search, bool withEmail, PageQuery page, CancellationToken cancellationToken)
    {
        var people = People(organizationId).Where(u => page.After == null || u.Id.CompareTo(page.After.Value) < 0);
        if (search?.Trim() is { Length: > 0 } words)
        {
            var part = EmailAddress.Normalize(words.AtMost(LongestSearch));
#pragma warning disable CA1304, CA1311, CA1862 // Translated to UPPER of the database, which has no cultures.
            people = people.Where(u => u.UserName!.ToUpper().Contains(part) || u.DisplayName!.ToUpper().Contains(part) || (withEmail && u.NormalizedEmail!.Contains(part)));
#pragma warning restore CA1304, CA1311, CA1862
        }

        return Shown(people.OrderByDescending(u => u.Id).Take(page.Limit + 1), withEmail).ToListAsync(cancellationToken);
    }

    public Task<Member?> FindAsync(Guid organizationId, Guid id, bool withEmail, CancellationToken cancellationToken) =>
        Shown(People(organizationId).Where(u => u.Id == id), withEmail).SingleOrDefaultAsync(cancellationToken);

    /// <summary>Gives another role, disables or enables. Everything of somebody disabled ends within a second; enabled again, what time has not ended works again.</summary>
    /// <param name="actor">Who does it.</param>
    /// <param name="id">To whom.</param>
    /// <param name="role">Null: as it is.</param>
    /// <param name="disabled">Null: as it is.</param>
    /// <param name="cancellationToken">Ends the wait; all or nothing is changed.</param>
    public async Task<Result<Member>> ChangeAsync(AuditActor actor, Guid id, Role? role, bool? disabled, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await ReadAsync(database, actor, id, cancellationToken)).TryGet(out var standings, out var problem))
            return problem;
        var user = await database.Users.SingleAsync(u => u.Id == id, cancellationToken);
        if (role is { } wanted && wanted != user.Role)
        {
            if ((MemberRules.GiveRole(standings.Actor) ?? await WithoutOwnerAsync(actor.OrganizationId, standings.Target, cancellationToken)) is { } refusal)
                return refusal;
            audit.Add(AuditTypes.MemberRoleChanged, actor, id, detail: $"{user.Role.Word()} → {wanted.Word()}", change: AuditChange.Of("role", user.Role.Word(), wanted.Word()));
            user.Role = wanted;
        }

        if (disabled is { } stop && stop != user.Disabled)
        {
            if ((id == actor.UserId ? MemberRules.OwnAccount : MemberRules.Change(standings.Actor, standings.Target)) is { } refusal)
                return refusal;
            if (stop && (await WithoutOwnerAsync(actor.OrganizationId, standings.Target, cancellationToken) ?? await WithoutOperatorAsync(standings.Target, cancellationToken)) is { } last)
                return last;
            audit.Add(stop ? AuditTypes.MemberDisabled : AuditTypes.MemberEnabled, actor, id);
            user.Disabled = stop;
            if (stop)
            {
                await SignIns.EndAsync(database, id, cancellationToken);
                await keepers.NoteLossAsync(actor, id, cancellationToken);
            }
        }

        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return await Shown(People(actor.OrganizationId).Where(u => u.Id == id), withEmail: true).SingleAsync(cancellationToken);
    }

    /// <summary>Ends every credential, consent and browser session of somebody, everywhere. The account stays.</summary>
    public async Task<Result<EndedCredentials>> RevokeAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await ReadAsync(database, actor, id, cancellationToken)).TryGet(out var standings, out var problem))
            return problem;
        if (MemberRules.Change(standings.Actor, standings.Target) is { } refusal)
            return refusal;
        await database.TakeTurnAsync(id, cancellationToken);
        await RememberPolicyEndsAsync(actor.OrganizationId, id, cancellationToken);
        // What makes credentials first, then those it may have made meanwhile.
        var browsers = await SignIns.EndAsync(database, id, cancellationToken);
        var ended = new EndedCredentials(
            await database.ApiKeys.Where(key => key.OwnerId == id).ExecuteDeleteAsync(cancellationToken),
            await database.TokenGrants.Where(grant => grant.OwnerId == id && grant.Kind == CredentialKind.Token).ExecuteDeleteAsync(cancellationToken),
            await database.TokenGrants.Where(grant => grant.OwnerId == id).ExecuteDeleteAsync(cancellationToken),
            await database.SshKeys.Where(key => key.OwnerId == id).ExecuteDeleteAsync(cancellationToken),
            await database.Consents.Where(consent => consent.UserId == id).ExecuteDeleteAsync(cancellationToken),
            browsers);
        audit.Add(AuditTypes.MemberCredentialsRevoked, actor, id, detail:
            $"{Texts.Count(ended.ApiKeys, "API key")}, {Texts.Count(ended.Tokens, "token")}, {Texts.Count(ended.Sessions, "session")}, {Texts.Count(ended.SshKeys, "SSH key")}, " +
            $"{Texts.Count(ended.Applications, "application")}, {Texts.Count(ended.BrowserSessions, "browser session")}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return ended;
    }

    /// <summary>
    /// Takes every second factor from somebody who has lost theirs: app, passkeys and recovery codes. Their browsers are signed out; with the password, which stays, they sign in
    /// and set up another. Keys and tokens go on.
    /// </summary>
    public async Task<Result<ResetFactors>> ResetSecondFactorAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await ReadAsync(database, actor, id, cancellationToken)).TryGet(out var standings, out var problem))
            return problem;
        // Nobody for themselves: whoever steals a session of an administrator would be rid of their second factor. At their own page each goes after a fresh sign-in.
        if ((id == actor.UserId ? MemberRules.OwnSecondFactor : MemberRules.Change(standings.Actor, standings.Target)) is { } refusal)
            return refusal;
        await database.TakeTurnAsync(id, cancellationToken);
        await SignIns.EndAsync(database, id, cancellationToken);
        var reset = new ResetFactors(
            await database.TotpKeys.Where(key => key.UserId == id).ExecuteDeleteAsync(cancellationToken) == 1,
            await database.UserPasskeys.Where(passkey => passkey.UserId == id).ExecuteDeleteAsync(cancellationToken),
            await database.RecoveryCodes.Where(code => code.UserId == id).ExecuteDeleteAsync(cancellationToken));
        audit.Add(AuditTypes.MemberSecondFactorReset, actor, id, detail:
            $"{(reset.AuthenticatorApp ? "authenticator app, " : "")}{Texts.Count(reset.Passkeys, "passkey")}, {Texts.Count(reset.RecoveryCodes, "recovery code")}");
        await outbox.NotifyAsync(id, letters.SecondFactorReset(), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return reset;
    }

    /// <summary>
    /// Removes somebody, or lets them leave: the account goes with all it had, and of the person only the hash of the username stays, so that nobody else gets the name. Events of
    /// the audit log keep the id. Somebody who never took the invitation up, and never had a key, leaves nothing.
    /// </summary>
    public async Task<Problem?> RemoveAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await ReadAsync(database, actor, id, cancellationToken)).TryGet(out var standings, out var problem))
            return problem;
        if ((MemberRules.Change(standings.Actor, standings.Target) ?? await WithoutOwnerAsync(actor.OrganizationId, standings.Target, cancellationToken)
            ?? await WithoutOperatorAsync(standings.Target, cancellationToken)) is { } refusal)
            return refusal;
        var gone = await database.Users.Where(u => u.Id == id)
            .Select(u => new { u.NormalizedUserName, WasInvited = database.Invitations.Any(i => i.UserId == id), HadKeys = database.KnownSshKeys.Any(key => key.OwnerId == id) })
            .SingleAsync(cancellationToken);
        if (!gone.WasInvited || gone.HadKeys)
            database.RetiredUsernames.Add(new RetiredUsername { Hash = RetiredUsername.HashOf(gone.NormalizedUserName!), At = clock.Now() });
        audit.Add(gone.WasInvited ? AuditTypes.InvitationCancelled : id == actor.UserId ? AuditTypes.MemberLeft : AuditTypes.MemberRemoved, actor, id);
        await keepers.NoteLossAsync(actor, id, cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await audit.ForgetAsync(id, cancellationToken);
        await database.Users.Where(u => u.Id == id).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>Both as they stand now, in the caller's turn; a person of another organization is unknown, and so is a service account.</summary>
    internal static async Task<Result<(MemberStanding Actor, MemberStanding Target)>> ReadAsync(ActivateDbContext database, AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        var rows = await database.Users.AsNoTracking()
            .Where(u => u.OrganizationId == actor.OrganizationId && u.Kind == UserKind.Person && (u.Id == id || u.Id == actor.UserId))
            .Select(u => new MemberStanding(u.Id, u.Role, u.IsOperator)).ToListAsync(cancellationToken);
        if (!rows.Exists(row => row.Id == id))
            return Problems.NotFound;
        // Gone meanwhile: may do nothing.
        return rows.Exists(row => row.Id == actor.UserId)
            ? (rows.Find(row => row.Id == actor.UserId), rows.Find(row => row.Id == id))
            : MemberRules.AdminRequired;
    }

    /// <summary>The problem when the organization would be left without an owner who can sign in.</summary>
    private async Task<Problem?> WithoutOwnerAsync(Guid organizationId, MemberStanding target, CancellationToken cancellationToken) =>
        target.Role != Role.Owner
        || await Standing().AnyAsync(u => u.OrganizationId == organizationId && u.Id != target.Id && u.Role == Role.Owner, cancellationToken)
            ? null
            : MemberRules.LastOwner;

    private async Task<Problem?> WithoutOperatorAsync(MemberStanding target, CancellationToken cancellationToken)
    {
        if (!target.IsOperator)
            return null;
        // Operators are of several organizations: one at a time.
        await database.Users.Where(u => u.IsOperator).ExecuteUpdateAsync(set => set.SetProperty(u => u.CredentialsVersion, u => u.CredentialsVersion), cancellationToken);
        return await Standing().AnyAsync(u => u.Id != target.Id && u.IsOperator && !u.Organization!.Suspended, cancellationToken) ? null : MemberRules.LastOperator;
    }

    /// <summary>People who can sign in.</summary>
    private IQueryable<User> Standing() =>
        database.Users.Where(u => u.Kind == UserKind.Person && !u.Disabled && !database.Invitations.Any(i => i.UserId == u.Id));

    /// <summary>An SSH key that the policy ended must not begin anew because an administrator ended it, too.</summary>
    private async Task RememberPolicyEndsAsync(Guid organizationId, Guid userId, CancellationToken cancellationToken)
    {
        var keys = await cuts.ApplyAsync(organizationId, await database.SshKeys.AsNoTracking().Where(key => key.OwnerId == userId).ToListAsync(cancellationToken), cancellationToken);
        foreach (var key in keys.Where(key => key.ExpiresBecause == ExpiresBecause.Policy))
            await SshKeyRegistry.RememberPolicyEndAsync(database, userId, key.Fingerprint, key.ExpiresAt, cancellationToken);
    }

    private IQueryable<User> People(Guid organizationId) => database.Users.AsNoTracking().Where(u => u.OrganizationId == organizationId && u.Kind == UserKind.Person);

    private IQueryable<Member> Shown(IQueryable<User> people, bool withEmail)
    {
        var now = clock.Now();
        return people.Select(u => new Member(
            u.Id, u.UserName!, u.DisplayName, withEmail ? u.Email : null, u.Role, u.IsOperator, u.Disabled, u.CreatedAt,
            database.Invitations.Where(i => i.UserId == u.Id).Select(i => (DateTime?)i.ExpiresAt).FirstOrDefault()) { EmailConfirmed = withEmail && u.EmailConfirmed, Paused = u.PausedFrom != null && u.PausedFrom <= now });
    }
}
