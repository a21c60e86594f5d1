using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Devices;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Devices;

/// <summary>
/// The device's side of a device login (RFC 8628 §3.4, §3.5): waits by polling, then fetches its token. A waiting poll in time is one conditional UPDATE.
/// A poll repeated within <see cref="RetryWindow"/> because the answer was lost gets the same token again, byte for byte, and never a second session.
/// </summary>
public sealed class DeviceGrant(ActivateDbContext database, PolicyReader policies, AuditTrail audit, AccessTokenWriter writer, TimeProvider clock)
{
    public static readonly TimeSpan RetryWindow = TimeSpan.FromSeconds(60);

    /// <summary>Seconds that a poll which comes too soon adds to the interval (RFC 8628 §3.5).</summary>
    private const int SlowDown = 5;

    // The codes are RFC 8628's and RFC 6749's; the kind is not used.
    public static readonly Problem Pending = new(ProblemKind.Refused, "authorization_pending", "The user has not decided yet. Poll again after the interval.");
    public static readonly Problem TooSoon = new(ProblemKind.Refused, "slow_down", "Polling too fast: the interval is now 5 seconds longer.");
    public static readonly Problem Denied = new(ProblemKind.Refused, "access_denied", "The user refused, or may not use this application.");
    public static readonly Problem Expired = new(ProblemKind.Refused, "expired_token", "The device code has expired. Start again.");
    public static readonly Problem Unknown = new(ProblemKind.Refused, "invalid_grant", "The device code is unknown, was made for another client, or was used already.");

    /// <summary>One poll.</summary>
    public async Task<Result<Standing>> PollAsync(string deviceCode, string clientId, CancellationToken cancellationToken)
    {
        var hash = DeviceCodeIssuer.Hash(deviceCode);
        var time = clock.GetUtcNow();
        var (now, milliseconds) = (time.UtcDateTime, time.ToUnixTimeMilliseconds());
        var inTime = await database.DeviceRequests
            .Where(r => r.DeviceCodeHash == hash && r.ClientId == clientId && r.Status == DeviceRequestStatus.Pending && r.ExpiresAt > now && r.NextPollAt <= milliseconds)
            .ExecuteUpdateAsync(set => set.SetProperty(r => r.NextPollAt, r => milliseconds + (r.Interval * 1000L)), cancellationToken);
        if (inTime == 1)
            return Pending;

        var request = await database.DeviceRequests.AsNoTracking().SingleOrDefaultAsync(r => r.DeviceCodeHash == hash, cancellationToken);
        if (request is null || request.ClientId != clientId)
            return Unknown;
        switch (request.Status)
        {
            case DeviceRequestStatus.Denied:
                return Denied;
            case DeviceRequestStatus.Redeemed:
                return await AgainAsync(request, now, cancellationToken);
            case DeviceRequestStatus.Pending or DeviceRequestStatus.Approved when request.ExpiresAt <= now:
                return Expired;
            case DeviceRequestStatus.Approved:
                return await RedeemAsync(request, cancellationToken);
            case DeviceRequestStatus.Pending:
                await database.DeviceRequests.Where(r => r.Id == request.Id).ExecuteUpdateAsync(set => set
                    .SetProperty(r => r.Interval, r => r.Interval + SlowDown)
                    .SetProperty(r => r.NextPollAt, r => milliseconds + ((r.Interval + SlowDown) * 1000L)), cancellationToken);
                return TooSoon;
            default:
                throw new InvalidOperationException($"No status {request.Status}.");
        }
    }

    private async Task<Result<Standing>> RedeemAsync(DeviceRequest request, CancellationToken cancellationToken)
    {
        var user = await database.Users.AsNoTracking().Include(u => u.Organization).SingleOrDefaultAsync(u => u.Id == request.DecidedBy, cancellationToken);
        // Approved is not enough: what was allowed minutes ago must be allowed now.
        if (user is null || user.Disabled || user.Organization!.Suspended)
            return Denied;
        var (policy, version) = await policies.ReadAsync(user.OrganizationId, cancellationToken);
        if (!policy.DeviceLogin)
            return Denied;

        var now = clock.Now();
        var scopes = Scopes.Join(Scopes.AllowedTo(user.Role, Scopes.Split(request.Scopes)));
        var (hours, because) = request.ApprovedHours > policy.Tokens.Maximum ? (policy.Tokens.Maximum.Value, ExpiresBecause.Policy)
            : (request.ApprovedHours ?? Policy.LongestTokenHours, policy.Tokens.UserChoice ? ExpiresBecause.Requested : ExpiresBecause.Default);
        var grant = new TokenGrant
        {
            Id = Guid.CreateVersion7(now),
            Kind = CredentialKind.Session,
            OwnerId = user.Id,
            ClientId = request.ClientId,
            Name = request.DeviceName ?? request.ClientId,
            Scopes = scopes,
            CreatedAt = now,
            ExpiresAt = now.AddHours(hours),
            ExpiresBecause = because,
            PolicyVersion = version,
            Interactive = Scopes.Split(request.Scopes).Contains(Scopes.CredentialsWrite),
            AuthenticatedAt = request.AuthenticatedAt,
        };

        var standing = Standing.Of(user, grant, writer);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var redeemed = await database.DeviceRequests.Where(r => r.Id == request.Id && r.Status == DeviceRequestStatus.Approved)
            .ExecuteUpdateAsync(set => set
                .SetProperty(r => r.Status, DeviceRequestStatus.Redeemed)
                .SetProperty(r => r.RedeemedAt, now)
                .SetProperty(r => r.GrantId, grant.Id), cancellationToken);
        if (redeemed == 1)
        {
            database.TokenGrants.Add(grant);
            audit.Add(AuditTypes.SessionStarted, new AuditActor(user.Id, user.OrganizationId, grant.Id), grant.Id, request.ClientId, grant.Name);
            await database.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        if (redeemed == 1)
            return standing;
        // Another poll was faster: it and this one get the same token.
        var winner = await database.DeviceRequests.AsNoTracking().SingleAsync(r => r.Id == request.Id, cancellationToken);
        return await AgainAsync(winner, now, cancellationToken);
    }

    private async Task<Result<Standing>> AgainAsync(DeviceRequest request, DateTime now, CancellationToken cancellationToken)
    {
        if (request.RedeemedAt is not { } redeemed || now - redeemed >= RetryWindow)
            return Unknown;
        var grant = await database.TokenGrants.AsNoTracking().Include(g => g.Owner).ThenInclude(u => u!.Organization)
            .SingleOrDefaultAsync(g => g.Id == request.GrantId, cancellationToken);
        if (grant is not { Owner: { Disabled: false, Organization.Suspended: false } owner } || grant.ExpiresAt <= now)
            return Unknown;
        var issued = grant.TokenHash;
        var standing = Standing.Of(owner, grant, writer);
        // A cut that came in between has moved the grant's end: another token than the one that was stored, which nobody would accept.
        return issued.AsSpan().SequenceEqual(grant.TokenHash) ? standing : Unknown;
    }
}
