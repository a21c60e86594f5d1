using System.Text.Encodings.Web;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// The scheme of the pages: the cookie's key leads to a row, read with its user and organization in one query. The row decides: signed out, expired, idle
/// too long, user disabled, organization suspended, one factor where the policy now asks for two all mean that nobody is signed in.
/// </summary>
internal sealed class BrowserSessionAuthenticator(
    IOptionsMonitor<AuthenticationSchemeOptions> options, UrlEncoder encoder,
    ActivateDbContext database, BrowserSessionIssuer issuer, PolicyReader policies, PublicOrigin origin)
    // The base class writes a line for each redirect to the sign-in page: nothing that the request's own line does not say.
    : SignOutAuthenticationHandler<AuthenticationSchemeOptions>(options, NullLoggerFactory.Instance, encoder)
{
    private static readonly TimeSpan s_seenEvery = TimeSpan.FromMinutes(1);

    /// <summary>Seldom enough to cost nothing, and often enough that whoever is active is not taken for idle.</summary>
    private static TimeSpan SeenEvery(int? idleMinutes) => idleMinutes is { } minutes && TimeSpan.FromMinutes(minutes) / 4 is var quarter && quarter < s_seenEvery ? quarter : s_seenEvery;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // The API takes no cookies, so that no foreign page can make a browser call it.
        if (Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
            || Request.Cookies[BrowserSessionIssuer.CookieName(origin)] is not { } key || !BrowserSessionIssuer.IsKey(key))
            return AuthenticateResult.NoResult();

        var hash = BrowserSessionIssuer.Hash(key);
        var now = TimeProvider.GetUtcNow().UtcDateTime;
        var session = await database.BrowserSessions.AsNoTracking()
            .Where(row => row.KeyHash == hash)
            .Select(row => new
            {
                row.Id,
                row.UserId,
                row.AuthenticatedAt,
                row.AuthenticationMethods,
                row.LastSeenAt,
                row.ExpiresAt,
                row.User!.UserName,
                row.User.DisplayName,
                // Nobody signs in as a service account, whatever way a row came about.
                Barred = row.User.Disabled || row.User.Kind != UserKind.Person || (row.User.PausedFrom != null && row.User.PausedFrom <= now && row.User.Role < Role.Owner),
                row.User.LockoutEnd,
                row.User.Role,
                row.User.IsOperator,
                row.User.OrganizationId,
                OrganizationName = row.User.Organization!.Name,
                OrganizationSlug = row.User.Organization.Slug,
                row.User.Organization.Suspended,
            })
            .FirstOrDefaultAsync(Context.RequestAborted);
        if (session is null || session.Barred || session.Suspended || session.ExpiresAt <= now)
            return AuthenticateResult.NoResult();

        // The limits of now: an administrator who shortens them means the sessions that exist, too.
        var policy = (await policies.ReadAsync(session.OrganizationId, Context.RequestAborted)).Effective;
        var limits = policy.WebSessions;
        if (policy.RequireTwoFactor && SignedIn.ContextOf(session.AuthenticationMethods) == SignedIn.OneFactor
            || limits.MaximumHours is { } hours && session.AuthenticatedAt.AddHours(hours) <= now
            || limits.IdleMinutes is { } minutes && session.LastSeenAt.AddMinutes(minutes) <= now)
        {
            // Ended is ended: a policy that is loosened later revives nothing. Unless another request has just seen it alive.
            await database.BrowserSessions.Where(row => row.Id == session.Id && row.LastSeenAt == session.LastSeenAt).ExecuteDeleteAsync(Context.RequestAborted);
            return AuthenticateResult.NoResult();
        }

        var seenBefore = now - SeenEvery(limits.IdleMinutes);
        if (session.LastSeenAt <= seenBefore)
        {
            // Conditional, so that it is written at most once a minute (a quarter of a shorter idle time) however many requests and nodes see it, and never goes backwards.
            await database.BrowserSessions.Where(row => row.Id == session.Id && row.LastSeenAt <= seenBefore)
                .ExecuteUpdateAsync(row => row.SetProperty(r => r.LastSeenAt, now), Context.RequestAborted);
        }

        var signedIn = new SignedIn(session.UserId, session.UserName!, session.DisplayName, session.OrganizationId, session.OrganizationName,
            session.OrganizationSlug, session.Role, session.IsOperator, session.Id, session.AuthenticatedAt, LockedOut: session.LockoutEnd > now)
        {
            AuthenticationMethods = session.AuthenticationMethods,
        };
        return AuthenticateResult.Success(new AuthenticationTicket(signedIn.ToPrincipal(), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var back = properties.RedirectUri ?? (HttpMethods.IsGet(Request.Method) ? Request.PathBase + Request.Path + Request.QueryString : null);
        Response.Redirect(back is null or LocalAddress.Start ? SignInPage.Path : SignInPage.PathTo(back));
        return Task.CompletedTask;
    }

    protected override Task HandleSignOutAsync(AuthenticationProperties? properties) => issuer.EndAsync(Context, Context.RequestAborted);
}
