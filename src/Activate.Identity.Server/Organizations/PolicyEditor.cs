using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Data.SecondFactors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Clusters;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>An organization's policy as it stands.</summary>
/// <param name="Own">What the organization wrote down.</param>
/// <param name="Effective">Under the server's ceiling.</param>
/// <param name="Version">The ETag: whoever changes the policy names the version they saw.</param>
/// <param name="ChangedAt">Null: never.</param>
/// <param name="ChangedBy">A username.</param>
public sealed record PolicyState(PolicyDocument Own, Policy Effective, int Version, DateTime? ChangedAt, string? ChangedBy);

/// <summary>What a stricter policy does to credentials that are there already.</summary>
/// <param name="Shorten">False: they keep their ends.</param>
/// <param name="GraceDays">None is cut to before so many days from now.</param>
public sealed record ExistingCredentials(bool Shorten, int GraceDays)
{
    public static readonly ExistingCredentials Keep = new(false, 0);

    private const int LongestGraceDays = 365;

    /// <param name="mode"><c>keep</c> or <c>shorten</c>; null: keep.</param>
    /// <param name="graceDays">0 to 365; null: 0. Means nothing with <c>keep</c>.</param>
    public static Result<ExistingCredentials> Parse(string? mode, int? graceDays)
    {
        if (mode is not (null or "keep" or "shorten"))
            return Problems.Invalid("existing.mode", "mode_invalid", "The mode is 'keep' (credentials that exist keep their ends) or 'shorten' (those beyond a maximum are cut to it).");
        if (graceDays is < 0 or > LongestGraceDays)
            return Problems.Invalid("existing.graceDays", "grace_invalid", $"The grace is a whole number of days from 0 to {LongestGraceDays}.");
        return new ExistingCredentials(mode == "shorten", graceDays ?? 0);
    }
}

/// <summary>A credential that a policy would shorten, by its maximum or because nobody uses it.</summary>
public sealed record AffectedCredential(
    CredentialKind Kind, Guid Id, string Name, string Owner, DateTime? LastUsedAt, DateTime? ExpiresAt, DateTime WouldExpireAt, ExpiresBecause Because);

/// <summary>Whom a policy would hit.</summary>
/// <param name="Version">The version of the policy that it was compared with.</param>
/// <param name="Counts">All that would be shortened, for each kind.</param>
/// <param name="Affected">A page of them, newest first, read with one item more than the limit.</param>
/// <param name="WithoutSecondFactor">People who have no second factor and would have to set one up; null: the policy asks for none.</param>
public sealed record PolicyPreview(int Version, IReadOnlyDictionary<CredentialKind, int> Counts, IReadOnlyList<AffectedCredential> Affected, int? WithoutSecondFactor)
{
    /// <summary>Clusters whose keys would be shortened, and when nobody could log in there any more, by name.</summary>
    public IReadOnlyDictionary<string, DateTime> Clusters { get; init; } = new Dictionary<string, DateTime>();
}

