namespace Activate.Identity.Core.Expiration;

/// <summary>What a member of a policy holds.</summary>
public enum PolicyMemberKind
{
    /// <summary>A whole number, or null for no limit (of a default: no expiration).</summary>
    Limit = 1,
    /// <summary>True or false.</summary>
    Flag = 2,
    /// <summary>One of the words of <see cref="AllowedApplications"/>, in camelCase.</summary>
    Applications = 3,
}

/// <summary>
/// One member of a policy, as the contract (§6) names it. The table <see cref="All"/> is the one place that knows them: the JSON of organizations, the settings
/// of the ceiling and the pages are read from it. Values are numbers: a limit itself, a flag 0 or 1, a word its place in the enum.
/// </summary>
public sealed class PolicyMember
{
    private const int LongestDays = 36_500;
    private const int LongestHours = 400 * 24;
    private const int LongestMinutes = LongestHours * 60;

    private readonly Func<Policy, int?> _get;
    private readonly Func<Policy, int?, RuleOwner, Policy> _set;

    private PolicyMember(string path, PolicyMemberKind kind, int largest, Func<Policy, int?> get, Func<Policy, int?, RuleOwner, Policy> set, int smallest = 1)
    {
        (Path, Kind, Smallest, Largest, _get, _set) = (path, kind, smallest, largest, get, set);
        var dot = path.IndexOf('.', StringComparison.Ordinal);
        (Group, Name) = dot < 0 ? (null, path) : (path[..dot], path[(dot + 1)..]);
    }

    /// <summary>Every member, in the order of the contract.</summary>
    public static readonly IReadOnlyList<PolicyMember> All =
    [
        .. Limits("apiKeys", "Days", LongestDays, policy => policy.ApiKeys, (policy, limits) => policy with { ApiKeys = limits }),
        .. Limits("tokens", "Hours", Policy.LongestTokenHours, policy => policy.Tokens, (policy, limits) => policy with { Tokens = limits }),
        .. Limits("sshKeys", "Days", LongestDays, policy => policy.SshKeys, (policy, limits) => policy with { SshKeys = limits }),
        Flag("deviceLogin.enabled", policy => policy.DeviceLogin, (policy, on) => policy with { DeviceLogin = on }),
        Flag("requireTwoFactor", policy => policy.RequireTwoFactor, (policy, on) => policy with { RequireTwoFactor = on }),
        Limit("webSessions.maximumHours", LongestHours, policy => policy.WebSessions.MaximumHours,
            (policy, hours) => policy with { WebSessions = policy.WebSessions with { MaximumHours = hours } }),
        Limit("webSessions.idleMinutes", LongestMinutes, policy => policy.WebSessions.IdleMinutes,
            (policy, minutes) => policy with { WebSessions = policy.WebSessions with { IdleMinutes = minutes } }),
        new("applications.allowed", PolicyMemberKind.Applications, (int)AllowedApplications.None, policy => (int)policy.Applications.Allowed,
            (policy, allowed, _) => policy with { Applications = policy.Applications with { Allowed = (AllowedApplications)allowed!.Value } }),
        Limit("applications.refreshMaximumDays", LongestDays, policy => policy.Applications.RefreshMaximumDays,
            (policy, days) => policy with { Applications = policy.Applications with { RefreshMaximumDays = days } }),
        new("unused.endAfterDays", PolicyMemberKind.Limit, LongestDays, policy => policy.Unused.EndAfterDays,
            (policy, days, owner) => policy with { Unused = new UnusedLimits(days, owner) }, UnusedLimits.LeastDays),
        new("clusters.outageMinutes", PolicyMemberKind.Limit, ClusterLimits.MostOutageMinutes, policy => policy.Clusters.OutageMinutes,
            (policy, minutes, _) => policy with { Clusters = new ClusterLimits(minutes) }, smallest: 0),
    ];

    /// <summary><c>apiKeys.maximumDays</c>, <c>requireTwoFactor</c>.</summary>
    public string Path { get; }

    /// <summary>The object that holds it; null at the top.</summary>
    public string? Group { get; }

    public string Name { get; }

    public PolicyMemberKind Kind { get; }

    /// <summary>The smallest limit that makes sense.</summary>
    public int Smallest { get; }

    /// <summary>The largest limit that makes sense.</summary>
    public int Largest { get; }

    public int? Get(Policy policy) => _get(policy);

    /// <param name="policy">The policy to start from.</param>
    /// <param name="value">The member's new value.</param>
    /// <param name="owner">Whose rule it is, which refusals will name.</param>
    internal Policy Set(Policy policy, int? value, RuleOwner owner) => _set(policy, value, owner);

    /// <summary>What may stand there, for people.</summary>
    public string Range => Kind switch
    {
        PolicyMemberKind.Limit => $"a whole number from {Smallest} to {Largest}, or null for no limit",
        PolicyMemberKind.Flag => "true or false",
        PolicyMemberKind.Applications => string.Join(", ", Words.Select(word => $"\"{word}\"")),
    };

    /// <summary>The words of <see cref="PolicyMemberKind.Applications"/>; the place in the list, from 1, is the value.</summary>
    public static readonly IReadOnlyList<string> Words = [.. Enum.GetNames<AllowedApplications>().Select(name => name.ToLowerInvariant())];

    /// <summary>Whether a number may stand there.</summary>
    public bool Allows(int number) => number >= Smallest && number <= Largest;

    public override string ToString() => Path;

    private static PolicyMember Flag(string path, Func<Policy, bool> get, Func<Policy, bool, Policy> set) =>
        new(path, PolicyMemberKind.Flag, 1, policy => get(policy) ? 1 : 0, (policy, value, _) => set(policy, value == 1));

    private static PolicyMember Limit(string path, int largest, Func<Policy, int?> get, Func<Policy, int?, Policy> set) =>
        new(path, PolicyMemberKind.Limit, largest, get, (policy, value, _) => set(policy, value));

    private static IEnumerable<PolicyMember> Limits(
        string group, string unit, int largest, Func<Policy, ExpirationLimits> get, Func<Policy, ExpirationLimits, Policy> set) =>
    [
        new($"{group}.userChoice", PolicyMemberKind.Flag, 1, policy => get(policy).UserChoice ? 1 : 0,
            (policy, value, owner) => set(policy, get(policy) with { UserChoice = value == 1, ChoiceFrom = owner })),
        new($"{group}.maximum{unit}", PolicyMemberKind.Limit, largest, policy => get(policy).Maximum,
            (policy, value, owner) => set(policy, get(policy) with { Maximum = value, MaximumFrom = unit == "Hours" && value == Policy.LongestTokenHours ? RuleOwner.Product : owner })),
        new($"{group}.default{unit}", PolicyMemberKind.Limit, largest, policy => get(policy).Default,
            (policy, value, _) => set(policy, get(policy) with { Default = value })),
    ];
}
