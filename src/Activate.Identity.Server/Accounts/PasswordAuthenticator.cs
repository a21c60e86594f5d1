using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Signs in with username and password. An attempt is reserved by a conditional UPDATE before its password is looked at, so that no number of parallel
/// attempts gets more than <see cref="MaximumFailures"/> guesses. Unknown, locked, disabled and suspended all cost the same work as a wrong password and get
/// the same answer.
/// </summary>
public sealed class PasswordAuthenticator(ActivateDbContext database, PasswordGate gate, BrowserSessionIssuer sessions, AuditTrail audit, TimeProvider clock)
{
    public const int MaximumFailures = 10;
    public static readonly TimeSpan LockedFor = TimeSpan.FromMinutes(10);

    /// <summary>The detail of a failed sign-in to an account that was locked: the password was not looked at.</summary>
    public const string NotTried = "locked";

    /// <summary>The one answer to every sign-in that failed.</summary>
    public static readonly Problem Refused = new(ProblemKind.Invalid, "sign_in_failed",
        "Username or password is wrong, or the account is locked for a while after too many tries.");

    /// <summary>Null: signed in, and the cookie is set. The session, the reset counter and the audit event are one transaction.</summary>
    public async Task<Problem?> SignInAsync(HttpContext context, string? username, string? password, CancellationToken cancellation)
    {
        // What cannot be a username is not sent to the database (PostgreSQL refuses U+0000), but the query is still made: it takes as long.
        var name = Username.Parse(UserRules.Normalize(username?.Trim())).TryGet(out var parsed, out _) ? parsed : "";
        var user = await database.Users.AsNoTracking().Where(u => u.NormalizedUserName == name)
            .Select(u => new { u.Id, u.OrganizationId, u.PasswordHash, Barred = u.Disabled || u.Kind != UserKind.Person || u.Organization!.Suspended })
            .FirstOrDefaultAsync(cancellation);

        // No password that we would have accepted is longer: such a one is wrong without being hashed, at the price of any other.
        var plausible = password is { Length: > 0 and <= PasswordRules.MaximumLength * 4 };

        // The turn comes before the reservation: who is turned away has not used up a try.
        if (!(await gate.EnterAsync(cancellation)).TryGet(out var turn, out var busy))
            return busy;
        var reserved = Reservation.Refused;
        string? rehashed = null;
        bool matches;
        using (turn)
        {
            reserved = await ReserveAsync(user?.Id ?? Guid.Empty, cancellation);
            var testable = user is { Barred: false } && plausible && reserved != Reservation.Refused;
            var result = await turn.VerifyAsync(testable ? user!.PasswordHash : null, plausible ? password! : "-");
            matches = result != PasswordVerificationResult.Failed;
            if (result == PasswordVerificationResult.SuccessRehashNeeded)
                rehashed = await turn.HashAsync(password!);
        }

        if (!matches || user is null)
        {
            var about = user is null ? null : new AuditActor(user.Id, user.OrganizationId, null);
            audit.Add(AuditTypes.SignInFailed, about, user?.Id, detail: user is not null && reserved == Reservation.Refused ? NotTried : null, succeeded: false);
            if (reserved == Reservation.Last)
                audit.Add(AuditTypes.LockedOut, about, user?.Id, succeeded: false);
            await database.SaveChangesAsync(cancellation);
            return Refused;
        }

        await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
        // Only if it is still the password that was checked.
        var verified = user.PasswordHash;
        var current = rehashed ?? verified;
        var kept = await database.Users.Where(u => u.Id == user.Id && u.PasswordHash == verified).ExecuteUpdateAsync(set => set
            .SetProperty(u => u.AccessFailedCount, 0)
            .SetProperty(u => u.LockoutEnd, (DateTimeOffset?)null)
            .SetProperty(u => u.PasswordHash, current), cancellation);
        if (kept == 0)
            return Refused;
        var session = await sessions.StartAsync(context, user.Id, user.OrganizationId, "pwd", cancellation);
        audit.Add(AuditTypes.SignedIn, new AuditActor(user.Id, user.OrganizationId, session.Id), user.Id);
        await database.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return null;
    }

    /// <summary>
    /// Takes one of the tries. The last one locks the account at once, before its password is known to be wrong (a right one unlocks it again): so the lock
    /// holds even if this process dies now.
    /// </summary>
    private async Task<Reservation> ReserveAsync(Guid userId, CancellationToken cancellation)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset? until = now + LockedFor;
        var open = database.Users.Where(u => u.Id == userId && (u.LockoutEnd == null || u.LockoutEnd <= now));
        // Twice: between the two updates another's success may set the counter back.
        for (var round = 0; round < 2; round++)
        {
            if (await open.Where(u => u.AccessFailedCount < MaximumFailures - 1)
                    .ExecuteUpdateAsync(set => set.SetProperty(u => u.AccessFailedCount, u => u.AccessFailedCount + 1), cancellation) == 1)
                return Reservation.Taken;
            if (await open.Where(u => u.AccessFailedCount >= MaximumFailures - 1)
                    .ExecuteUpdateAsync(set => set.SetProperty(u => u.AccessFailedCount, 0).SetProperty(u => u.LockoutEnd, until), cancellation) == 1)
                return Reservation.Last;
        }

        return Reservation.Refused;
    }

    private enum Reservation
    {
        Refused,
        Taken,
        Last,
    }
}
