using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Somebody between the two steps.</summary>
/// <param name="UserId">Whose password was right.</param>
/// <param name="OrganizationId">Their organization.</param>
/// <param name="Username">Their username.</param>
/// <param name="Methods">What was shown already.</param>
/// <param name="HasTotp">Has an authenticator app.</param>
/// <param name="HasPasskey">Has a passkey.</param>
public sealed record Halfway(Guid UserId, Guid OrganizationId, string Username, string Methods, bool HasTotp, bool HasPasskey)
{
    /// <summary>False: the policy asks for a second factor, and it is set up now.</summary>
    public bool HasSecondFactor => HasTotp || HasPasskey;
}

/// <summary>
/// Sign-ins whose second step is still to come (case D17): rows of their own, so that nothing takes them for a session. The cookie holds a random handle, of which the SHA-256 is
/// stored; the row is taken by one conditional DELETE.
/// </summary>
public sealed class PendingSignIns(ActivateDbContext database, PublicOrigin origin, TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    public static readonly Problem Over = new(ProblemKind.Refused, "second_step_over", "This sign-in waited for more than ten minutes, or was finished elsewhere. Sign in again.");

    private readonly LinkCookie _cookie = new("second-step", origin);

    /// <summary>Adds the row in place of the one this browser had, and sets the cookie. The caller saves.</summary>
    public async Task AddAsync(HttpContext context, Guid userId, string methods, CancellationToken cancellationToken)
    {
        await ForgetAsync(context, cancellationToken);
        var handle = LinkCode.Generate();
        database.PendingSignIns.Add(new PendingSignIn
        {
            HandleHash = LinkCode.Hash(handle),
            UserId = userId,
            PasswordMark = Mark(await PasswordHashAsync(userId, cancellationToken)),
            Methods = methods,
            ExpiresAt = clock.GetUtcNow().UtcDateTime + Lifetime,
        });
        _cookie.Keep(context, handle);
    }

    /// <summary>Who is between the steps in this browser; null: nobody.</summary>
    public async Task<Halfway?> FindAsync(HttpContext context, CancellationToken cancellationToken) => Open(context) is { } rows
        ? await rows.Select(row => new Halfway(row.UserId, row.User!.OrganizationId, row.User.UserName!, row.Methods,
            database.TotpKeys.Any(key => key.UserId == row.UserId), database.UserPasskeys.Any(passkey => passkey.UserId == row.UserId))).SingleOrDefaultAsync(cancellationToken)
        : null;

    /// <summary>Uses the row up, in the caller's transaction: of many answers to one sign-in one gets a session. False: it is over, or the password is another one by now.</summary>
    public async Task<bool> TakeAsync(HttpContext context, Halfway halfway, CancellationToken cancellationToken)
    {
        if (Open(context) is not { } rows || await rows.Where(row => row.UserId == halfway.UserId).Select(row => row.PasswordMark).SingleOrDefaultAsync(cancellationToken) is not { } mark
            || await rows.ExecuteDeleteAsync(cancellationToken) != 1)
            return false;
        // Whoever changes the password at this moment comes before this, and is seen, or after it, and ends the session.
        var password = await PasswordHashAsync(halfway.UserId, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(mark, Mark(password))
            && await database.Users.Where(user => user.Id == halfway.UserId && user.PasswordHash == password)
                .ExecuteUpdateAsync(set => set.SetProperty(user => user.PasswordHash, password), cancellationToken) == 1;
    }

    /// <summary>The browser needs its handle no more.</summary>
    public void ForgetHandle(HttpContext context) => _cookie.Forget(context);

    /// <summary>Ends the pending sign-in of this browser.</summary>
    public async Task ForgetAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (_cookie.Read(context) is not { } handle || !LinkCode.HasForm(handle))
            return;
        var hash = LinkCode.Hash(handle);
        await database.PendingSignIns.Where(row => row.HandleHash == hash).ExecuteDeleteAsync(cancellationToken);
        _cookie.Forget(context);
    }

    private static byte[] Mark(string? passwordHash) => SHA256.HashData(Encoding.UTF8.GetBytes(passwordHash ?? ""));

    private Task<string?> PasswordHashAsync(Guid userId, CancellationToken cancellationToken) =>
        database.Users.Where(user => user.Id == userId).Select(user => user.PasswordHash).SingleOrDefaultAsync(cancellationToken);

    private IQueryable<PendingSignIn>? Open(HttpContext context)
    {
        if (_cookie.Read(context) is not { } handle || !LinkCode.HasForm(handle))
            return null;
        var (hash, now) = (LinkCode.Hash(handle), clock.GetUtcNow().UtcDateTime);
        return database.PendingSignIns.Where(row => row.HandleHash == hash && row.ExpiresAt > now
            && !row.User!.Disabled && row.User.Kind == UserKind.Person && !row.User.Organization!.Suspended);
    }
}
