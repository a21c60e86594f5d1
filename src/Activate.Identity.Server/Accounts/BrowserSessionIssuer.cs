using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// Starts and ends browser sessions. The cookie holds 256 random bits and nothing else; only their SHA-256 is stored.
/// ASP.NET Core's own cookie handler with a ticket store is not used: signing in again over a living session keeps that session's key there, and a key
/// must never outlive a sign-in (session fixation).
/// </summary>
public sealed class BrowserSessionIssuer(ActivateDbContext database, PolicyReader policies, PublicOrigin origin, TimeProvider clock)
{
    /// <summary>Browsers keep no cookie longer than 400 days, so "no limit" ends there.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(400);

    /// <summary>Adds the session's row to the context, in place of the one this browser had, and sets the cookie. The caller saves, together with its audit event.</summary>
    public async Task<BrowserSession> StartAsync(HttpContext context, Guid userId, Guid organizationId, string methods, CancellationToken cancellation)
    {
        if (SignedIn.From(context) is { } before)
            await database.BrowserSessions.Where(session => session.Id == before.SessionId).ExecuteDeleteAsync(cancellation);

        var now = clock.GetUtcNow().UtcDateTime;
        var key = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var agent = context.Request.Headers.UserAgent.ToString();
        var session = new BrowserSession
        {
            Id = Guid.CreateVersion7(now),
            KeyHash = Hash(key),
            UserId = userId,
            AuthenticatedAt = now,
            AuthenticationMethods = methods,
            LastSeenAt = now,
            ExpiresAt = now + ((await policies.ReadAsync(organizationId, cancellation)).Effective.WebSessions.MaximumHours is { } hours ? TimeSpan.FromHours(hours) : s_longest),
            Address = context.RemoteAddress(),
            UserAgent = agent.Length == 0 ? null : agent.AtMost(256),
        };
        database.BrowserSessions.Add(session);
        context.Response.Cookies.Append(CookieName(origin), key, CookieOptions(origin));
        return session;
    }

    /// <summary>Deletes the session of this request, so that no copy of the cookie works any more.</summary>
    public async Task EndAsync(HttpContext context, CancellationToken cancellation)
    {
        if (context.Request.Cookies[CookieName(origin)] is { } key && IsKey(key))
        {
            var hash = Hash(key);
            await database.BrowserSessions.Where(session => session.KeyHash == hash).ExecuteDeleteAsync(cancellation);
        }

        context.Response.Cookies.Delete(CookieName(origin), CookieOptions(origin));
    }

    internal static string CookieName(PublicOrigin origin) => origin.IsHttps ? "__Host-activate" : "activate";

    internal static bool IsKey(string text) => text.Length == 43;

    internal static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    // Lax, not Strict: a link to /device or an application's redirect to /connect/authorize has to find the session. Changes are POSTs with antiforgery tokens.
    private static CookieOptions CookieOptions(PublicOrigin origin) => new()
    {
        HttpOnly = true,
        Secure = origin.IsHttps,
        SameSite = SameSiteMode.Lax,
        Path = "/",
        IsEssential = true,
    };
}
