using Activate.Identity.Core;
using Activate.Identity.Core.Devices;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Devices;

/// <summary>What the approval page shows and asks.</summary>
/// <param name="Request">Who asks.</param>
/// <param name="Application">The application; null: it is gone.</param>
/// <param name="Scopes">What it would get: asked for and allowed to the person's role.</param>
/// <param name="Hours">The lifetimes to choose from; empty without a choice.</param>
/// <param name="PreselectedHours">The device's wish if allowed, else the default.</param>
/// <param name="Renewed">How long an application stays connected that may renew its sign-in, in words; null: as long as is chosen.</param>
public sealed record DeviceApproval(DeviceRequest Request, Application? Application, IReadOnlyList<string> Scopes, IReadOnlyList<ExpirationChoice> Hours, int PreselectedHours, string? Renewed);

/// <summary>The person's side of a device login: opens a code, allows or denies. Every step is one conditional UPDATE; the first decision is final.</summary>
public sealed class DeviceApprovals(ActivateDbContext database, ServerKeys keys, Throttles throttles, PolicyReader policies, AuditTrail audit, TimeProvider clock)
{
    /// <summary>Wrong codes of everybody together after which each further entry is slowed down. Never refused: that would let anybody lock all out.</summary>
    private const int WrongCodesInAll = 500;
    private static readonly TimeSpan s_slowness = TimeSpan.FromSeconds(2);

    public static readonly Problem WrongCode = new(ProblemKind.NotFound, "user_code_wrong",
        "No device is waiting for this code. Compare it with the one on your device; a code works for 10 minutes, and only in the browser that opened it first.", "code");

    public static readonly Problem CodeExpired = new(ProblemKind.NotFound, "user_code_expired", "This code has expired. Start the login on your device again.", "code");

    public static readonly Problem TooManyCodes = new(ProblemKind.TooMany, "too_many_user_codes",
        $"You entered {UserCode.WrongGuesses} wrong codes. Wait ten minutes, then start the login on your device again.") { RetryAfter = UserCode.Lifetime };

    public static readonly Problem RecentSignInRequired = new(ProblemKind.Refused, "recent_sign_in_required", "This gives more than usual. Confirm your password first.");

    /// <summary>
    /// What this session opened before; null when it did not. It is all that a link may ask for: a link to anything else must neither use up the guesses of whoever
    /// is made to follow it nor tell whether its code is right.
    /// </summary>
    public async Task<Result<DeviceApproval>?> OpenedAsync(string? typed, SignedIn person, CancellationToken cancellationToken)
    {
        var hash = UserCode.TryParse(typed, out var code) ? DeviceCodeIssuer.Hash(keys, code) : null;
        if (hash is not null && await database.DeviceRequests.AsNoTracking()
                .SingleOrDefaultAsync(r => r.UserCodeHash == hash && r.ClaimedBySession == person.SessionId, cancellationToken) is { } opened)
            return await ShowAsync(opened, person, cancellationToken);
        return null;
    }

    /// <summary>Finds the request that waits for a code; from now on no other session may open or decide it.</summary>
    /// <param name="typed">As the person typed it.</param>
    /// <param name="person">Who is signed in.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<DeviceApproval>> OpenAsync(string? typed, SignedIn person, CancellationToken cancellationToken)
    {
        // That is no guess: it costs none and need not wait.
        if (await OpenedAsync(typed, person, cancellationToken) is { } opened)
            return opened;

        var guesses = $"user-code:{person.UserId}";
        // The guess is counted before it is judged, so that guesses in parallel count too.
        if (!await throttles.TryTakeAsync(guesses, UserCode.WrongGuesses, UserCode.Lifetime, cancellationToken))
            return TooManyCodes;
        if (await throttles.CountAsync("user-code", cancellationToken) >= WrongCodesInAll)
            await Task.Delay(s_slowness, clock, cancellationToken);
        if (UserCode.TryParse(typed, out var code) && await ClaimAsync(DeviceCodeIssuer.Hash(keys, code), person, cancellationToken) is { } request)
        {
            await throttles.GiveBackAsync(guesses, cancellationToken);
            return await ShowAsync(request, person, cancellationToken);
        }

        await throttles.TryTakeAsync("user-code", int.MaxValue, UserCode.Lifetime, cancellationToken);
        audit.Add(AuditTypes.DeviceCodeWrong, person.ToActor(), succeeded: false);
        await database.SaveChangesAsync(cancellationToken);
        return WrongCode;
    }

