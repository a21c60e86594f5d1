using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Members;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Members;

/// <summary>Who is to be invited, as an administrator wrote it.</summary>
/// <param name="Username">The login on every cluster; it stays.</param>
/// <param name="Email">Where the link is meant for.</param>
/// <param name="Role">A word; null: member.</param>
/// <param name="DisplayName">Null: the person says it.</param>
public sealed record InvitationDraft(string? Username, string? Email, string? Role, string? DisplayName = null);

/// <summary>Somebody who was invited, with the link, which exists only on its way to whoever hands it over.</summary>
/// <param name="UserId">The new user.</param>
/// <param name="Username">The name.</param>
/// <param name="ExpiresAt">When the link ends.</param>
/// <param name="Url">The link to hand over.</param>
/// <param name="MailedTo">Where another link is on its way to; null: this server sends no mail.</param>
public sealed record Invited(Guid UserId, string Username, DateTime ExpiresAt, string Url, string? MailedTo)
{
    /// <summary>Holds the link: not to be printed.</summary>
    public override string ToString() => $"invitation of {UserId}";
}

/// <summary>What an open invitation says to the person who has its link.</summary>
public sealed record Invitee(Guid UserId, Guid OrganizationId, string OrganizationName, string Username, string? Email, string? DisplayName, Role Role, int SshKeys)
{
    /// <summary>The link is the one that was mailed, and that nobody else was shown: whoever has it reads the mailbox.</summary>
    public bool IsMailed { get; init; }
}

