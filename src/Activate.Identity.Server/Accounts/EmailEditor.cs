using System.Data.Common;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>A change or confirmation of an address that waits for its owner's word.</summary>
public sealed record EmailConfirmation(string Address, bool IsChange);

/// <summary>
/// E-mail addresses of people. A new one counts when the link that was mailed to it is opened by the person signed in: the link alone is not enough, because an address that was mistyped
/// would give the account to a stranger. Asking tells nothing about who else has an address; whoever opens the link hears it, and that is who reads its mailbox.
/// </summary>
public sealed class EmailEditor(
    ActivateDbContext database, Throttles throttles, MailOutbox outbox, Letters letters, AuditTrail audit, PublicOrigin origin, TimeProvider clock)
{
    public const string Path = "/confirm-email";

    private const int MostMailed = 5;
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(24);
    private static readonly TimeSpan s_window = TimeSpan.FromHours(1);

    public static readonly Problem CodeRefused = new(ProblemKind.Refused, "email_code_refused",
        "This link was used, is older than 24 hours, was replaced by a newer one, or belongs to another account than the one you are signed in with. Ask for a new one on your profile.");

    public static readonly Problem MailOff = new(ProblemKind.Unavailable, "mail_off", "This server sends no mail, so it cannot confirm an address.");

    private static readonly Problem s_same = Problems.Invalid("email", "email_same", "That is your address already, and it is confirmed.");

    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_mails", $"{MostMailed} links were mailed within an hour. Look into the mailbox, its spam folder too, or try again later.", "email")
    {
        RetryAfter = s_window,
    };

    /// <summary>Mails a link to an address that is to be the person's: a new one, or theirs when it is not confirmed yet.</summary>
    public async Task<Problem?> AskAsync(SignedIn person, string? typed, CancellationToken cancellationToken)
    {
        if (!outbox.IsOn)
            return MailOff;
        if (!EmailAddress.Parse(typed).TryGet(out var address, out var problem))
            return problem;
        var normalized = EmailAddress.Normalize(address);
        if (await database.Users.AnyAsync(u => u.Id == person.UserId && u.NormalizedEmail == normalized && u.Email == address && u.EmailConfirmed, cancellationToken))
            return s_same;
        if (!await throttles.TryTakeAsync($"email:{person.UserId}", MostMailed, s_window, cancellationToken))
            return s_tooMany;
        var now = clock.Now();
        var (code, until) = (LinkCode.Generate(), now + s_lifetime);
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.MailedCodes.Where(c => c.UserId == person.UserId && c.Purpose == MailedCodePurpose.ConfirmEmail).ExecuteDeleteAsync(cancellationToken);
        database.MailedCodes.Add(new MailedCode { Hash = LinkCode.Hash(code), Purpose = MailedCodePurpose.ConfirmEmail, UserId = person.UserId, Email = address, ExpiresAt = until });
        outbox.Add(new Recipient(person.UserId, person.Username, address), letters.ConfirmEmail(person.Username, $"{origin.Value}{Path}?code={code}", until), until);
        audit.Add(AuditTypes.EmailChangeAsked, person.ToActor(), person.UserId);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>What the link of this code would do for this person; null: nothing (any more).</summary>
    public async Task<EmailConfirmation?> FindOpenAsync(SignedIn person, string? code, CancellationToken cancellationToken)
    {
        if (!LinkCode.HasForm(code))
            return null;
        return await Open(person, code).Select(c => new EmailConfirmation(c.Email, c.User!.Email != c.Email)).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>Makes the address theirs, and confirmed. Links that set a password and were mailed to the old one die.</summary>
    public async Task<Problem?> ConfirmAsync(SignedIn person, string? code, CancellationToken cancellationToken)
    {
        if (await FindOpenAsync(person, code, cancellationToken) is not { } confirmation)
            return CodeRefused;
        var (address, normalized) = (confirmation.Address, EmailAddress.Normalize(confirmation.Address));
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await Open(person, code!).ExecuteDeleteAsync(cancellationToken) != 1)
            return CodeRefused;
        var before = await database.Users.Where(u => u.Id == person.UserId).Select(u => u.Email).SingleAsync(cancellationToken);
        try
        {
            await database.Users.Where(u => u.Id == person.UserId)
                .ExecuteUpdateAsync(set => set.SetProperty(u => u.Email, address).SetProperty(u => u.NormalizedEmail, normalized).SetProperty(u => u.EmailConfirmed, true), cancellationToken);
        }
        catch (DbException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return UserRegistry.EmailTaken;
        }

        await database.MailedCodes.Where(c => c.UserId == person.UserId).ExecuteDeleteAsync(cancellationToken);
        if (before != address)
        {
            audit.Add(AuditTypes.EmailChanged, person.ToActor(), person.UserId);
            foreach (var mailbox in new[] { before, address })
                outbox.Notify(person.UserId, person.Username, mailbox, letters.EmailChanged(before, address));
        }
        else
        {
            audit.Add(AuditTypes.EmailConfirmed, person.ToActor(), person.UserId);
        }

        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    private IQueryable<MailedCode> Open(SignedIn person, string code)
    {
        var (hash, now) = (LinkCode.Hash(code), clock.GetUtcNow().UtcDateTime);
        return database.MailedCodes.AsNoTracking().Where(c => c.Hash == hash && c.Purpose == MailedCodePurpose.ConfirmEmail && c.UserId == person.UserId && c.ExpiresAt > now);
    }
}
