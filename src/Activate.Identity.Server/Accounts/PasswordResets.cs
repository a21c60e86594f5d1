using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Mail;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Whose password a link sets.</summary>
public sealed record Resetter(Guid UserId, Guid OrganizationId, string Username, string Email, string OrganizationName);

/// <summary>
/// Forgotten passwords. Asking writes one row, whoever asks and whatever they typed: neither the answer nor its time tells whether there is such an account. Who it is, is looked up where
/// the mail is sent. The link goes only to an address that its owner has confirmed: one that an administrator mistyped, or typed on purpose, must not open the account. Its code works
/// once, for an hour, is stored as a hash, and dies with a change of password or address.
/// </summary>
public sealed class PasswordResets(
    ActivateDbContext database, PasswordGate gate, Throttles throttles, MailOutbox outbox, Letters letters, AuditTrail audit, PublicOrigin origin, TimeProvider clock, IHttpContextAccessor http, CredentialCache cache)
{
    public const string Path = "/reset-password";

    /// <summary>From one network address, behind which there may be a whole institute.</summary>
    private const int MostAsked = 30;

    /// <summary>Mails to one account: nobody's mailbox is filled by others.</summary>
    private const int MostMailed = 3;

    /// <summary>Accounts with one e-mail address: it is unique in an organization only.</summary>
    private const int MostAccounts = 10;

    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_window = TimeSpan.FromHours(1);

    public static readonly Problem CodeRefused = new(ProblemKind.Refused, "reset_code_refused",
        "This link was used, is older than an hour, or ended because the password or the e-mail address was changed. Ask for a new one.");

    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_resets",
        $"More than {MostAsked} links were asked for from your network address within an hour. Look into your mailbox, or try again later.") { RetryAfter = s_window };

    /// <summary>Takes note of what somebody typed: a username, or an e-mail address.</summary>
    public async Task<Problem?> AskAsync(string typed, CancellationToken cancellationToken)
    {
        if (!await throttles.TryTakeAsync($"reset-from:{http.HttpContext?.RemoteNetwork()}", MostAsked, s_window, cancellationToken))
            return s_tooMany;
        outbox.AddReset(typed, clock.GetUtcNow().UtcDateTime + s_lifetime);
        await database.SaveChangesAsync(cancellationToken);
        return null;
    }

    /// <summary>Makes the mails of what was asked for, in its place: none, one, or one for each account with the address.</summary>
    internal async Task WriteAsync(MailMessage request, string? typed, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var accounts = request.GiveUpAt <= now ? [] : await FindAsync(typed, cancellationToken);
        var mailed = new List<Resetter>();
        foreach (var account in accounts)
        {
            if (await throttles.TryTakeAsync($"reset:{account.UserId}", MostMailed, s_window, cancellationToken))
                mailed.Add(account);
        }

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Another node has written them.
        if (await MailSender.Mine(database, request).ExecuteDeleteAsync(cancellationToken) == 0)
            return;
        foreach (var account in mailed)
        {
            var code = LinkCode.Generate();
            var until = now + s_lifetime;
            database.MailedCodes.Add(new MailedCode { Hash = LinkCode.Hash(code), Purpose = MailedCodePurpose.SetPassword, UserId = account.UserId, Email = account.Email, ExpiresAt = until });
            outbox.Add(new Recipient(account.UserId, account.Username, account.Email), Letters.ResetPassword(account.Username, $"{origin.Value}{Path}?code={code}", until), until);
            audit.Add(AuditTypes.PasswordResetMailed, null, account.UserId, owner: account.UserId, organization: account.OrganizationId);
        }

        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Whose password the link of this code sets; null when it sets none (any more).</summary>
    public async Task<Resetter?> FindOpenAsync(string? code, CancellationToken cancellationToken)
    {
        if (!LinkCode.HasForm(code))
            return null;
        var open = Open(code);
        return await Shown(database.Users.Where(u => open.Any(c => c.UserId == u.Id))).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>Sets the password and ends every browser session and every sign-in to an application. The code is used up by the same commit, and every other of this person with it.</summary>
    public async Task<Problem?> ResetAsync(string? code, string? password, CancellationToken cancellationToken)
    {
        if (await FindOpenAsync(code, cancellationToken) is not { } person)
            return CodeRefused;
        if (!PasswordRules.Parse(password, [person.Username, person.Email, person.OrganizationName]).TryGet(out var normalized, out var problem)
            || !(await gate.HashAsync(normalized, cancellationToken)).TryGet(out var hash, out problem))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await Open(code!).Where(c => c.UserId == person.UserId).ExecuteDeleteAsync(cancellationToken) != 1)
            return CodeRefused;
        await PasswordEditor.SetAsync(database, person.UserId, hash, cancellationToken);
        audit.Add(AuditTypes.PasswordReset, new AuditActor(person.UserId, person.OrganizationId, null), person.UserId);
        outbox.Notify(person.UserId, person.Username, person.Email, letters.PasswordReset());
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    private IQueryable<MailedCode> Open(string code)
    {
        var (hash, now) = (LinkCode.Hash(code), clock.GetUtcNow().UtcDateTime);
        return database.MailedCodes.Where(c => c.Hash == hash && c.Purpose == MailedCodePurpose.SetPassword && c.ExpiresAt > now);
    }

    private async Task<List<Resetter>> FindAsync(string? typed, CancellationToken cancellationToken)
    {
        if (Username.Parse(UserRules.Normalize(typed?.Trim())).TryGet(out var name, out _))
            return await Shown(database.Users.Where(u => u.NormalizedUserName == name)).ToListAsync(cancellationToken);
        if (!EmailAddress.Parse(typed).TryGet(out var email, out _))
            return [];
        var normalized = EmailAddress.Normalize(email);
        return await Shown(database.Users.Where(u => u.NormalizedEmail == normalized).OrderBy(u => u.Id)).Take(MostAccounts).ToListAsync(cancellationToken);
    }

    /// <summary>Those who may set a password by a link: people, in good standing, with an address that they have confirmed.</summary>
    private static IQueryable<Resetter> Shown(IQueryable<User> users) =>
        users.AsNoTracking().Where(u => u.Kind == UserKind.Person && u.EmailConfirmed && u.Email != null && !u.Disabled && !u.Organization!.Suspended)
            .Select(u => new Resetter(u.Id, u.OrganizationId, u.UserName!, u.Email!, u.Organization!.Name));
}
