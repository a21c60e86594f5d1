using System.Text.Json;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public class UnusedLimitsTests
{
    [Theory]
    [InlineData(null, null, null, RuleOwner.Organization)]
    [InlineData(30, null, 30, RuleOwner.Organization)]
    [InlineData(null, 90, 90, RuleOwner.Server)]
    [InlineData(30, 90, 30, RuleOwner.Organization)]
    [InlineData(90, 30, 30, RuleOwner.Server)]
    public void The_smaller_number_counts_and_says_whose_it_is(int? organization, int? server, int? counts, RuleOwner from)
    {
        var limits = Policy.Strictest(Policy.Fresh with { Unused = new UnusedLimits(organization) }, Policy.Unlimited with { Unused = new UnusedLimits(server, RuleOwner.Server) }).Unused;
        Assert.Equal((counts, from), (limits.EndAfterDays, limits.From));
        Assert.Equal(counts is null, limits.Before(DateTime.UnixEpoch) is null);
    }

    [Fact]
    public void The_rule_waits_longer_than_uses_take_to_be_written()
    {
        var now = new DateTime(2026, 11, 24, 8, 0, 0, DateTimeKind.Utc);
        Assert.True(new UnusedLimits(7).Before(now) <= now.AddDays(-7) - TimeSpan.FromMinutes(30));
    }

    [Theory]
    [InlineData("6", false)]
    [InlineData("7", true)]
    [InlineData("null", true)]
    [InlineData("36500", true)]
    [InlineData("36501", false)]
    [InlineData("\"7\"", false)]
    public void Less_than_a_week_is_refused(string value, bool allowed)
    {
        using var json = JsonDocument.Parse($$$"""{"unused":{"endAfterDays":{{{value}}}}}""");
        Assert.Equal(allowed, PolicyDocument.Parse(json.RootElement).TryGet(out _, out var problem));
        Assert.Equal(allowed ? null : "policy.unused.endAfterDays", problem?.Field);
    }
}
