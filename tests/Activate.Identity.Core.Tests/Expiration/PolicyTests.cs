using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public sealed class PolicyTests
{
    [Fact]
    public void A_fresh_organization_starts_as_in_the_contract()
    {
        var fresh = Policy.Fresh;
        Assert.Equal((LifetimeUnit.Days, true, null, 30), (fresh.ApiKeys.Unit, fresh.ApiKeys.UserChoice, fresh.ApiKeys.Maximum, fresh.ApiKeys.Default));
        Assert.Equal((LifetimeUnit.Hours, true, 24, 24), (fresh.Tokens.Unit, fresh.Tokens.UserChoice, fresh.Tokens.Maximum, fresh.Tokens.Default));
        Assert.Equal((LifetimeUnit.Days, true, null, null), (fresh.SshKeys.Unit, fresh.SshKeys.UserChoice, fresh.SshKeys.Maximum, fresh.SshKeys.Default));
        Assert.Equal((true, false), (fresh.DeviceLogin, fresh.RequireTwoFactor));
        Assert.Equal(new WebSessionLimits(168, 720), fresh.WebSessions);
        Assert.Equal(new ApplicationLimits(AllowedApplications.All, 90), fresh.Applications);
    }

    [Fact]
    public void A_ceiling_that_limits_nothing_changes_nothing() => Assert.Equal(Policy.Fresh, Policy.Strictest(Policy.Fresh, Policy.Unlimited));

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, false)]
    public void Device_login_is_on_only_if_both_say_so(bool organization, bool server, bool expected) =>
        Assert.Equal(expected, Policy.Strictest(Policy.Fresh with { DeviceLogin = organization }, Policy.Unlimited with { DeviceLogin = server }).DeviceLogin);

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, true)]
    [InlineData(false, true, true)]
    [InlineData(false, false, false)]
    public void Two_factors_are_required_if_either_says_so(bool organization, bool server, bool expected) =>
        Assert.Equal(expected, Policy.Strictest(Policy.Fresh with { RequireTwoFactor = organization }, Policy.Unlimited with { RequireTwoFactor = server }).RequireTwoFactor);

    [Theory]
    [InlineData(null, null, null)]
    [InlineData(8, null, 8)]
    [InlineData(null, 8, 8)]
    [InlineData(8, 12, 8)]
    [InlineData(12, 8, 8)]
    public void The_smaller_of_every_other_limit_counts(int? organization, int? server, int? expected)
    {
        var policy = Policy.Strictest(
            Policy.Fresh with { WebSessions = new WebSessionLimits(organization, organization), Applications = new ApplicationLimits(AllowedApplications.All, organization) },
            Policy.Unlimited with { WebSessions = new WebSessionLimits(server, server), Applications = new ApplicationLimits(AllowedApplications.All, server) });
        Assert.Equal(new WebSessionLimits(expected, expected), policy.WebSessions);
        Assert.Equal(expected, policy.Applications.RefreshMaximumDays);
    }

    [Theory]
    [InlineData(AllowedApplications.All, AllowedApplications.All, AllowedApplications.All)]
    [InlineData(AllowedApplications.All, AllowedApplications.Registered, AllowedApplications.Registered)]
    [InlineData(AllowedApplications.Registered, AllowedApplications.All, AllowedApplications.Registered)]
    [InlineData(AllowedApplications.Registered, AllowedApplications.None, AllowedApplications.None)]
    [InlineData(AllowedApplications.None, AllowedApplications.All, AllowedApplications.None)]
    public void The_fewest_applications_are_allowed(AllowedApplications organization, AllowedApplications server, AllowedApplications expected) =>
        Assert.Equal(expected, Policy.Strictest(
            Policy.Fresh with { Applications = new ApplicationLimits(organization, 90) },
            Policy.Unlimited with { Applications = new ApplicationLimits(server, 90) }).Applications.Allowed);

    [Fact]
    public void Each_kind_of_credential_keeps_to_its_own_limits()
    {
        var ceiling = Policy.Unlimited with
        {
            ApiKeys = Policy.Unlimited.ApiKeys with { Maximum = 11 },
            Tokens = Policy.Unlimited.Tokens with { Maximum = 12, MaximumFrom = RuleOwner.Server },
            SshKeys = Policy.Unlimited.SshKeys with { Maximum = 13 },
        };
        var policy = Policy.Strictest(Policy.Fresh, ceiling);
        Assert.Equal((11, 12, 13), (policy.ApiKeys.Maximum, policy.Tokens.Maximum, policy.SshKeys.Maximum));
        Assert.Equal((11, 12, 13), (policy.ApiKeys.Default, policy.Tokens.Default, policy.SshKeys.Default));
        Assert.All([policy.ApiKeys, policy.Tokens, policy.SshKeys], limits => Assert.Equal(RuleOwner.Server, limits.MaximumFrom));
    }
}
