using System.Security.Cryptography;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.DataProtection;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// The browsers in which somebody has signed in before, told by a cookie that the ring signs and encrypts and that names up to <see cref="Most"/> accounts. It opens nothing:
/// it only keeps a stranger's wrong passwords from counting against the owner (case W12). Whoever copies it gets the few tries of that one device.
/// </summary>
public sealed class KnownDevices(IDataProtectionProvider protection, PublicOrigin origin)
{
    private const int Most = 4;

    /// <summary>Account and device.</summary>
    private const int EntryLength = 32;

    private const int LongestCookie = 1000;

    /// <summary>As long as browsers keep any cookie.</summary>
    private static readonly TimeSpan s_lifetime = TimeSpan.FromDays(400);

    private readonly IDataProtector _protector = protection.CreateProtector("known devices");
    private readonly string _name = origin.IsHttps ? "__Host-activate-device" : "activate-device";

    /// <summary>The id of this browser for an account; null: that account never signed in here.</summary>
    public Guid? Of(HttpContext context, Guid userId)
    {
        foreach (var (user, device) in Read(context))
        {
            if (user == userId)
                return device;
        }

        return null;
    }

    /// <summary>Notes that an account has signed in here.</summary>
    public void Remember(HttpContext context, Guid userId)
    {
        var before = Read(context);
        var device = before.Find(entry => entry.User == userId).Device;
        (Guid User, Guid Device) here = (userId, device == default ? new Guid(RandomNumberGenerator.GetBytes(16)) : device);
        List<(Guid User, Guid Device)> entries = [here, .. before.Where(entry => entry.User != userId).Take(Most - 1)];
        var content = new byte[entries.Count * EntryLength];
        for (var i = 0; i < entries.Count; i++)
        {
            entries[i].User.TryWriteBytes(content.AsSpan(i * EntryLength));
            entries[i].Device.TryWriteBytes(content.AsSpan((i * EntryLength) + 16));
        }

        context.Response.Cookies.Append(_name, _protector.Seal(content), new CookieOptions
        {
            HttpOnly = true,
            Secure = origin.IsHttps,
            // Read only where the sign-in form arrives, which comes from our own page.
            SameSite = SameSiteMode.Strict,
            Path = "/",
            MaxAge = s_lifetime,
            IsEssential = true,
        });
    }

    private List<(Guid User, Guid Device)> Read(HttpContext context) => _protector.Open(context.Request.Cookies[_name], LongestCookie) is { } content
        ? [.. Enumerable.Range(0, content.Length / EntryLength).Select(i => (new Guid(content.AsSpan(i * EntryLength, 16)), new Guid(content.AsSpan((i * EntryLength) + 16, 16))))]
        : [];
}