/// <summary>Shows, previews and changes an organization's policy. REST, page and command line all end here.</summary>
public sealed class PolicyEditor(
    ActivateDbContext database, PolicyReader reader, PendingCuts pending, CutRewriter rewriter, UnusedKeys unused, Throttles throttles, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    /// <summary>Each change makes all nodes read policies and credentials anew, and each cut is a row more for every check until its rows are done.</summary>
    internal const int MostChanges = 20;
    /// <summary>What became of existing credentials stands at the end of the event's words, and must not be cut off: explanations are read from it.</summary>
    private const int LongestOutcome = 64;

    private static readonly TimeSpan s_window = TimeSpan.FromHours(1);

    private static readonly Problem s_tooMany = new(ProblemKind.TooMany, "too_many_policy_changes",
        $"Your organization's policy was changed {MostChanges} times within an hour, the most it may be. Wait an hour; until then the preview shows what a change would do.") { RetryAfter = s_window };

    private static readonly Problem s_stale = new(ProblemKind.Stale, "policy_changed", "Somebody changed the policy since you looked at it. Look again, and decide anew; nothing was changed.");

    private static readonly Problem s_ownFactorFirst = new(ProblemKind.Refused, "second_factor_missing",
        "You have no second factor yourself, and would be signed out by this change. Set one up first, under Account, Security.", "policy.requireTwoFactor");

    public async Task<PolicyState> ReadAsync(Guid organizationId, CancellationToken cancellationToken)
    {
        var row = await database.Organizations.Where(o => o.Id == organizationId)
            .Select(o => new { o.Policy, o.PolicyVersion, o.PolicyChangedAt, By = database.Users.Where(u => u.Id == o.PolicyChangedBy).Select(u => u.UserName).FirstOrDefault() })
            .SingleAsync(cancellationToken);
        var own = PolicyReader.Document(row.Policy);
        return new PolicyState(own, reader.Effective(own), row.PolicyVersion, row.PolicyChangedAt, row.By);
    }

    /// <summary>Exactly what <see cref="SetAsync"/> would shorten now, found by the same rule. Changes nothing.</summary>
    /// <param name="organizationId">Whose policy.</param>
    /// <param name="version">The version the caller saw; null: whichever there is.</param>
    /// <param name="policy">The policy to be.</param>
    /// <param name="existing">What happens to credentials that exist.</param>
    /// <param name="limit">How many credentials to list; one more is read.</param>
    /// <param name="after">The id of the last one seen.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<PolicyPreview>> PreviewAsync(
        Guid organizationId, int? version, PolicyDocument policy, ExistingCredentials existing, int limit, Guid? after, CancellationToken cancellationToken)
    {
        var current = await database.Organizations.Where(o => o.Id == organizationId).Select(o => o.PolicyVersion).SingleAsync(cancellationToken);
        if (version is not null && version != current)
            return s_stale;
        var counts = Enum.GetValues<CredentialKind>().ToDictionary(kind => kind, _ => 0);
        var newest = new SortedDictionary<Guid, AffectedCredential>(Comparer<Guid>.Create((a, b) => b.CompareTo(a)));
        var cuts = await pending.ReadAsync(organizationId, cancellationToken);
        var accounts = await database.ClusterAccountsAsync(organizationId, cancellationToken);
        var clusters = new SortedDictionary<string, DateTime>(StringComparer.OrdinalIgnoreCase);
        var now = clock.Now();
        var before = await UnusedBefore.OfAsync(database, organizationId, reader.Effective(policy).Unused, now, cancellationToken);
        foreach (var (_, rows) in UnusedKeys.Open(database, organizationId, before, now))
        {
            await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellationToken))
            {
                cuts.ApplyTo([row]);
                if (!(row.ExpiresAt <= now))
                    Add(row, row.ExpiresAt, now, ExpiresBecause.Unused);
            }
        }

        if (CutOf(organizationId, current + 1, policy, existing) is { } cut)
        {
            _ = Supersede(cut, cuts, existing);
            foreach (var (_, rows) in CutRewriter.Tables(database, cut))
            {
                await foreach (var row in rows.AsAsyncEnumerable().WithCancellation(cancellationToken))
                {
                    cuts.ApplyTo([row]);
                    var end = row.ExpiresAt;
                    if (!row.IsUnused(before) && cut.ApplyTo(row))
                        Add(row, end, row.ExpiresAt!.Value, ExpiresBecause.Policy);
                }
            }
        }

        void Add(GovernedRow row, DateTime? end, DateTime wouldEnd, ExpiresBecause because)
        {
            counts[row.Kind]++;
            if (accounts.TryGetValue(row.Owner, out var cluster) && row.Kind == CredentialKind.ApiKey)
                clusters[cluster] = clusters.TryGetValue(cluster, out var known) && known > wouldEnd ? known : wouldEnd;
            if (after is { } seen && row.Id.CompareTo(seen) >= 0)
                return;
            newest.Add(row.Id, new AffectedCredential(row.Kind, row.Id, row.Name, row.Owner, row.LastUsedAt, end, wouldEnd, because));
            if (newest.Count > limit + 1)
                newest.Remove(newest.Keys.Last());
        }

        return new PolicyPreview(current, counts, [.. newest.Values], await WithoutSecondFactorAsync(organizationId, policy, cancellationToken)) { Clusters = clusters };
    }

    /// <summary>When the organization's credentials end over the coming weeks: as things are, and as <see cref="SetAsync"/> would leave them.</summary>
    /// <param name="organizationId">Whose policy.</param>
    /// <param name="policy">The policy to be; <see cref="PreviewAsync"/> has accepted it.</param>
    /// <param name="existing">What happens to credentials that exist.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<(EndsByWeek Before, EndsByWeek After)> PictureAsync(Guid organizationId, PolicyDocument policy, ExistingCredentials existing, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var (before, after) = (new EndsByWeek(now), new EndsByWeek(now));
        var cuts = await pending.ReadAsync(organizationId, cancellationToken);
        var unusedBefore = await UnusedBefore.OfAsync(database, organizationId, reader.Effective(policy).Unused, now, cancellationToken);
        var cut = CutOf(organizationId, int.MaxValue, policy, existing);
        if (cut is not null)
            _ = Supersede(cut, cuts, existing);
        foreach (var rows in (IQueryable<GovernedRow>[])
            [GovernedRow.ApiKeys(database, organizationId), GovernedRow.TokenGrants(database, organizationId), GovernedRow.SshKeys(database, organizationId)])
        {
            await foreach (var row in rows.Where(row => row.ExpiresAt == null || row.ExpiresAt > now).AsAsyncEnumerable().WithCancellation(cancellationToken))
            {
                cuts.ApplyTo([row]);
                // Its row is not rewritten yet.
                if (row.ExpiresAt <= now)
                    continue;
                before.Add(row.ExpiresAt);
                cut?.ApplyTo(row);
                after.Add(row.IsUnused(unusedBefore) ? now : row.ExpiresAt);
            }
        }

        return (before, after);
    }

    /// <summary>Changes the policy, for new credentials at once. With <c>shorten</c>, one cut in the same transaction shortens those that exist, for every check from then on.</summary>
    /// <param name="actor">Who changes it.</param>
    /// <param name="version">The version the caller saw; null: whichever there is.</param>
    /// <param name="policy">The policy to be.</param>
    /// <param name="existing">What happens to credentials that exist.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<PolicyState>> SetAsync(AuditActor actor, int? version, PolicyDocument policy, ExistingCredentials existing, CancellationToken cancellationToken)
    {
        var before = await ReadAsync(actor.OrganizationId, cancellationToken);
        if (version is not null && version != before.Version)
            return s_stale;
        if (await RefusalAsync(actor.UserId, before.Own, policy, cancellationToken) is { } refusal)
            return refusal;
        var changesTaken = $"policy:{actor.OrganizationId}";
        if (!await throttles.TryTakeAsync(changesTaken, MostChanges, s_window, cancellationToken))
            return s_tooMany;
        var next = before.Version + 1;
        var now = clock.Now();
        var cut = CutOf(actor.OrganizationId, next, policy, existing);
        var superseded = cut is null ? [] : Supersede(cut, await pending.ReadAsync(actor.OrganizationId, cancellationToken), existing);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Whoever comes first with a version has it.
        var taken = await database.Organizations
            .Where(o => o.Id == actor.OrganizationId && o.PolicyVersion == before.Version)
            .ExecuteUpdateAsync(set => set
                .SetProperty(o => o.Policy, policy.Text)
                .SetProperty(o => o.PolicyVersion, next)
                .SetProperty(o => o.PolicyChangedAt, now)
                .SetProperty(o => o.PolicyChangedBy, actor.UserId), cancellationToken);
        if (taken == 0)
        {
            await transaction.RollbackAsync(cancellationToken);
            await throttles.GiveBackAsync(changesTaken, cancellationToken);
            return s_stale;
        }

        if (superseded.Count > 0)
            await database.PolicyCuts.Where(c => c.OrganizationId == actor.OrganizationId && superseded.Contains(c.Version)).ExecuteDeleteAsync(cancellationToken);
        if (cut is not null)
            database.PolicyCuts.Add(cut);
        var changes = policy.ChangesFrom(before.Own);
        audit.Add(AuditTypes.PolicyChanged, actor, actor.OrganizationId, change: new AuditChange(before.Own.Text, policy.Text), detail: string.Create(CultureInfo.InvariantCulture,
            $"{(changes.Length == 0 ? "nothing" : changes.AtMost(AuditEvent.LongestDetail - LongestOutcome))}; existing credentials {(cut is null ? "kept" : $"shortened, grace {existing.GraceDays} d")}"));
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);

        reader.Forget();
        cache.Forget();
        if (cut is not null)
            rewriter.Wake();
        if (reader.Effective(policy).Unused.EndAfterDays is not null)
            unused.Wake();
        return await ReadAsync(actor.OrganizationId, cancellationToken);
    }

    /// <summary>The cut that comes with a policy; null when nothing is to be shortened.</summary>
    private PolicyCut? CutOf(Guid organizationId, int version, PolicyDocument policy, ExistingCredentials existing)
    {
        var now = clock.Now();
        var effective = reader.Effective(policy);
        return !existing.Shorten ? null : new PolicyCut
        {
            OrganizationId = organizationId,
            Version = version,
            At = now,
            GraceEndsAt = now.AddDays(existing.GraceDays),
            ApiKeyMaximumDays = effective.ApiKeys.Longest,
            TokenMaximumHours = effective.Tokens.Longest,
            RefreshMaximumDays = effective.Applications.RefreshMaximumDays,
            SshKeyMaximumDays = effective.SshKeys.Longest,
        };
    }

    /// <summary>
    /// Lets a cut take the place of pending ones that it is as strict as, so that repeating one makes no check dearer. What those have ended stays ended: the earlier end of
    /// the grace counts. Where there is a grace it is kept to the day, and a cut that would end later than a pending one stands beside it.
    /// </summary>
    /// <returns>The versions of the cuts that are no longer needed.</returns>
    private static List<int> Supersede(PolicyCut cut, List<PolicyCut> pending, ExistingCredentials existing)
    {
        var covered = pending.Where(earlier => cut.IsAsStrictAs(earlier) && (existing.GraceDays == 0 || cut.GraceEndsAt <= earlier.GraceEndsAt)).ToList();
        foreach (var earlier in covered.Where(earlier => earlier.GraceEndsAt < cut.GraceEndsAt))
            cut.GraceEndsAt = earlier.GraceEndsAt;
        return [.. covered.Select(earlier => earlier.Version)];
    }

    /// <summary>Whom a policy that asks everybody for a second factor sends to set one up: people who may sign in and have none. Null: it asks nobody.</summary>
    private async Task<int?> WithoutSecondFactorAsync(Guid organizationId, PolicyDocument policy, CancellationToken cancellationToken) => !reader.Effective(policy).RequireTwoFactor ? null
        : await database.Users.Where(u => u.OrganizationId == organizationId && u.Kind == UserKind.Person && !u.Disabled)
            .CountAsync(u => !database.WithSecondFactor().Any(with => with.Id == u.Id), cancellationToken);

    /// <summary>Whoever asks everybody for a second factor has one: otherwise the change would sign out, at once, the one who could take it back.</summary>
    private async Task<Problem?> RefusalAsync(Guid actorId, PolicyDocument before, PolicyDocument policy, CancellationToken cancellationToken) =>
        reader.Effective(policy).RequireTwoFactor && !reader.Effective(before).RequireTwoFactor
        && !await database.WithSecondFactor().AnyAsync(u => u.Id == actorId, cancellationToken)
            ? s_ownFactorFirst
            : null;
}