/// <summary>
/// Invites people, and lets them in. The code in the link is the only secret, stored as its SHA-256; everything it stands for (organization, username, e-mail address, role) is
/// in rows that the link cannot change. It is taken by one conditional DELETE, so of many that use it at once, on all nodes, one is let in. With mail there are two codes: the one that
/// the administrator sees and may hand over, and one that only the mail holds, which confirms the address as well.
/// </summary>
public sealed class InvitationIssuer(
    ActivateDbContext database, UserRegistry users, PasswordGate gate, AuditTrail audit, MailOutbox outbox, Letters letters, PublicOrigin origin, TimeProvider clock)
{
    public const string Path = "/invitation";

    private static readonly TimeSpan s_lifetime = TimeSpan.FromDays(7);

    /// <summary>Used, cancelled, too old, replaced by a newer one, or never was one: the answer does not tell which.</summary>
    public static readonly Problem CodeRefused = new(ProblemKind.Refused, "invitation_refused",
        "This invitation was used or taken back, is older than 7 days, or was replaced by a newer one. Ask whoever sent it for a new link.");

    private static readonly Problem s_accepted = new(ProblemKind.Conflict, "not_invited", "This person has taken the invitation up already. They sign in with their password.");

    /// <param name="actor">The administrator.</param>
    /// <param name="draft">Whom.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is left half done.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<Invited>> InviteAsync(AuditActor actor, InvitationDraft draft, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        var role = await database.Users.Where(u => u.Id == actor.UserId).Select(u => u.Role).SingleOrDefaultAsync(cancellationToken);
        if (!Roles.Parse(draft.Role ?? Role.Member.Word()).TryGet(out var wanted, out var problem))
            return problem;
        if ((MemberRules.Invite(role, wanted) ?? await OneTimeForms.SpendAsync(database, form, clock.Now(), cancellationToken)) is { } refusal)
            return refusal;
        if (!(await AddAsync(actor, draft, cancellationToken)).TryGet(out var invited, out problem))
            return problem;
        await transaction.CommitAsync(cancellationToken);
        return invited;
    }

    /// <summary>
    /// Adds the user and the invitation within the caller's transaction, which is rolled back when there is a problem. Whether the actor may is the caller's question;
    /// the organization is the actor's.
    /// </summary>
    internal async Task<Result<Invited>> AddAsync(AuditActor actor, InvitationDraft draft, CancellationToken cancellationToken)
    {
        if (!Roles.Parse(draft.Role ?? Role.Member.Word()).TryGet(out var role, out var problem)
            || !Username.Parse(draft.Username).TryGet(out var username, out problem)
            || !EmailAddress.Parse(draft.Email).TryGet(out var email, out problem)
            || !DisplayName.Parse(draft.DisplayName).TryGet(out var name, out problem)
            || !(await users.CreateAsync(actor.OrganizationId, username, email, password: null, role, isOperator: false, UserKind.Person, cancellationToken, name.Length == 0 ? null : name))
                .TryGet(out var user, out problem))
            return problem;
        var code = LinkCode.Generate();
        var now = clock.Now();
        var invitation = new Invitation { UserId = user.Id, CodeHash = LinkCode.Hash(code), CreatedAt = now, ExpiresAt = now + s_lifetime };
        database.Invitations.Add(invitation);
        var organization = await database.Organizations.Where(o => o.Id == actor.OrganizationId).Select(o => o.Name).SingleAsync(cancellationToken);
        Mail(invitation, organization, username, email, role);
        audit.Add(AuditTypes.MemberInvited, actor, user.Id, detail: role.Word());
        await database.SaveChangesAsync(cancellationToken);
        return Link(invitation, username, email, code);
    }

    /// <summary>A new link in place of the old one, which works no more.</summary>
    public async Task<Result<Invited>> RenewAsync(AuditActor actor, Guid id, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await MemberRegistry.ReadAsync(database, actor, id, cancellationToken)).TryGet(out var standings, out var problem))
            return problem;
        if ((MemberRules.Change(standings.Actor, standings.Target) ?? MemberRules.Invite(standings.Actor.Role, standings.Target.Role)
            ?? await OneTimeForms.SpendAsync(database, form, clock.Now(), cancellationToken)) is { } refusal)
            return refusal;
        if (await database.Invitations.SingleOrDefaultAsync(i => i.UserId == id, cancellationToken) is not { } invitation)
            return s_accepted;
        var code = LinkCode.Generate();
        var now = clock.Now();
        (invitation.CodeHash, invitation.CreatedAt, invitation.ExpiresAt) = (LinkCode.Hash(code), now, now + s_lifetime);
        var user = await database.Users.AsNoTracking().Where(u => u.Id == id).Select(u => new { u.UserName, u.Email, u.Role, Organization = u.Organization!.Name }).SingleAsync(cancellationToken);
        // What still waits to be sent has a link that works no more.
        await database.MailMessages.Where(m => m.UserId == id).ExecuteDeleteAsync(cancellationToken);
        Mail(invitation, user.Organization, user.UserName!, user.Email, user.Role);
        audit.Add(AuditTypes.InvitationRenewed, actor, id);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            // Taken up at this very moment.
            return s_accepted;
        }

        await transaction.CommitAsync(cancellationToken);
        return Link(invitation, user.UserName!, user.Email, code);
    }

    /// <summary>What the link of this code opens; null when it opens nothing (any more).</summary>
    public async Task<Invitee?> FindAsync(string? code, CancellationToken cancellationToken)
    {
        if (!LinkCode.HasForm(code))
            return null;
        var hash = LinkCode.Hash(code);
        return await Open(code).Select(i => new Invitee(i.UserId, i.User!.OrganizationId, i.User.Organization!.Name, i.User.UserName!, i.User.Email, i.User.DisplayName, i.User.Role,
            database.SshKeys.Count(key => key.OwnerId == i.UserId)) { IsMailed = i.MailedCodeHash == hash }).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>Lets the invited person in with the name and password they chose. The code is used up by the same commit.</summary>
    /// <param name="code">Of the link.</param>
    /// <param name="displayName">Empty: the username stands for it.</param>
    /// <param name="password">The first one.</param>
    /// <param name="before">Work to be part of the same transaction: signing the person in.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is left half done.</param>
    public async Task<Problem?> AcceptAsync(string? code, string? displayName, string? password, Func<Invitee, Task> before, CancellationToken cancellationToken)
    {
        if (await FindAsync(code, cancellationToken) is not { } invitee)
            return CodeRefused;
        if (!DisplayName.Parse(displayName).TryGet(out var name, out var problem)
            || !PasswordRules.Parse(password, [invitee.Username, invitee.Email, invitee.OrganizationName]).TryGet(out var normalized, out problem)
            || !(await gate.HashAsync(normalized, cancellationToken)).TryGet(out var hash, out problem))
            return problem;

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await Open(code!).Where(i => i.UserId == invitee.UserId).ExecuteDeleteAsync(cancellationToken) != 1)
            return CodeRefused;
        var shown = name.Length == 0 ? null : name;
        await database.Users.Where(u => u.Id == invitee.UserId)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, hash).SetProperty(u => u.DisplayName, shown).SetProperty(u => u.EmailConfirmed, invitee.IsMailed), cancellationToken);
        await before(invitee);
        audit.Add(AuditTypes.InvitationAccepted, new AuditActor(invitee.UserId, invitee.OrganizationId, null), invitee.UserId);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>
    /// Lets the invited person in by their organization's provider, without a password. In the caller's transaction, which is rolled back when there is a problem, and which is
    /// about that organization: its provider says nothing about the people of another.
    /// </summary>
    internal async Task<Result<Invitee>> AcceptAsync(string? code, Guid organizationId, string? displayName, CancellationToken cancellationToken)
    {
        if (await FindAsync(code, cancellationToken) is not { } invitee || invitee.OrganizationId != organizationId
            || await Open(code!).Where(i => i.UserId == invitee.UserId).ExecuteDeleteAsync(cancellationToken) != 1)
            return CodeRefused;
        var shown = invitee.DisplayName ?? (Core.Accounts.DisplayName.Parse(displayName).TryGet(out var name, out _) && name.Length > 0 ? name : null);
        await database.Users.Where(u => u.Id == invitee.UserId)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.DisplayName, shown).SetProperty(u => u.EmailConfirmed, invitee.IsMailed), cancellationToken);
        audit.Add(AuditTypes.InvitationAccepted, new AuditActor(invitee.UserId, invitee.OrganizationId, null), invitee.UserId);
        return invitee;
    }

    private IQueryable<Invitation> Open(string code)
    {
        var (hash, now) = (LinkCode.Hash(code), clock.GetUtcNow().UtcDateTime);
        return database.Invitations.Where(i => (i.CodeHash == hash || i.MailedCodeHash == hash) && i.ExpiresAt > now && !i.User!.Disabled && !i.User.Organization!.Suspended);
    }

    /// <summary>Adds the mail with a link of its own, where there is mail.</summary>
    private void Mail(Invitation invitation, string organization, string username, string? email, Role role)
    {
        invitation.MailedCodeHash = null;
        if (!outbox.IsOn || email is null)
            return;
        var code = LinkCode.Generate();
        invitation.MailedCodeHash = LinkCode.Hash(code);
        outbox.Add(new Recipient(invitation.UserId, username, email), letters.Invitation(organization, username, role, Url(code), invitation.ExpiresAt));
    }

    private Invited Link(Invitation invitation, string username, string? email, string code) =>
        new(invitation.UserId, username, invitation.ExpiresAt, Url(code), invitation.MailedCodeHash is null ? null : email);

    private string Url(string code) => $"{origin.Value}{Path}?code={code}";
}
