using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Changes a password for somebody who knows the old one. Other browsers and applications are signed out, and this browser gets a new session.</summary>
public sealed class PasswordEditor(
    ActivateDbContext database, PasswordGate gate, Throttles throttles, BrowserSessionIssuer sessions, MailOutbox outbox, Letters letters, AuditTrail audit, CredentialCache cache)
{
    private const int MostWrong = 5;
    private static readonly TimeSpan s_window = TimeSpan.FromMinutes(10);

    private static readonly Problem s_wrong = Problems.Invalid("current", "password_wrong", "That is not your password.");

    /// <summary>A session that was stolen must not be the way to guess the password.</summary>
    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_passwords", $"The password was wrong {MostWrong} times. Try again in ten minutes.", "current") { RetryAfter = s_window };

    /// <summary>A new password in place of the old one, and a new session for this browser.</summary>
    public async Task<Result<SignInStart>> ChangeAsync(HttpContext context, SignedIn person, string? current, string? password, CancellationToken cancellationToken)
    {
        var user = await database.Users.AsNoTracking().Where(u => u.Id == person.UserId).Select(u => new { u.PasswordHash, u.Email }).SingleAsync(cancellationToken);
        if (!PasswordRules.Parse(password, [person.Username, user.Email, person.OrganizationName]).TryGet(out var normalized, out var problem))
            return problem;
        if (current is not { Length: > 0 and <= PasswordRules.MaximumLength * 4 })
            return s_wrong;
        // The guess is counted before it is judged, so that guesses in parallel count too.
        var guesses = $"password-change:{person.UserId}";
        if (!await throttles.TryTakeAsync(guesses, MostWrong, s_window, cancellationToken))
            return s_tooMany;
        if (!(await gate.EnterAsync(cancellationToken)).TryGet(out var turn, out problem))
            return problem;
        string hash;
        using (turn)
        {
            if (await turn.VerifyAsync(user.PasswordHash, current) == PasswordVerificationResult.Failed)
                return s_wrong;
            hash = await turn.HashAsync(normalized);
        }

        await throttles.GiveBackAsync(guesses, cancellationToken);
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Only if it is still the password that was checked.
        if (await database.Users.Where(u => u.Id == person.UserId && u.PasswordHash == user.PasswordHash).ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, hash), cancellationToken) == 0)
            return s_wrong;
        await SetAsync(database, person.UserId, hash, cancellationToken);
        // A new key for the same sign-in: the password alone is no proof of the second factor that the session may stand on.
        var start = await sessions.StartAsync(context, person.UserId, person.OrganizationId, person.AuthenticationMethods, cancellationToken, person.AuthenticatedAt);
        audit.Add(AuditTypes.PasswordChanged, new AuditActor(person.UserId, person.OrganizationId, start.Session?.Id), person.UserId);
        outbox.Notify(person.UserId, person.Username, user.Email, letters.PasswordChanged());
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return start;
    }

    /// <summary>
    /// Writes a new password within the caller's transaction: every browser is signed out, applications have to sign the person in again, links that would set another die, and a lock that
    /// wrong guesses of the old one brought about ends. Keys and device logins go on: jobs stand on them.
    /// </summary>
    internal static async Task SetAsync(ActivateDbContext database, Guid userId, string hash, CancellationToken cancellationToken)
    {
        await database.Users.Where(u => u.Id == userId).ExecuteUpdateAsync(set => set
            .SetProperty(u => u.PasswordHash, hash).SetProperty(u => u.LockoutEnd, (DateTimeOffset?)null), cancellationToken);
        await SignIns.EndAsync(database, userId, cancellationToken);
        await database.TokenGrants.Where(g => g.OwnerId == userId && g.Kind == CredentialKind.Session && g.ClientId != BuiltInApplications.Cli).ExecuteDeleteAsync(cancellationToken);
        await database.MailedCodes.Where(c => c.UserId == userId && c.Purpose == MailedCodePurpose.SetPassword).ExecuteDeleteAsync(cancellationToken);
    }
}
