using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.IdentityProviders;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>How a sign-in goes on.</summary>
/// <param name="Session">Null: there is no session yet, and the second step comes first.</param>
public sealed record SignInStart(BrowserSession? Session)
{
    /// <summary>Where it goes instead; null: to the second step where there is no session, else to where it wanted.</summary>
    public string? Goes { get; init; }

    /// <summary>Where the browser goes.</summary>
    public string Next(string returnUrl) => Goes is { Length: > 0 } elsewhere ? elsewhere : Session is null ? SecondStepPage.PathTo(returnUrl) : returnUrl;
}

/// <summary>
/// Starts and ends browser sessions. The cookie holds 256 random bits and nothing else; only their SHA-256 is stored.
/// ASP.NET Core's own cookie handler with a ticket store is not used: signing in again over a living session keeps that session's key there, and a key
/// must never outlive a sign-in (session fixation).
/// </summary>
public sealed class BrowserSessionIssuer(
    ActivateDbContext database, PolicyReader policies, PendingSignIns pending, KnownDevices devices, PublicOrigin origin, TimeProvider clock)
{
    /// <summary>Browsers keep no cookie longer than 400 days, so "no limit" ends there.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(400);

    /// <summary>
    /// Adds the session's row to the context, in place of the one this browser had, and sets the cookie. Where one factor was shown and the account has a second, or the
    /// policy asks for one, there is no session: a pending sign-in is added instead, whoever calls. The caller saves, together with its audit event.
    /// </summary>
    /// <param name="context">The browser.</param>
    /// <param name="userId">Who.</param>
    /// <param name="organizationId">Of them.</param>
    /// <param name="methods">What was shown.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="authenticatedAt">When it was shown; null: now.</param>
    public async Task<SignInStart> StartAsync(
        HttpContext context, Guid userId, Guid organizationId, string methods, CancellationToken cancellation, DateTime? authenticatedAt = null)
    {
        // Whoever their organization pauses comes back by its own provider only. Owners may still come in to look after that provider, and find their keys paused.
        if (await PausedAtAsync(userId, cancellation) is { } slug)
            return new SignInStart(null) { Goes = SignInWithPage.PathTo(slug, paused: true) };
        var policy = (await policies.ReadAsync(organizationId, cancellation)).Effective;
        if (SignedIn.ContextOf(methods) == SignedIn.OneFactor && (policy.RequireTwoFactor || await database.WithSecondFactor().AnyAsync(user => user.Id == userId, cancellation)))
        {
            await pending.AddAsync(context, userId, methods, cancellation);
            return new SignInStart(null);
        }

        if (SignedIn.From(context) is { } before)
            await database.BrowserSessions.Where(session => session.Id == before.SessionId).ExecuteDeleteAsync(cancellation);

        var now = clock.GetUtcNow().UtcDateTime;
        var key = LinkCode.Generate();
        var agent = context.Request.Headers.UserAgent.ToString();
        var session = new BrowserSession
        {
            Id = Guid.CreateVersion7(now),
            KeyHash = Hash(key),
            UserId = userId,
            AuthenticatedAt = authenticatedAt ?? now,
            AuthenticationMethods = methods,
            LastSeenAt = now,
            ExpiresAt = now + (policy.WebSessions.MaximumHours is { } hours ? TimeSpan.FromHours(hours) : s_longest),
            Address = context.RemoteAddress(),
            UserAgent = agent.Length == 0 ? null : agent.AtMost(256),
        };
        database.BrowserSessions.Add(session);
        context.Response.Cookies.Append(CookieName(origin), key, CookieOptions(origin));
        devices.Remember(context, userId);
        return new SignInStart(session);
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

    private Task<string?> PausedAtAsync(Guid userId, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return database.Users.Where(user => user.Id == userId && user.PausedFrom <= now && user.Role < Role.Owner).Select(user => user.Organization!.Slug).SingleOrDefaultAsync(cancellation);
    }

    internal static string CookieName(PublicOrigin origin) => origin.IsHttps ? "__Host-activate" : "activate";

    internal static bool IsKey(string text) => text.Length == 43;

    internal static byte[] Hash(string key) => LinkCode.Hash(key);

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
