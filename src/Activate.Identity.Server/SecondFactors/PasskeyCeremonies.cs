using System.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>What the browser is asked for (SecondFactors/PasskeyForm.cshtml).</summary>
/// <param name="Options">For navigator.credentials, as JSON.</param>
/// <param name="Ticket">The hidden field: what the server has to know of its challenge.</param>
public sealed record PasskeyChallenge(string Options, string Ticket);

/// <summary>A passkey that was shown and found right; nothing is changed yet.</summary>
public sealed record ShownPasskey(Guid UserId, byte[] CredentialId, uint SignCount, bool IsBackedUp, Guid Challenge);

/// <summary>
/// WebAuthn: ASP.NET Core Identity makes the options and checks what comes back, here is what surrounds it. The challenge is sealed into the form, so that asking for one (the
/// sign-in page does for everybody) writes nothing; it counts once, because whatever uses it notes its id in the same transaction.
/// </summary>
public sealed class PasskeyCeremonies(
    IPasskeyHandler<User> handler, UserManager<User> users, ActivateDbContext database, IDataProtectionProvider protection, TimeProvider clock)
{
    public const string Word = "passkey";

    /// <summary>For one account: more than anybody has devices.</summary>
    public const int Most = 20;

    private const int LongestAnswer = 32 * 1024;
    private const int LongestTicket = 4000;

    /// <summary>As long as a sign-in page may stand open before a passkey is chosen there.</summary>
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(30);

    public static readonly Problem Refused = new(ProblemKind.Invalid, "passkey_refused",
        "This passkey was not accepted: it belongs to no account here, or the page was open for too long. Try again, or sign in another way.");

    private static readonly Problem s_notMade = new(ProblemKind.Invalid, "passkey_not_made", "No passkey was added: the browser's answer could not be used, or the page was open for too long. Try again.");

    private static readonly Problem s_tooMany = new(ProblemKind.Conflict, "too_many_passkeys", $"You have {Most} passkeys, the most there may be. Delete one that you no longer use.");

    /// <summary>To sign in with any passkey of this server; the browser knows whose they are.</summary>
    public async Task<PasskeyChallenge> ForAnybodyAsync(HttpContext context)
    {
        var made = await handler.MakeRequestOptionsAsync(null, context);
        return new PasskeyChallenge(made.RequestOptionsJson, Seal("sign-in", Guid.Empty, made.AssertionState));
    }

    /// <summary>For the second step of somebody.</summary>
    public async Task<PasskeyChallenge> ForAsync(HttpContext context, Guid userId)
    {
        var made = await handler.MakeRequestOptionsAsync(await users.FindByIdAsync(userId.ToString()), context);
        return new PasskeyChallenge(made.RequestOptionsJson, Seal("second step", userId, made.AssertionState));
    }

    /// <summary>To make a new one.</summary>
    public async Task<PasskeyChallenge> ForNewAsync(HttpContext context, Guid userId, string username, string? displayName)
    {
        var made = await handler.MakeCreationOptionsAsync(new PasskeyUserEntity { Id = userId.ToString(), Name = username, DisplayName = displayName ?? username }, context);
        return new PasskeyChallenge(made.CreationOptionsJson, Seal("new", userId, made.AttestationState));
    }

    /// <summary>Checks a passkey that was shown.</summary>
    /// <param name="context">The request.</param>
    /// <param name="ticket">Of the challenge.</param>
    /// <param name="credential">What the browser answered, as JSON.</param>
    /// <param name="userId">Whose it must be; null: it says itself.</param>
    public async Task<Result<ShownPasskey>> CheckAsync(HttpContext context, string? ticket, string? credential, Guid? userId)
    {
        if (Open(userId is null ? "sign-in" : "second step", userId ?? Guid.Empty, ticket) is not var (challenge, state) || credential is not { Length: > 0 and <= LongestAnswer })
            return Refused;
        var result = await handler.PerformAssertionAsync(new PasskeyAssertionContext { HttpContext = context, CredentialJson = credential, AssertionState = state });
        // A key without its owner's finger, face or PIN is one factor.
        if (!result.Succeeded || !result.Passkey.IsUserVerified || (userId is { } expected && result.User.Id != expected))
            return Refused;
        return new ShownPasskey(result.User.Id, result.Passkey.CredentialId, result.Passkey.SignCount, result.Passkey.IsBackedUp, challenge);
    }

    /// <summary>Uses the challenge up, in the caller's transaction, and notes the passkey's new counter. False: it was used before, or the passkey is gone. The caller saves.</summary>
    public async Task<bool> TakeAsync(ShownPasskey shown, CancellationToken cancellationToken)
    {
        // One after another: of two answers to one challenge the second sees that it is spent.
        await database.TakeTurnAsync(shown.UserId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, shown.Challenge, clock.Now(), cancellationToken) is not null
            || await database.UserPasskeys.SingleOrDefaultAsync(passkey => passkey.CredentialId == shown.CredentialId && passkey.UserId == shown.UserId, cancellationToken) is not { } row)
            return false;
        (row.Data.SignCount, row.Data.IsBackedUp, row.Data.IsUserVerified) = (shown.SignCount, shown.IsBackedUp, true);
        return true;
    }

    /// <summary>Checks a new passkey.</summary>
    /// <param name="context">The request.</param>
    /// <param name="ticket">Of the challenge.</param>
    /// <param name="credential">What the browser answered, as JSON.</param>
    /// <param name="name">What its owner calls it.</param>
    /// <param name="userId">Whose it becomes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<NewFactor>> ProveAsync(HttpContext context, string? ticket, string? credential, string? name, Guid userId, CancellationToken cancellationToken)
    {
        if (!CredentialName.Parse(name).TryGet(out var called, out var problem))
            return problem;
        if (Open("new", userId, ticket) is not var (_, state) || credential is not { Length: > 0 and <= LongestAnswer })
            return s_notMade;
        if (await database.UserPasskeys.CountAsync(passkey => passkey.UserId == userId, cancellationToken) >= Most)
            return s_tooMany;
        var result = await handler.PerformAttestationAsync(new PasskeyAttestationContext { HttpContext = context, CredentialJson = credential, AttestationState = state });
        if (!result.Succeeded || !result.Passkey.IsUserVerified || result.UserEntity.Id != userId.ToString())
            return s_notMade;
        var made = result.Passkey;
        return new NewFactor(Word, called, AuthenticationMethods.WithPasskey, new IdentityUserPasskey<Guid>
        {
            UserId = userId,
            CredentialId = made.CredentialId,
            Data = new IdentityPasskeyData
            {
                PublicKey = made.PublicKey,
                Name = called,
                CreatedAt = clock.GetUtcNow(),
                SignCount = made.SignCount,
                Transports = made.Transports,
                IsUserVerified = made.IsUserVerified,
                IsBackupEligible = made.IsBackupEligible,
                IsBackedUp = made.IsBackedUp,
                AttestationObject = made.AttestationObject,
                ClientDataJson = made.ClientDataJson,
            },
        });
    }

    // For a purpose and a user each: what was asked of one page or person answers no other.
    private IDataProtector Protector(string purpose, Guid userId) => protection.CreateProtector("passkeys", purpose, userId.ToString());

    private string Seal(string purpose, Guid userId, string? state)
    {
        var now = clock.GetUtcNow();
        return Protector(purpose, userId).Seal([.. Guid.CreateVersion7(now).ToByteArray(), .. BitConverter.GetBytes(now.Add(s_lifetime).ToUnixTimeSeconds()), .. Encoding.UTF8.GetBytes(state ?? "")]);
    }

    private (Guid Challenge, string State)? Open(string purpose, Guid userId, string? ticket) =>
        Protector(purpose, userId).Open(ticket, LongestTicket) is { Length: > 24 } content && BitConverter.ToInt64(content, 16) > clock.GetUtcNow().ToUnixTimeSeconds()
            ? (new Guid(content.AsSpan(0, 16)), Encoding.UTF8.GetString(content, 24, content.Length - 24))
            : null;
}