    /// <summary>Allows or denies. Repeating it, or deciding differently afterwards, changes nothing and tells what was decided.</summary>
    /// <param name="typed">The code.</param>
    /// <param name="person">Who decides.</param>
    /// <param name="hours">The lifetime chosen; null to deny.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<DeviceRequest>> DecideAsync(string? typed, SignedIn person, int? hours, CancellationToken cancellationToken)
    {
        if (!(await OpenAsync(typed, person, cancellationToken)).TryGet(out var approval, out var problem))
            return problem;
        var request = approval.Request;
        if (request.Status != DeviceRequestStatus.Pending)
            return request;
        var refusal = hours is null ? null : await RefusalAsync(approval, person, hours.Value, cancellationToken);
        if (refusal is { Denies: false })
        {
            // Signing in again starts a new session, and the request is left to that one.
            if (refusal.Problem == RecentSignInRequired)
            {
                await database.DeviceRequests.Where(r => r.Id == request.Id && r.ClaimedBySession == person.SessionId && r.Status == DeviceRequestStatus.Pending)
                    .ExecuteUpdateAsync(set => set.SetProperty(r => r.ClaimedBySession, (Guid?)null), cancellationToken);
            }

            return refusal.Problem;
        }


        var now = clock.Now();
        var approved = hours is not null && refusal is null;
        // What was shown is what was allowed: a role that grows before the device comes adds nothing.
        var scopes = approved ? Scopes.Join(approval.Scopes) : request.Scopes;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var decided = await database.DeviceRequests
            .Where(r => r.Id == request.Id && r.ClaimedBySession == person.SessionId && r.Status == DeviceRequestStatus.Pending && r.ExpiresAt > now)
            .ExecuteUpdateAsync(set => set
                .SetProperty(r => r.Status, approved ? DeviceRequestStatus.Approved : DeviceRequestStatus.Denied)
                .SetProperty(r => r.DecidedBy, person.UserId)
                .SetProperty(r => r.DecidedAt, now)
                .SetProperty(r => r.AuthenticatedAt, person.AuthenticatedAt)
                .SetProperty(r => r.Methods, person.AuthenticationMethods)
                .SetProperty(r => r.Scopes, scopes)
                .SetProperty(r => r.ApprovedHours, approved ? hours : null), cancellationToken);
        if (decided == 1)
        {
            audit.Add(approved ? AuditTypes.DeviceApproved : AuditTypes.DeviceDenied, person.ToActor(), request.Id, request.ClientId, name: request.DeviceName);
            await database.SaveChangesAsync(cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        if (refusal is not null)
            return refusal.Problem;
        // Ours, or that of a click a moment earlier.
        return await database.DeviceRequests.AsNoTracking().SingleAsync(r => r.Id == request.Id, cancellationToken) is { Status: not DeviceRequestStatus.Pending } final
            ? final
            : CodeExpired;
    }

    private async Task<DeviceRequest?> ClaimAsync(byte[] hash, SignedIn person, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        await database.DeviceRequests
            .Where(r => r.UserCodeHash == hash && r.ClaimedBySession == null && r.Status == DeviceRequestStatus.Pending && r.ExpiresAt > now)
            .ExecuteUpdateAsync(set => set.SetProperty(r => r.ClaimedBySession, person.SessionId), cancellationToken);
        return await database.DeviceRequests.AsNoTracking()
            .SingleOrDefaultAsync(r => r.UserCodeHash == hash && (r.ClaimedBySession == null || r.ClaimedBySession == person.SessionId), cancellationToken);
    }

    private async Task<Result<DeviceApproval>> ShowAsync(DeviceRequest request, SignedIn person, CancellationToken cancellationToken) =>
        request.Status == DeviceRequestStatus.Pending && request.ExpiresAt <= clock.Now() ? CodeExpired : await DescribeAsync(request, person, cancellationToken);

    private async Task<DeviceApproval> DescribeAsync(DeviceRequest request, SignedIn person, CancellationToken cancellationToken)
    {
        var application = await database.Applications.AsNoTracking().Include(a => a.Organization).SingleOrDefaultAsync(a => a.ClientId == request.ClientId, cancellationToken);
        var policy = (await policies.ReadAsync(person.OrganizationId, cancellationToken)).Effective;
        var limits = policy.Tokens;
        var longest = limits.Default ?? Policy.LongestTokenHours;
        var preselected = limits.UserChoice && request.LifetimeWish is { } wish ? Math.Min(wish, limits.Maximum ?? Policy.LongestTokenHours) : longest;
        string[] scopes = [.. Scopes.AllowedTo(person.Role, Scopes.Split(request.Scopes))];
        return new DeviceApproval(request, application, scopes, ExpirationPolicy.Choices(limits), preselected,
            request.ClientId != BuiltInApplications.Cli && scopes.Contains(Scopes.OfflineAccess) ? AuthorizePage.DescribeChain(policy) : null);
    }

    /// <summary>Why an approval is not taken. One that denies ends the request, so that the device is told and does not wait in vain.</summary>
    private async Task<Refusal?> RefusalAsync(DeviceApproval approval, SignedIn person, int hours, CancellationToken cancellationToken)
    {
        if (person.LockedOut)
            return new Refusal(SignedIn.AccountLocked, Denies: false);
        var policy = (await policies.ReadAsync(person.OrganizationId, cancellationToken)).Effective;
        if (!policy.DeviceLogin)
            return new Refusal(new Problem(ProblemKind.Refused, "device_login_disabled", "Your organization does not allow device logins. Use a generated token instead, or ask an administrator."), Denies: true);
        if (approval.Application is not { Suspended: false } application || (application.OrganizationId is { } owner && owner != person.OrganizationId))
            return new Refusal(new Problem(ProblemKind.Refused, "application_not_allowed", "This application is not for users of your organization."), Denies: true);
        if (BuiltInApplications.IsBarred(policy, application))
            return new Refusal(new Problem(ProblemKind.Refused, "application_not_allowed", "Your organization allows no applications. Ask an administrator."), Denies: true);
        if (approval.Scopes.Any(Scopes.Sensitive.Contains) && person.AuthenticatedAt <= clock.Now() - ScopeRequest.RecentSignIn)
            return new Refusal(RecentSignInRequired, Denies: false);
        return ExpirationPolicy.Decide(policy.Tokens, new Optional<int?>(hours), clock.Now(), "hours").Problem is { } problem ? new Refusal(problem, Denies: false) : null;
    }

    private sealed record Refusal(Problem Problem, bool Denies);
}
