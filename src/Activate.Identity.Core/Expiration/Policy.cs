namespace Activate.Identity.Core.Expiration;

/// <summary>An organization's limits, or the server's ceiling over all organizations. Every member is set; what a caller left out was filled in before.</summary>
public sealed record Policy(
    ExpirationLimits ApiKeys,
    ExpirationLimits Tokens,
    ExpirationLimits SshKeys,
    bool DeviceLogin,
    bool RequireTwoFactor,
    WebSessionLimits WebSessions,
    ApplicationLimits Applications)
{
    /// <summary>What becomes of keys that nobody uses.</summary>
    public UnusedLimits Unused { get; init; } = UnusedLimits.Never;

    /// <summary>What clusters may do while the server cannot be reached.</summary>
    public ClusterLimits Clusters { get; init; } = ClusterLimits.Fresh;

    /// <summary>No generated token, device login or exchanged token lives longer, whatever a policy says.</summary>
    public const int LongestTokenHours = 24;

    /// <summary>What a new organization starts with.</summary>
    public static readonly Policy Fresh = new(
        new ExpirationLimits(LifetimeUnit.Days, UserChoice: true, Maximum: null, Default: 30),
        new ExpirationLimits(LifetimeUnit.Hours, UserChoice: true, Maximum: LongestTokenHours, Default: LongestTokenHours, RuleOwner.Product),
        new ExpirationLimits(LifetimeUnit.Days, UserChoice: true, Maximum: null, Default: null),
        DeviceLogin: true,
        RequireTwoFactor: false,
        new WebSessionLimits(MaximumHours: 168, IdleMinutes: 720),
        new ApplicationLimits(AllowedApplications.All, RefreshMaximumDays: 90));

    /// <summary>A ceiling that limits nothing.</summary>
    public static readonly Policy Unlimited = Fresh with
    {
        ApiKeys = Fresh.ApiKeys with { Default = null, MaximumFrom = RuleOwner.Server },
        SshKeys = Fresh.SshKeys with { MaximumFrom = RuleOwner.Server },
        WebSessions = new WebSessionLimits(null, null),
        Applications = new ApplicationLimits(AllowedApplications.All, null),
        Clusters = new ClusterLimits((int?)null),
    };

    /// <summary>The policy that counts: member by member the strictest of the organization's and the server's.</summary>
    public static Policy Strictest(Policy organization, Policy ceiling) => new(
        ExpirationLimits.Strictest(organization.ApiKeys, ceiling.ApiKeys),
        ExpirationLimits.Strictest(organization.Tokens, ceiling.Tokens),
        ExpirationLimits.Strictest(organization.SshKeys, ceiling.SshKeys),
        organization.DeviceLogin && ceiling.DeviceLogin,
        organization.RequireTwoFactor || ceiling.RequireTwoFactor,
        new WebSessionLimits(Smallest(organization.WebSessions.MaximumHours, ceiling.WebSessions.MaximumHours),
            Smallest(organization.WebSessions.IdleMinutes, ceiling.WebSessions.IdleMinutes)),
        new ApplicationLimits((AllowedApplications)Math.Max((int)organization.Applications.Allowed, (int)ceiling.Applications.Allowed),
            Smallest(organization.Applications.RefreshMaximumDays, ceiling.Applications.RefreshMaximumDays)))
    {
        Unused = UnusedLimits.Strictest(organization.Unused, ceiling.Unused),
        Clusters = ClusterLimits.Strictest(organization.Clusters, ceiling.Clusters),
    };

    private static int? Smallest(int? a, int? b) => a is { } x && b is { } y ? Math.Min(x, y) : a ?? b;
}

/// <summary>How long a browser stays signed in: in all, and without a request. Null is no limit.</summary>
public sealed record WebSessionLimits(int? MaximumHours, int? IdleMinutes);

/// <summary>Which applications people may sign in to, ordered from loose to strict.</summary>
public enum AllowedApplications
{
    All = 1,
    /// <summary>The organization's own and the server's.</summary>
    Registered = 2,
    None = 3,
}

/// <summary>What third-party applications may have.</summary>
public sealed record ApplicationLimits(AllowedApplications Allowed, int? RefreshMaximumDays);
