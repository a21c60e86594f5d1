using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// How often a password or a code may be wrong. A browser in which the account has signed in before has tries of its own; everybody else shares what strangers have, so that
/// none of them keeps the owner out (case W12). Tries are taken before the secret is looked at, each by one conditional UPDATE: parallel ones, on all nodes, count exactly (W11, R12).
/// <code>
/// what        who                                   wrong tries         then
/// password    a known device                        10 in 10 minutes    refused, and sessions of the account make nothing meanwhile
/// password    strangers of one network              10 in 10 minutes    refused
/// password    all strangers together                30 in an hour       refused
/// password    one network, whichever accounts       100 in 10 minutes   each waits two seconds
/// code        a known device; strangers together    5 in 10 minutes     refused
/// code        a known device; strangers together    20 in a day         refused
/// </code>
/// </summary>
public sealed class SignInTries(Throttles throttles, KnownDevices devices, TimeProvider clock)
{
    public const int OfDevice = 10;
    public const int OfNetwork = 10;
    public const int OfStrangers = 30;
    public const int Codes = 5;

    /// <summary>Six digits, three steps that count: 20 guesses a day hit with a chance of 1 in 16,000.</summary>
    public const int CodesOfDay = 20;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);
    public static readonly TimeSpan StrangersWindow = TimeSpan.FromHours(1);

    /// <summary>Wrong passwords of one network after which it is slowed down. Never refused: a university may be behind one address.</summary>
    private const int SlowAfter = 100;

    /// <summary>Names that nobody has share so many counts: asking for them costs what asking for known ones does, and fills no table.</summary>
    private const int CountsOfNobody = 1024;

    private static readonly TimeSpan s_slowness = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1);

    /// <summary>Lets a stranger wait whose network got very many passwords wrong.</summary>
    public async Task SlowDownAsync(HttpContext context, Guid? userId, CancellationToken cancellation)
    {
        if ((userId is not { } known || devices.Of(context, known) is null) && await throttles.CountAsync(From(context.RemoteNetwork()), cancellation) >= SlowAfter)
            await Task.Delay(s_slowness, clock, cancellation);
    }

    /// <summary>A try at a password.</summary>
    /// <param name="context">The request: address and cookie.</param>
    /// <param name="userId">Null: nobody has the name.</param>
    /// <param name="name">The name that was typed.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task<SignInTry> TakePasswordAsync(HttpContext context, Guid? userId, string name, CancellationToken cancellation)
    {
        if (userId is { } known && devices.Of(context, known) is { } device)
            return await TakeAsync(device, [new($"password:{device:N}", OfDevice, Window)], cancellation);
        var account = userId is { } id ? $"{id:N}" : $"nobody-{BinaryPrimitives.ReadUInt16LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(name))) % CountsOfNobody}";
        var network = context.RemoteNetwork();
        return await TakeAsync(null, [new($"password:{account}:{network}", OfNetwork, Window), new($"password:{account}", OfStrangers, StrangersWindow)], cancellation);
    }

    /// <summary>A try at a code, by somebody whose password was right. It costs no password try, and none of the owner's on a device of theirs.</summary>
    public Task<SignInTry> TakeCodeAsync(HttpContext context, Guid userId, CancellationToken cancellation)
    {
        var device = devices.Of(context, userId);
        var who = $"{device ?? userId:N}";
        return TakeAsync(device, [new($"code:{who}", Codes, Window), new($"code-day:{who}", CodesOfDay, s_day)], cancellation);
    }

    /// <summary>
    /// The secret was right: whoever has it need not guess, so the count of this device or network begins afresh. That of all strangers only loses this one try.
    /// </summary>
    public async Task SucceedAsync(SignInTry taken, CancellationToken cancellation)
    {
        await throttles.ForgetAsync(taken.Counts[0].Key, cancellation);
        await GiveBackAsync(taken.Counts.Skip(1), cancellation);
    }

    /// <summary>The password was wrong: it counts for its network, whichever account it was for.</summary>
    /// <returns>True, once in a window: there are no more tries.</returns>
    public async Task<bool> NoteWrongPasswordAsync(HttpContext context, SignInTry taken, CancellationToken cancellation)
    {
        if (taken.Device is null)
            await throttles.TryTakeAsync(From(context.RemoteNetwork()), int.MaxValue, Window, cancellation);
        foreach (var count in taken.Counts)
        {
            if (await throttles.CountAsync(count.Key, cancellation) >= count.Limit)
                return await throttles.TryTakeAsync($"{count.Key}:full", 1, count.Window, cancellation);
        }

        return false;
    }

    private async Task GiveBackAsync(IEnumerable<SignInCount> counts, CancellationToken cancellation)
    {
        foreach (var count in counts)
            await throttles.GiveBackAsync(count.Key, cancellation);
    }

    private static string From(string network) => $"password-from:{network}";

    private async Task<SignInTry> TakeAsync(Guid? device, SignInCount[] counts, CancellationToken cancellation)
    {
        for (var i = 0; i < counts.Length; i++)
        {
            if (await throttles.TryTakeAsync(counts[i].Key, counts[i].Limit, counts[i].Window, cancellation))
                continue;
            // What is refused was not looked at, and is no try of the narrower count.
            await GiveBackAsync(counts[..i], cancellation);
            return new SignInTry(false, device, []);
        }

        return new SignInTry(true, device, counts);
    }
}

/// <summary>A try that was taken, or refused.</summary>
/// <param name="Granted">The secret may be looked at.</param>
/// <param name="Device">The known device that it came from; null: a stranger's.</param>
/// <param name="Counts">Where it counts.</param>
public sealed record SignInTry(bool Granted, Guid? Device, IReadOnlyList<SignInCount> Counts);

/// <summary>A count of wrong tries.</summary>
/// <param name="Key">Of its row.</param>
/// <param name="Limit">Tries in a window.</param>
/// <param name="Window">How long.</param>
public sealed record SignInCount(string Key, int Limit, TimeSpan Window);
