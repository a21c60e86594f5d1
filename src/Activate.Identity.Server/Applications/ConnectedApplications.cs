using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Devices;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Tokens;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Applications;

/// <summary>An application that a person allowed, with its sign-ins that have not ended.</summary>
/// <param name="Id">The application.</param>
/// <param name="Name">For people.</param>
/// <param name="Publisher">Who makes it; null: not said.</param>
/// <param name="Scopes">All that was allowed.</param>
/// <param name="Since">When the oldest of what is here was allowed.</param>
/// <param name="Sessions">Its living sign-ins.</param>
public sealed record ConnectedApplication(Guid Id, string Name, string? Publisher, IReadOnlyList<string> Scopes, DateTime Since, IReadOnlyList<TokenGrant> Sessions)
{
    /// <summary>The last sign of it: a call, or a refresh.</summary>
    public DateTime? LastUsedAt => Sessions.Max(session => session.LastUsedAt > session.RefreshedAt ? session.LastUsedAt : session.RefreshedAt ?? session.LastUsedAt);

    public DateTime? ExpiresAt => Sessions.Max(session => (DateTime?)session.ExpiresAt);
}

/// <summary>What a person has connected to the account: applications, and device logins of the command line.</summary>
public sealed class ConnectedApplications(ActivateDbContext database, PendingCuts cuts, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    private const int MostSessions = 1000;

    public async Task<(IReadOnlyList<ConnectedApplication> Applications, IReadOnlyList<TokenGrant> DeviceLogins)> ListAsync(Guid userId, Guid organizationId, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var sessions = await cuts.ApplyAsync(organizationId,
            await TokensApi.Listed(CredentialKind.Session, userId, database, now).Where(session => session.ExpiresAt > now)
                .OrderByDescending(session => session.Id).Take(MostSessions).ToListAsync(cancellationToken), cancellationToken);
        sessions.RemoveAll(session => session.ExpiresAt <= now || session.IdleEndsAt <= now);
        var consents = await database.Consents.AsNoTracking().Where(consent => consent.UserId == userId).ToDictionaryAsync(consent => consent.ApplicationId, cancellationToken);
        var allowed = consents.Keys.ToList();
        var clients = sessions.Select(session => session.ClientId).Distinct().ToList();
        var applications = await database.Applications.AsNoTracking()
            .Where(application => application.ClientId != BuiltInApplications.Cli && (clients.Contains(application.ClientId!) || allowed.Contains(application.Id)))
            .Select(application => new { application.Id, application.ClientId, application.DisplayName, application.Publisher })
            .ToListAsync(cancellationToken);
        return (
            [.. applications.Select(application =>
            {
                var own = sessions.Where(session => session.ClientId == application.ClientId).ToList();
                var consent = consents.GetValueOrDefault(application.Id);
                return new ConnectedApplication(application.Id, application.DisplayName ?? application.ClientId!, application.Publisher,
                    [.. own.SelectMany(session => Scopes.Split(session.Scopes)).Union(Scopes.Split(consent?.Scopes ?? "")).Order(StringComparer.Ordinal)],
                    own.Select(session => session.CreatedAt).Append(consent?.GrantedAt ?? now).Min(), own);
            }).OrderBy(application => application.Name, StringComparer.OrdinalIgnoreCase)],
            [.. sessions.Where(session => session.ClientId == BuiltInApplications.Cli)]);
    }

    /// <summary>Ends everything that an application has of a person, on every node, and forgets what was allowed: it has to ask again.</summary>
    public async Task<Problem?> DisconnectAsync(AuditActor actor, Guid applicationId, CancellationToken cancellationToken)
    {
        var application = await database.Applications.AsNoTracking().SingleOrDefaultAsync(a => a.Id == applicationId && a.ClientId != BuiltInApplications.Cli, cancellationToken);
        if (application is null)
            return Problems.NotFound;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Codes and approved devices first: one that is being redeemed at this moment either finds its row gone, or has made the grant that goes next.
        var gone = await database.AuthorizationCodes.Where(code => code.UserId == actor.UserId && code.ClientId == application.ClientId).ExecuteDeleteAsync(cancellationToken)
            + await database.DeviceRequests.Where(request => request.DecidedBy == actor.UserId && request.ClientId == application.ClientId && request.Status != DeviceRequestStatus.Redeemed)
                .ExecuteDeleteAsync(cancellationToken)
            + await database.TokenGrants.Where(grant => grant.OwnerId == actor.UserId && grant.ClientId == application.ClientId).ExecuteDeleteAsync(cancellationToken)
            + await database.Consents.Where(consent => consent.UserId == actor.UserId && consent.ApplicationId == applicationId).ExecuteDeleteAsync(cancellationToken);
        if (gone == 0)
            return Problems.NotFound;
        audit.Add(AuditTypes.ApplicationDisconnected, actor, applicationId, application.ClientId, application.DisplayName);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }
}
