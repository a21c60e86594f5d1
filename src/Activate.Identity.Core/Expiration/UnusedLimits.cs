namespace Activate.Identity.Core.Expiration;

/// <summary>
/// After how long without use API keys and SSH keys end: what nobody uses is missed by nobody, and found by a thief. A use is written down a while after it happens, and one that
/// a node had not written when it died is lost: the rule therefore waits longer than it says, and counts only what is written.
/// </summary>
/// <param name="EndAfterDays">Null: never.</param>
/// <param name="From">Whose rule it is.</param>
public sealed record UnusedLimits(int? EndAfterDays, RuleOwner From = RuleOwner.Organization)
{
    public static readonly UnusedLimits Never = new((int?)null);

    /// <summary>Whoever is away for a week must find their keys.</summary>
    public const int LeastDays = 7;

    /// <summary>Far longer than uses take to be written (half a minute), also while a database is away for a while.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromHours(1);

    public static UnusedLimits Strictest(UnusedLimits organization, UnusedLimits server) =>
        server.EndAfterDays is { } ceiling && !(organization.EndAfterDays <= ceiling) ? server : organization;

    /// <summary>Ends now what was last used, or where it never was, made before this moment. Null: nothing.</summary>
    public DateTime? Before(DateTime now) => EndAfterDays is { } days ? now.AddDays(-days) - Slack : null;

    /// <summary>The rule, in one sentence.</summary>
    public string Sentence() => EndAfterDays is { } days
        ? $"{From.Policy()} ends API keys and SSH keys that nobody used for {days} days."
        : "No policy ends keys because nobody uses them.";
}
