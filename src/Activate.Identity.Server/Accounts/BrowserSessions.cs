using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>A browser that somebody is signed in with, as the list shows it.</summary>
/// <param name="Id">Of the session.</param>
/// <param name="Browser">What it says it is, in words.</param>
/// <param name="Address">Where it signed in from.</param>
/// <param name="IsThis">The one that looks at the list.</param>
public sealed record BrowserShown(Guid Id, string Browser, string? Address, DateTime SignedInAt, DateTime LastSeenAt, bool TwoFactors, bool IsThis);

/// <summary>The browsers in which somebody is signed in, and ending that. Keys, tokens and device logins are lists of their own.</summary>
public sealed class BrowserSessions(ActivateDbContext database, AuditTrail audit, TimeProvider clock)
{
    /// <summary>This browser first, then by when they were last seen.</summary>
    public async Task<IReadOnlyList<BrowserShown>> ListAsync(SignedIn person, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var rows = await database.BrowserSessions.AsNoTracking().Where(session => session.UserId == person.UserId && session.ExpiresAt > now).ToListAsync(cancellationToken);
        return [.. rows.Select(row => new BrowserShown(row.Id, UserAgentWords.Of(row.UserAgent), row.Address, row.AuthenticatedAt, row.LastSeenAt,
                SignedIn.ContextOf(row.AuthenticationMethods) == SignedIn.TwoFactors, row.Id == person.SessionId))
            .OrderByDescending(row => row.IsThis).ThenByDescending(row => row.LastSeenAt)];
    }

    /// <summary>Signs one of the person's browsers out, or all but this.</summary>
    /// <param name="person">Who.</param>
    /// <param name="id">Null: all but this.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Problem?> EndAsync(SignedIn person, Guid? id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var ended = await database.BrowserSessions
            .Where(session => session.UserId == person.UserId && (id == null ? session.Id != person.SessionId : session.Id == id)).ExecuteDeleteAsync(cancellationToken);
        if (ended == 0 && id is not null)
            return Problems.NotFound;
        audit.Add(AuditTypes.BrowserSessionsEnded, person.ToActor(), person.UserId, detail: Web.Texts.Count(ended, "browser session"));
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }
}
