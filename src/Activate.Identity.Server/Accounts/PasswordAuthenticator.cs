using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Telemetry;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Signs in with username and password. A try is taken before its password is looked at, so that no number of parallel ones gets more guesses than
/// <see cref="SignInTries"/> gives. Unknown, refused, disabled and suspended all cost the same work as a wrong password and get the same answer.
/// </summary>
public sealed class PasswordAuthenticator(
    ActivateDbContext database, PasswordGate gate, SignInTries tries, BrowserSessionIssuer sessions, AuditTrail audit, ServerMeter meter, TimeProvider clock)
{
    /// <summary>Wrong passwords at a device of the owner's: somebody sits at it. So long no session of the account makes anything.</summary>
    public static readonly TimeSpan LockedFor = TimeSpan.FromMinutes(10);

    /// <summary>The detail of a failed sign-in that there were no tries left for: the password was not looked at.</summary>
    public const string NotTried = "locked";

    /// <summary>The one answer to every sign-in that failed.</summary>
    public static readonly Problem Refused = new(ProblemKind.Invalid, "sign_in_failed",
        "Username or password is wrong. After too many wrong ones from one network, none is looked at for some minutes.");

    /// <summary>Signs in, or leads to the second step. Session or pending sign-in and the audit event are one transaction.</summary>
    public async Task<Result<SignInStart>> SignInAsync(HttpContext context, string? username, string? password, CancellationToken cancellation)
    {
        // What cannot be a username is not sent to the database (PostgreSQL refuses U+0000), but the query is still made: it takes as long.
        var name = Username.Parse(UserRules.Normalize(username?.Trim())).TryGet(out var parsed, out _) ? parsed : "";
        var user = await database.Users.AsNoTracking().Where(u => u.NormalizedUserName == name)
            .Select(u => new { u.Id, u.OrganizationId, u.PasswordHash, Barred = u.Disabled || u.Kind != UserKind.Person || u.Organization!.Suspended })
            .FirstOrDefaultAsync(cancellation);

        // No password that we would have accepted is longer: such a one is wrong without being hashed, at the price of any other.
        var plausible = password is { Length: > 0 and <= PasswordRules.MaximumLength * 4 };

        await tries.SlowDownAsync(context, user?.Id, cancellation);
        // The turn comes before the try: who is turned away has not used one up.
        if (!(await gate.EnterAsync(cancellation)).TryGet(out var turn, out var busy))
            return busy;
        SignInTry taken;
        string? rehashed = null;
        bool matches;
        using (turn)
        {
            taken = await tries.TakePasswordAsync(context, user?.Id, name, cancellation);
            var testable = user is { Barred: false } && plausible && taken.Granted;
            var result = await turn.VerifyAsync(testable ? user!.PasswordHash : null, plausible ? password! : "-");
            matches = result != PasswordVerificationResult.Failed;
            if (result == PasswordVerificationResult.SuccessRehashNeeded)
                rehashed = await turn.HashAsync(password!);
        }

        meter.Checked(ServerMeter.Credential.Password, matches && user is not null);
        if (!matches || user is null)
        {
            var about = user is null ? null : new AuditActor(user.Id, user.OrganizationId, null);
            audit.Add(AuditTypes.SignInFailed, about, user?.Id, detail: user is not null && !taken.Granted ? NotTried : null, succeeded: false);
            if (await tries.NoteWrongPasswordAsync(context, taken, cancellation) && user is not null)
            {
                audit.Add(AuditTypes.LockedOut, about, user.Id, detail: taken.Device is null ? "strangers" : "a known device", succeeded: false);
                if (taken.Device is not null)
                {
                    DateTimeOffset? until = clock.GetUtcNow() + LockedFor;
                    await database.Users.Where(u => u.Id == user.Id).ExecuteUpdateAsync(set => set.SetProperty(u => u.LockoutEnd, until), cancellation);
                }
            }

            await database.SaveChangesAsync(cancellation);
            return Refused;
        }

        await using var transaction = await database.Database.BeginTransactionAsync(cancellation);
        // Only if it is still the password that was checked.
        var verified = user.PasswordHash;
        var current = rehashed ?? verified;
        var kept = await database.Users.Where(u => u.Id == user.Id && u.PasswordHash == verified).ExecuteUpdateAsync(set => set
            .SetProperty(u => u.PasswordHash, current), cancellation);
        if (kept == 0)
            return Refused;
        var start = await sessions.StartAsync(context, user.Id, user.OrganizationId, "pwd", cancellation);
        if (start.Session is { } session)
            audit.Add(AuditTypes.SignedIn, new AuditActor(user.Id, user.OrganizationId, session.Id), user.Id, detail: session.AuthenticationMethods);
        await database.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        await tries.SucceedAsync(taken, cancellation);
        return start;
    }
}
