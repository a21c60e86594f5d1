using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>A credential's end, explained.</summary>
/// <param name="Reason">Which rule decided.</param>
/// <param name="PolicyNow">What the policy of now says about new ones of the kind.</param>
public sealed record ExplainedEnd(EndReason Reason, string PolicyNow);

/// <summary>
/// Says which rule decided when a credential ends. The row has the reason and the version of the policy; what that policy was, and which change shortened the credential, is
/// read from the audit log, whose events of the policy are one for each version. What the retention has taken is said to be not known any more.
/// </summary>
public sealed partial class EndExplainer(ActivateDbContext database, PolicyReader policies, TimeProvider clock)
{
    /// <summary>Versions looked back over. Who changes the policy more often has forgotten the first ones.</summary>
    private const int MostChanges = 200;

    public async Task<ExplainedEnd> ExplainAsync(Guid organizationId, InventoryRow row, CancellationToken cancellationToken)
    {
        var organization = await database.Organizations.AsNoTracking().Where(o => o.Id == organizationId).Select(o => new { o.Policy, o.PolicyVersion }).SingleAsync(cancellationToken);
        var now = policies.Effective(PolicyReader.Document(organization.Policy));
        // Only the changes since it was made can have decided, and the one before them. Nothing to look for while the policy is the one it was made under.
        var changes = organization.PolicyVersion == row.PolicyVersion ? [] : await ChangesAsync(organizationId, row, organization.PolicyVersion, cancellationToken);
        Policy? then = row.PolicyVersion == organization.PolicyVersion ? now
            : changes.Find(change => change.Version == row.PolicyVersion) is { } decided ? decided.After
            : row.PolicyVersion == 0 ? policies.Effective(PolicyReader.Document(null))
            : null;
        var facts = new EndFacts(row.Kind, row.ExpiresBecause, row.EndsAt(clock.Now()), row.CreatedAt, row.Since)
        {
            Limits = then is null ? null : Limits(then, row),
            // The one that gave this very end; of several that did, the first.
            Shortening = changes.Where(change => change.Version > row.PolicyVersion && change.GraceDays is not null).OrderBy(change => change.Version)
                .Select(change => new PolicyShortening(change.At, change.By, Limits(change.After, row), change.At.AddDays(change.GraceDays!.Value)))
                .FirstOrDefault(change => change.EndOf(row.Since) == row.ExpiresAt),
            // What the policy sets at the making of an SSH key or a chain is no more than its maximum: anything sooner came later.
            WasShortened = row.ExpiresBecause == ExpiresBecause.Policy && row.PolicyVersion != organization.PolicyVersion && !IsMaximum(then, row),
            Unused = now.Unused,
            EndedIdle = row.EndedIdle(clock.Now()),
        };
        return new ExplainedEnd(facts.Explain(), ExpirationPolicy.Reason(Limits(now, row)));
    }

    private static bool IsMaximum(Policy? then, InventoryRow row) =>
        then is not null && Limits(then, row) is { Longest: { } longest } limits && row.ExpiresAt == row.Since + limits.Span(longest);

    /// <summary>What a policy allows a credential: one that is renewed by refreshing has a limit of its own.</summary>
    private static ExpirationLimits Limits(Policy policy, InventoryRow row) => row.Kind switch
    {
        CredentialKind.ApiKey => policy.ApiKeys,
        CredentialKind.SshKey => policy.SshKeys,
        CredentialKind.Token or CredentialKind.Session => row.IsRenewed
            ? new ExpirationLimits(LifetimeUnit.Days, UserChoice: true, policy.Applications.RefreshMaximumDays ?? RefreshRule.LongestDays, policy.Applications.RefreshMaximumDays ?? RefreshRule.LongestDays)
            // An application that does not stay signed in gets an hour, whatever the default of tokens.
            : row.Kind == CredentialKind.Session && row.ClientId != BuiltInApplications.Cli ? policy.Tokens with { UserChoice = true, Default = Math.Min(GrantIssuer.AccessTokenHours, policy.Tokens.Longest ?? Policy.LongestTokenHours) }
            : policy.Tokens,
    };

    private async Task<List<Change>> ChangesAsync(Guid organizationId, InventoryRow row, int version, CancellationToken cancellationToken)
    {
        var events = await database.AuditEvents.AsNoTracking().Where(e => e.OrganizationId == organizationId && e.Type == AuditTypes.PolicyChanged)
            .OrderByDescending(e => e.At).ThenByDescending(e => e.Id).Take(Math.Min(MostChanges, version - row.PolicyVersion + 1))
            .Select(e => new { e.At, e.Detail, e.After, By = database.AuditPersons.Where(p => p.UserId == e.ActorId && p.OrganizationId == organizationId).Select(p => p.Username).FirstOrDefault() })
            .ToListAsync(cancellationToken);
        // One event for each version, the newest for that of now.
        return [.. events.Where(e => e.After is not null).Select((e, i) => new Change(version - i, Seconds(e.At), e.By, Effective(e.After!), Grace().Match(e.Detail ?? "") is { Success: true } match
            ? int.Parse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture)
            : null))];
    }

    private Policy Effective(string text)
    {
        using var json = JsonDocument.Parse(text);
        return policies.Effective(PolicyDocument.Parse(json.RootElement).TryGet(out var document, out _) ? document : PolicyDocument.Of(Policy.Fresh));
    }

    /// <summary>Cuts count in whole seconds.</summary>
    private static DateTime Seconds(DateTime at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerSecond));

    /// <summary>As the editor of policies writes it.</summary>
    [GeneratedRegex(@"existing credentials shortened, grace (\d+) d$")]
    private static partial Regex Grace();

    /// <summary>A change of the policy, as its event tells it.</summary>
    /// <param name="Version">That it led to.</param>
    /// <param name="At">When.</param>
    /// <param name="By">Whose username.</param>
    /// <param name="After">The policy since.</param>
    /// <param name="GraceDays">Null: credentials that existed were kept.</param>
    private sealed record Change(int Version, DateTime At, string? By, Policy After, int? GraceDays);
}
