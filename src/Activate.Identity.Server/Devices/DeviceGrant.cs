using Activate.Identity.Core;
using Activate.Identity.Core.Devices;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace Activate.Identity.Server.Devices;

/// <summary>
/// The device's side of a device login (RFC 8628 §3.4, §3.5): waits by polling, then fetches its token. A waiting poll in time seldom comes here (<see cref="PlainRequests"/>).
/// A poll repeated within <see cref="RetryWindow"/> because the answer was lost gets the same session again (the command line the same token, byte for byte), and
/// never a second one.
/// </summary>
internal sealed class DeviceGrant(
    ActivateDbContext database, PolicyReader policies, IOpenIddictApplicationManager applications, GrantIssuer grants, AccessTokenWriter writer, DevicePolls polls, TimeProvider clock)
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
        if (!DeviceCode.TryParse(deviceCode, out var code))
            return Unknown;
        var time = clock.GetUtcNow();
        var (now, milliseconds) = (time.UtcDateTime, time.ToUnixTimeMilliseconds());
        var request = await database.DeviceRequests.AsNoTracking().SingleOrDefaultAsync(r => r.Id == code.Id && r.DeviceCodeHash == code.Hash, cancellationToken);
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
                if (await polls.IsWaitingAsync(code, clientId, time, cancellationToken))
                    return Pending;
                var slowed = await database.DeviceRequests.Where(r => r.Id == request.Id && r.Status == DeviceRequestStatus.Pending).ExecuteUpdateAsync(set => set
                    .SetProperty(r => r.Interval, r => r.Interval + SlowDown)
                    .SetProperty(r => r.NextPollAt, r => milliseconds + ((r.Interval + SlowDown) * 1000L)), cancellationToken);
                // Decided since it was read: the next poll gets to know.
                return slowed == 1 ? TooSoon : Pending;
            default:
                throw new InvalidOperationException($"No status {request.Status}.");
        }
    }

    private async Task<Result<Standing>> RedeemAsync(DeviceRequest request, CancellationToken cancellationToken)
    {
        var user = await database.Users.AsNoTracking().Include(u => u.Organization).SingleOrDefaultAsync(u => u.Id == request.DecidedBy, cancellationToken);
        // Approved is not enough: what was allowed minutes ago must be allowed now, the scopes to the role and the hours to the policy.
        if (user is null || user.IsStoppedAt(clock.Now()) || user.Organization!.Suspended)
            return Denied;
        var policy = await policies.ReadAsync(user.OrganizationId, cancellationToken);
        if (!policy.Effective.DeviceLogin)
            return Denied;

        if (await applications.FindByClientIdAsync(request.ClientId, cancellationToken) is not Application application)
            return Denied;
        if (BuiltInApplications.IsBarred(policy.Effective, application))
            return Denied;
        var now = clock.Now();
        var standing = grants.Begin(new GrantStart(application, user, Scopes.Join(Scopes.AllowedTo(user.Role, Scopes.Split(request.Scopes))), policy)
        {
            Name = request.DeviceName ?? request.ClientId,
            Hours = request.ApprovedHours ?? Policy.LongestTokenHours,
            Methods = request.Methods,
            AuthenticatedAt = request.AuthenticatedAt,
            Interactive = application.ClientId == BuiltInApplications.Cli && Scopes.Split(request.Scopes).Contains(Scopes.CredentialsWrite),
        });
        var grant = standing.Grant;

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var redeemed = await database.DeviceRequests.Where(r => r.Id == request.Id && r.Status == DeviceRequestStatus.Approved)
            .ExecuteUpdateAsync(set => set
                .SetProperty(r => r.Status, DeviceRequestStatus.Redeemed)
                .SetProperty(r => r.RedeemedAt, now)
                .SetProperty(r => r.GrantId, grant.Id), cancellationToken);
        if (redeemed == 1)
        {
            await grants.AddAsync(standing, device: true, cancellationToken);
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
        if (grant is not { Owner: { Organization.Suspended: false } owner } || owner.IsStoppedAt(now) || grant.ExpiresAt <= now)
            return Unknown;
        if (grant.ClientId != BuiltInApplications.Cli)
        {
            // Another access token of the same session. Once the first refresh token was redeemed, the answer did arrive.
            return grant.RefreshPlace is null or 1 && await applications.FindByClientIdAsync(grant.ClientId, cancellationToken) is Application application
                ? new Standing(owner, grant, grants.Tokens(application, owner, grant, grant.Scopes, grant.Resources, now))
                : Unknown;
        }

        var issued = grant.TokenHash;
        var tokens = new IssuedTokens(writer.Write(grant, owner.Organization.Slug), grant.Scopes, grant.ExpiresAt);
        // A cut that came in between has moved the grant's end: another token than the one that was stored, which nobody would accept.
        return issued.AsSpan().SequenceEqual(grant.TokenHash) ? new Standing(owner, grant, tokens) : Unknown;
    }
}
