using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Organizations;

/// <summary>Section <c>Policy:Ceiling</c>: limits over every organization, in the shape of a policy. What is left out is no limit.</summary>
public sealed class PolicyCeiling
{
    public Policy Policy { get; }

    public PolicyCeiling(IConfiguration configuration)
    {
        var section = configuration.GetSection("Policy:Ceiling");
        var settings = section.Get<Settings>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new Settings();
        var open = Policy.Unlimited;
        Policy = open with
        {
            ApiKeys = Limit(open.ApiKeys, settings.ApiKeys?.UserChoice, settings.ApiKeys?.MaximumDays, "ApiKeys:MaximumDays"),
            SshKeys = Limit(open.SshKeys, settings.SshKeys?.UserChoice, settings.SshKeys?.MaximumDays, "SshKeys:MaximumDays"),
            Tokens = Limit(open.Tokens, settings.Tokens?.UserChoice, settings.Tokens?.MaximumHours, "Tokens:MaximumHours"),
            DeviceLogin = settings.DeviceLogin?.Enabled ?? true,
            RequireTwoFactor = settings.RequireTwoFactor ?? false,
            WebSessions = new WebSessionLimits(settings.WebSessions?.MaximumHours, settings.WebSessions?.IdleMinutes),
            Applications = new ApplicationLimits(settings.Applications?.Allowed ?? AllowedApplications.All, settings.Applications?.RefreshMaximumDays),
        };
    }

    private static ExpirationLimits Limit(ExpirationLimits open, bool? userChoice, int? maximum, string key)
    {
        if (maximum is < 1)
            throw new StartupException($"Policy:Ceiling:{key} is {maximum}. It is a whole number, 1 or more; leave it out for no limit.");
        return maximum is { } limit && (open.Maximum is not { } fixedLimit || limit < fixedLimit)
            ? open with { UserChoice = userChoice ?? true, Maximum = limit, MaximumFrom = RuleOwner.Server }
            : open with { UserChoice = userChoice ?? true };
    }

    private sealed class Settings
    {
        public Days? ApiKeys { get; set; }
        public Hours? Tokens { get; set; }
        public Days? SshKeys { get; set; }
        public Switch? DeviceLogin { get; set; }
        public bool? RequireTwoFactor { get; set; }
        public Sessions? WebSessions { get; set; }
        public ThirdParties? Applications { get; set; }
    }

    private sealed class Days
    {
        public bool? UserChoice { get; set; }
        public int? MaximumDays { get; set; }
    }

    private sealed class Hours
    {
        public bool? UserChoice { get; set; }
        public int? MaximumHours { get; set; }
    }

    private sealed class Switch
    {
        public bool Enabled { get; set; } = true;
    }

    private sealed class Sessions
    {
        public int? MaximumHours { get; set; }
        public int? IdleMinutes { get; set; }
    }

    private sealed class ThirdParties
    {
        public AllowedApplications? Allowed { get; set; }
        public int? RefreshMaximumDays { get; set; }
    }
}
