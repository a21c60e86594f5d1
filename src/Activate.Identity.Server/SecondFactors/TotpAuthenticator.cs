using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SecondFactors;
using Activate.Identity.Data;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>
/// A key that an authenticator app is to take over (SecondFactors/TotpSetup.cshtml). It is stored only once a code of it came back; until then it travels in the form, sealed by
/// the ring for this user and half an hour.
/// </summary>
/// <param name="Key">For typing, in groups of four.</param>
/// <param name="Address">For the telephone that shows this page itself: opens the app.</param>
/// <param name="Code">The address, to be scanned.</param>
/// <param name="Ticket">The hidden field.</param>
public sealed record TotpSetup(string Key, string Address, QrCode Code, string Ticket)
{
    /// <summary>Holds the key: not to be printed.</summary>
    public override string ToString() => "set-up of an authenticator app";
}

/// <summary>Keys of authenticator apps, kept under the ring, and their codes, each of which works once.</summary>
public sealed class TotpAuthenticator(ActivateDbContext database, IDataProtectionProvider protection, TimeProvider clock)
{
    private const int LongestTicket = 1000;
    private static readonly TimeSpan s_setUpWithin = TimeSpan.FromMinutes(30);

    public const string Word = "authenticator app";

    public static readonly Problem WrongCode = Problems.Invalid("code", "code_wrong",
        "This code is not right. Take the one that your app shows now, and check that the clock of your device is right.");

    private static readonly Problem s_ticketRefused = Problems.Invalid("code", "set_up_too_old", "This page was open for too long. Scan the code below, which is a new one.");

    /// <summary>A new key for somebody's app, not stored yet.</summary>
    public TotpSetup NewSetup(Guid userId, string username) => Show(Totp.GenerateKey(), userId, username);

    /// <summary>The key of a form that was sent, to be shown again; a new one when that is too old.</summary>
    public TotpSetup SameSetup(string? ticket, Guid userId, string username) => Show(Read(ticket, userId) ?? Totp.GenerateKey(), userId, username);

    /// <summary>The app has the key: it made the right code.</summary>
    public Result<NewFactor> Prove(string? ticket, string? typed, Guid userId)
    {
        if (Read(ticket, userId) is not { } key)
            return s_ticketRefused;
        var now = clock.Now();
        if (!Totp.TryParse(typed, out var code) || Totp.Match(key, code, now) is not { } step)
            return WrongCode;
        // The code that proved it is used up as well.
        return new NewFactor(Word, null, AuthenticationMethods.WithTotp, new TotpKey { UserId = userId, Protected = KeyProtector(userId).Protect(key), LastStep = step, CreatedAt = now });
    }

    /// <summary>Uses a code up, in the caller's transaction. False: it is wrong, or was used before.</summary>
    public async Task<bool> TakeAsync(Guid userId, string code, CancellationToken cancellationToken)
    {
        var stored = await database.TotpKeys.AsNoTracking().Where(key => key.UserId == userId).Select(key => key.Protected).SingleOrDefaultAsync(cancellationToken);
        if (stored is null || Totp.Match(KeyProtector(userId).Unprotect(stored), code, clock.Now()) is not { } step)
            return false;
        return await database.TotpKeys.Where(key => key.UserId == userId && key.LastStep < step)
            .ExecuteUpdateAsync(set => set.SetProperty(key => key.LastStep, step), cancellationToken) == 1;
    }

    private TotpSetup Show(byte[] key, Guid userId, string username)
    {
        var address = Totp.Uri(key, "ACTIVATE", username);
        var content = new byte[Totp.KeyLength + 8];
        key.CopyTo(content, 0);
        BitConverter.TryWriteBytes(content.AsSpan(Totp.KeyLength), clock.GetUtcNow().Add(s_setUpWithin).ToUnixTimeSeconds());
        return new TotpSetup(string.Join(' ', Totp.Text(key).Chunk(4).Select(part => new string(part))), address,
            QrCode.Of(address, "QR code of the key below"), TicketProtector(userId).Seal(content));
    }

    private byte[]? Read(string? ticket, Guid userId) =>
        TicketProtector(userId).Open(ticket, LongestTicket) is { Length: Totp.KeyLength + 8 } content && BitConverter.ToInt64(content, Totp.KeyLength) > clock.GetUtcNow().ToUnixTimeSeconds()
            ? content[..Totp.KeyLength]
            : null;

    // A purpose for each user: a row, or a form, that is moved to another account opens nothing there.
    private IDataProtector KeyProtector(Guid userId) => protection.CreateProtector("keys of authenticator apps", userId.ToString());

    private IDataProtector TicketProtector(Guid userId) => protection.CreateProtector("set-ups of authenticator apps", userId.ToString());
}
