using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SecondFactors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>What somebody has besides a password.</summary>
/// <param name="AppSince">Since when there is an authenticator app; null: there is none.</param>
/// <param name="Passkeys">Newest first.</param>
/// <param name="RecoveryCodes">How many are left.</param>
/// <param name="Required">The policy asks everybody for a second factor.</param>
public sealed record FactorsOfUser(DateTime? AppSince, IReadOnlyList<PasskeyShown> Passkeys, int RecoveryCodes, bool Required)
{
    public int Count => (AppSince is null ? 0 : 1) + Passkeys.Count;

    /// <summary>The one that is left, which the policy keeps.</summary>
    public bool LastIsKept => Required && Count == 1;
}

/// <summary>A passkey in a list.</summary>
/// <param name="Id">Of its credential, for addresses: the first bytes of its SHA-256 as a UUID.</param>
/// <param name="Synced">Its owner's devices share it.</param>
public sealed record PasskeyShown(Guid Id, string Name, DateTime CreatedAt, bool Synced);

/// <summary>Adds and removes second factors. The first that is added brings recovery codes, and signs the account's other browsers out.</summary>
public sealed class SecondFactorRegistry(
    ActivateDbContext database, PendingSignIns pending, BrowserSessionIssuer sessions, RecoveryCodeIssuer recovery, SignInTries tries, TotpAuthenticator totp, PasskeyCeremonies passkeys,
    PolicyReader policies, MailOutbox outbox, Letters letters, AuditTrail audit)
{
    public static readonly Problem WrongCode = Problems.Invalid("code", "code_wrong", "This code is not right, or was used before. Each works once: wait for the next one that your app shows.");

    public static readonly Problem TooManyCodes = new(ProblemKind.TooMany, "too_many_codes",
        $"There were {SignInTries.Codes} wrong codes. Wait ten minutes, or use a passkey.") { RetryAfter = SignInTries.Window };

    private static readonly Problem s_there = new(ProblemKind.Conflict, "factor_there", "This is set up already. Nothing was changed.");

    private static readonly Problem s_required = new(ProblemKind.Refused, "second_factor_required",
        "Your organization asks everybody for a second factor, and this is your last. Add another one first, then remove this.");

    public async Task<FactorsOfUser> ReadAsync(SignedIn person, CancellationToken cancellationToken)
    {
        var app = await database.TotpKeys.Where(key => key.UserId == person.UserId).Select(key => (DateTime?)key.CreatedAt).SingleOrDefaultAsync(cancellationToken);
        var rows = await database.UserPasskeys.AsNoTracking().Where(passkey => passkey.UserId == person.UserId).ToListAsync(cancellationToken);
        var codes = await database.RecoveryCodes.CountAsync(code => code.UserId == person.UserId, cancellationToken);
        var required = (await policies.ReadAsync(person.OrganizationId, cancellationToken)).Effective.RequireTwoFactor;
        return new FactorsOfUser(app, [.. rows.OrderByDescending(row => row.Data.CreatedAt)
            .Select(row => new PasskeyShown(IdOf(row.CredentialId), row.Data.Name ?? "", row.Data.CreatedAt.UtcDateTime, row.Data.IsBackupEligible))], codes, required);
    }

    /// <summary>The second step by a code, of the app or on paper. Either it takes both the pending sign-in and the code and starts a session, or it changes nothing.</summary>
    public async Task<Problem?> FinishAsync(HttpContext context, Halfway halfway, string? typed, CancellationToken cancellationToken)
    {
        var taken = await tries.TakeCodeAsync(context, halfway.UserId, cancellationToken);
        if (!taken.Granted)
            return TooManyCodes;
        await using (var transaction = await database.Database.BeginTransactionAsync(cancellationToken))
        {
            if (!await pending.TakeAsync(context, halfway, cancellationToken))
                return PendingSignIns.Over;
            var methods = Totp.TryParse(typed, out var code) && await totp.TakeAsync(halfway.UserId, code, cancellationToken)
                ? AuthenticationMethods.WithTotp(halfway.Methods)
                : RecoveryCodes.TryParse(typed, out var paper) && await recovery.TakeAsync(halfway.UserId, paper, cancellationToken)
                    ? AuthenticationMethods.WithRecoveryCode(halfway.Methods)
                    : null;
            if (methods is not null)
            {
                await StartAsync(context, halfway, methods, cancellationToken);
                if (methods == AuthenticationMethods.WithRecoveryCode(halfway.Methods))
                {
                    audit.Add(AuditTypes.RecoveryCodeUsed, Actor(halfway), halfway.UserId);
                    var left = await database.RecoveryCodes.CountAsync(code => code.UserId == halfway.UserId, cancellationToken);
                    await outbox.NotifyAsync(halfway.UserId, letters.RecoveryCodeUsed(left), cancellationToken);
                }

                await database.SaveChangesAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
                await tries.SucceedAsync(taken, cancellationToken);
                return null;
            }
        }

        audit.Add(AuditTypes.SecondFactorFailed, Actor(halfway), halfway.UserId, succeeded: false);
        await database.SaveChangesAsync(cancellationToken);
        return WrongCode;
    }

    /// <summary>The second step by a passkey.</summary>
    public async Task<Problem?> FinishAsync(HttpContext context, Halfway halfway, string? ticket, string? credential, CancellationToken cancellationToken)
    {
        if (!(await passkeys.CheckAsync(context, ticket, credential, halfway.UserId)).TryGet(out var shown, out var problem))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!await pending.TakeAsync(context, halfway, cancellationToken))
            return PendingSignIns.Over;
        if (!await passkeys.TakeAsync(shown, cancellationToken))
            return PasskeyCeremonies.Refused;
        await StartAsync(context, halfway, AuthenticationMethods.WithPasskey(halfway.Methods), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>Signs in with a passkey alone, which is two factors: the device, and whatever unlocks it.</summary>
    public async Task<Result<SignInStart>> SignInAsync(HttpContext context, string? ticket, string? credential, CancellationToken cancellationToken)
    {
        if (!(await passkeys.CheckAsync(context, ticket, credential, userId: null)).TryGet(out var shown, out var problem))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!await passkeys.TakeAsync(shown, cancellationToken)
            || await database.Users.AsNoTracking().Where(user => user.Id == shown.UserId && !user.Disabled && user.Kind == UserKind.Person && !user.Organization!.Suspended)
                .Select(user => new { user.OrganizationId }).SingleOrDefaultAsync(cancellationToken) is not { } person)
            return PasskeyCeremonies.Refused;
        var start = await sessions.StartAsync(context, shown.UserId, person.OrganizationId, AuthenticationMethods.Passkey, cancellationToken);
        if (start.Session is { } session)
            audit.Add(AuditTypes.SignedIn, new AuditActor(shown.UserId, person.OrganizationId, session.Id), shown.UserId, detail: AuthenticationMethods.Passkey);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return start;
    }

    /// <summary>Adds a factor to the account of somebody who is signed in. With the first one their session goes on under a new key, and counts as two factors.</summary>
    public async Task<Result<FactorAdded>> AddAsync(HttpContext context, SignedIn person, NewFactor factor, CancellationToken cancellationToken)
    {
        if (person.LockedOut)
            return SignedIn.AccountLocked;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!(await StoreAsync(person.UserId, person.ToActor(), factor, cancellationToken)).TryGet(out var added, out var problem))
            return problem;
        if (added.RecoveryCodes is not null)
        {
            await database.BrowserSessions.Where(session => session.UserId == person.UserId && session.Id != person.SessionId).ExecuteDeleteAsync(cancellationToken);
            await sessions.StartAsync(context, person.UserId, person.OrganizationId, factor.Methods(person.AuthenticationMethods), cancellationToken);
        }

        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return added;
    }

    /// <summary>Adds the first factor of somebody whose policy asks for one, between the two steps of their sign-in, which it completes.</summary>
    public async Task<Result<FactorAdded>> AddAsync(HttpContext context, Halfway halfway, NewFactor factor, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (!await pending.TakeAsync(context, halfway, cancellationToken))
            return PendingSignIns.Over;
        if (!(await StoreAsync(halfway.UserId, Actor(halfway), factor, cancellationToken)).TryGet(out var added, out var problem))
            return problem;
        // Whoever has one already must show it: the password alone adds none.
        if (added.RecoveryCodes is null)
            return s_there;
        await database.BrowserSessions.Where(session => session.UserId == halfway.UserId).ExecuteDeleteAsync(cancellationToken);
        await StartAsync(context, halfway, factor.Methods(halfway.Methods), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return added;
    }

    /// <summary>New recovery codes in place of those there are.</summary>
    public async Task<Result<FactorAdded>> RenewCodesAsync(SignedIn person, Guid form, DateTime now, CancellationToken cancellationToken)
    {
        if (person.LockedOut)
            return SignedIn.AccountLocked;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(person.UserId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        if (!await database.WithSecondFactor().AnyAsync(user => user.Id == person.UserId, cancellationToken))
            return Problems.NotFound;
        var codes = await recovery.ReplaceAsync(person.UserId, cancellationToken);
        audit.Add(AuditTypes.RecoveryCodesMade, person.ToActor(), person.UserId);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new FactorAdded(codes);
    }

    /// <summary>Removes a passkey, or the authenticator app.</summary>
    /// <param name="person">Whose.</param>
    /// <param name="passkey">Null: the app.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Problem?> RemoveAsync(SignedIn person, Guid? passkey, CancellationToken cancellationToken)
    {
        if (person.LockedOut)
            return SignedIn.AccountLocked;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(person.UserId, cancellationToken);
        var factors = await ReadAsync(person, cancellationToken);
        var name = factors.Passkeys.FirstOrDefault(row => row.Id == passkey)?.Name;
        if (passkey is null ? factors.AppSince is null : name is null)
            return Problems.NotFound;
        if (factors.LastIsKept)
            return s_required;
        if (passkey is null)
            await database.TotpKeys.Where(key => key.UserId == person.UserId).ExecuteDeleteAsync(cancellationToken);
        else
            database.UserPasskeys.Remove((await FindAsync(person.UserId, passkey.Value, cancellationToken))!);
        var word = passkey is null ? TotpAuthenticator.Word : PasskeyCeremonies.Word;
        audit.Add(AuditTypes.SecondFactorRemoved, person.ToActor(), person.UserId, detail: word, name: name);
        await outbox.NotifyAsync(person.UserId, letters.SecondFactorRemoved(word, name), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        if (!await database.WithSecondFactor().AnyAsync(user => user.Id == person.UserId, cancellationToken))
            await database.RecoveryCodes.Where(code => code.UserId == person.UserId).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    public async Task<Problem?> RenameAsync(SignedIn person, Guid passkey, string? name, CancellationToken cancellationToken)
    {
        if (!CredentialName.Parse(name).TryGet(out var called, out var problem))
            return problem;
        if (await FindAsync(person.UserId, passkey, cancellationToken) is not { } row)
            return Problems.NotFound;
        row.Data.Name = called;
        audit.Add(AuditTypes.PasskeyRenamed, person.ToActor(), person.UserId, name: called);
        await database.SaveChangesAsync(cancellationToken);
        return null;
    }

    /// <summary>Ids of passkeys are long and known to nobody else: addresses have a short one that tells nothing of them.</summary>
    private static Guid IdOf(byte[] credentialId) => new(System.Security.Cryptography.SHA256.HashData(credentialId).AsSpan(0, 16));

    private static AuditActor Actor(Halfway halfway) => new(halfway.UserId, halfway.OrganizationId, null);

    private async Task<Microsoft.AspNetCore.Identity.IdentityUserPasskey<Guid>?> FindAsync(Guid userId, Guid passkey, CancellationToken cancellationToken) =>
        (await database.UserPasskeys.Where(row => row.UserId == userId).ToListAsync(cancellationToken)).Find(row => IdOf(row.CredentialId) == passkey);

    private async Task StartAsync(HttpContext context, Halfway halfway, string methods, CancellationToken cancellationToken)
    {
        pending.ForgetHandle(context);
        var start = await sessions.StartAsync(context, halfway.UserId, halfway.OrganizationId, methods, cancellationToken);
        // Null: paused between the two steps. Then nobody is signed in, and the first page says what to do.
        if (start.Session is { } session)
            audit.Add(AuditTypes.SignedIn, Actor(halfway) with { CredentialId = session.Id }, halfway.UserId, detail: methods);
    }

    private async Task<Result<FactorAdded>> StoreAsync(Guid userId, AuditActor actor, NewFactor factor, CancellationToken cancellationToken)
    {
        await database.TakeTurnAsync(userId, cancellationToken);
        var first = !await database.WithSecondFactor().AnyAsync(user => user.Id == userId, cancellationToken);
        database.Add(factor.Row);
        audit.Add(AuditTypes.SecondFactorAdded, actor, userId, detail: factor.Word, name: factor.Name);
        await outbox.NotifyAsync(userId, letters.SecondFactorAdded(factor.Word, factor.Name), cancellationToken);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            // The transaction is the caller's, and goes with what it did.
            database.ChangeTracker.Clear();
            return s_there;
        }

        return new FactorAdded(first ? await recovery.ReplaceAsync(userId, cancellationToken) : null);
    }
}
