using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Organizations;

/// <summary>Section <c>Policy:Ceiling</c>: limits over every organization, in the shape of a policy. What is left out is no limit.</summary>
public sealed class PolicyCeiling
{
    public Policy Policy { get; }

    /// <exception cref="StartupException">A setting is unknown or means nothing: a ceiling that somebody believes in must not be silently absent.</exception>
    public PolicyCeiling(IConfiguration configuration)
    {
        var section = configuration.GetSection("Policy:Ceiling");
        section.AllowOnly(
            "ApiKeys:UserChoice", "ApiKeys:MaximumDays", "Tokens:UserChoice", "Tokens:MaximumHours", "SshKeys:UserChoice", "SshKeys:MaximumDays",
            "DeviceLogin:Enabled", "RequireTwoFactor", "WebSessions:MaximumHours", "WebSessions:IdleMinutes", "Applications:Allowed", "Applications:RefreshMaximumDays");
        var open = Policy.Unlimited;
        Policy = open with
        {
            ApiKeys = Limits(open.ApiKeys, section.Flag("ApiKeys:UserChoice", true), section.Limit("ApiKeys:MaximumDays")),
            SshKeys = Limits(open.SshKeys, section.Flag("SshKeys:UserChoice", true), section.Limit("SshKeys:MaximumDays")),
            Tokens = Limits(open.Tokens, section.Flag("Tokens:UserChoice", true), section.Limit("Tokens:MaximumHours", Policy.LongestTokenHours)),
            DeviceLogin = section.Flag("DeviceLogin:Enabled", true),
            RequireTwoFactor = section.Flag("RequireTwoFactor", false),
            WebSessions = new WebSessionLimits(section.Limit("WebSessions:MaximumHours"), section.Limit("WebSessions:IdleMinutes")),
            Applications = new ApplicationLimits(section.Choice("Applications:Allowed", AllowedApplications.All), section.Limit("Applications:RefreshMaximumDays")),
        };
    }

    private static ExpirationLimits Limits(ExpirationLimits open, bool userChoice, int? maximum) =>
        maximum is { } limit && (open.Maximum is not { } fixedLimit || limit < fixedLimit)
            ? open with { UserChoice = userChoice, Maximum = limit, MaximumFrom = RuleOwner.Server }
            : open with { UserChoice = userChoice };
}
