using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

[Trait("Case", "O6")]
public sealed class ExpirationLimitsTests
{
    private static readonly ExpirationLimits s_open = new(LifetimeUnit.Days, UserChoice: true, Maximum: null, Default: null);
    private static readonly ExpirationLimits s_openServer = s_open with { MaximumFrom = RuleOwner.Server };

    [Theory]
    [InlineData(null, null, null)]
    [InlineData(30, null, 30)]
    [InlineData(null, 30, 30)]
    [InlineData(30, 90, 30)]
    [InlineData(90, 30, 30)]
    [InlineData(30, 30, 30)]
    public void The_smaller_maximum_counts(int? organization, int? server, int? expected) =>
        Assert.Equal(expected, ExpirationLimits.Strictest(s_open with { Maximum = organization }, s_openServer with { Maximum = server }).Maximum);

    [Theory]
    [InlineData(true, 90, 30, 90)]
    [InlineData(true, null, 30, null)]
    [InlineData(false, 90, 30, 30)]
    [InlineData(false, null, 30, 30)]
    [InlineData(false, 30, 90, 30)]
    [InlineData(false, 90, null, 90)]
    [InlineData(false, null, null, null)]
    public void Without_a_choice_nobody_gets_more_than_the_default(bool choice, int? maximum, int? given, int? expected) =>
        Assert.Equal(expected, (s_open with { UserChoice = choice, Maximum = maximum, Default = given }).Longest);

    [Theory]
    [InlineData(30, null, RuleOwner.Organization)]
    [InlineData(30, 90, RuleOwner.Organization)]
    [InlineData(30, 30, RuleOwner.Organization)]
    [InlineData(null, 30, RuleOwner.Server)]
    [InlineData(90, 30, RuleOwner.Server)]
    public void Whose_maximum_it_is_stays_known(int? organization, int? server, RuleOwner expected) =>
        Assert.Equal(expected, ExpirationLimits.Strictest(s_open with { Maximum = organization }, s_openServer with { Maximum = server }).MaximumFrom);

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, false)]
    public void There_is_a_choice_only_if_both_leave_one(bool organization, bool server, bool expected) =>
        Assert.Equal(expected, ExpirationLimits.Strictest(s_open with { UserChoice = organization }, s_openServer with { UserChoice = server }).UserChoice);

    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData(30, null, null, 30)]
    [InlineData(30, null, 90, 30)]
    [InlineData(30, 90, null, 30)]
    [InlineData(30, null, 7, 7)]
    [InlineData(30, 7, null, 7)]
    [InlineData(null, null, 90, 90)]
    [InlineData(null, 60, 90, 60)]
    public void A_default_beyond_the_maximum_becomes_the_maximum(int? preferred, int? organization, int? server, int? expected) =>
        Assert.Equal(expected, ExpirationLimits.Strictest(s_open with { Default = preferred, Maximum = organization }, s_openServer with { Maximum = server }).Default);

    /// <summary>"Everybody gets 7 days" is a limit, even when no maximum is written beside it.</summary>
    [Theory]
    [InlineData(30, 7, 7)]
    [InlineData(null, 7, 7)]
    [InlineData(3, 7, 3)]
    [InlineData(30, null, 30)]
    public void The_default_of_a_server_without_choice_bounds_the_organizations(int? organization, int? server, int? expected)
    {
        var limits = ExpirationLimits.Strictest(s_open with { Default = organization }, s_openServer with { UserChoice = false, Default = server });
        Assert.Equal((false, expected), (limits.UserChoice, limits.Default));
    }

    [Fact]
    public void The_default_of_a_server_with_choice_is_only_a_proposal() =>
        Assert.Equal(30, ExpirationLimits.Strictest(s_open with { Default = 30 }, s_openServer with { Default = 7 }).Default);

    [Fact]
    public void Tokens_end_within_24_hours_even_if_both_say_more()
    {
        var limits = ExpirationLimits.Strictest(new ExpirationLimits(LifetimeUnit.Hours, true, 100, 100), new ExpirationLimits(LifetimeUnit.Hours, true, null, null));
        Assert.Equal((24, 24, RuleOwner.Product), (limits.Maximum, limits.Default, limits.MaximumFrom));
    }

    [Fact]
    public void The_strictest_is_never_looser_than_either_and_the_same_from_both_sides()
    {
        var random = new Random(20261123);
        for (var i = 0; i < 20_000; i++)
        {
            var unit = (LifetimeUnit)random.Next(1, 3);
            var (a, b) = (ExpirationPolicyTests.AnyLimits(random) with { Unit = unit }, ExpirationPolicyTests.AnyLimits(random) with { Unit = unit });
            var (ab, ba) = (ExpirationLimits.Strictest(a, b), ExpirationLimits.Strictest(b, a));
            Assert.Equal((ab.Maximum, ab.UserChoice), (ba.Maximum, ba.UserChoice));
            Assert.True(Longest(ab) <= Math.Min(Longest(a), Longest(b)), $"{a} with {b} gives {ab}");
            Assert.True(Longest(ba) <= Math.Min(Longest(a), Longest(b)), $"{b} with {a} gives {ba}");
            Assert.Equal(ab, ExpirationLimits.Strictest(ab, b));
            Assert.True((ab.Default ?? int.MaxValue) <= (ab.Maximum ?? int.MaxValue));
        }
    }

    [Theory]
    [InlineData(LifetimeUnit.Days, null, "No expiration")]
    [InlineData(LifetimeUnit.Days, 1, "1 day")]
    [InlineData(LifetimeUnit.Days, 30, "30 days")]
    [InlineData(LifetimeUnit.Days, 1000, "1000 days")]
    [InlineData(LifetimeUnit.Hours, 1, "1 hour")]
    [InlineData(LifetimeUnit.Hours, 24, "24 hours")]
    public void An_amount_reads_as_on_the_menu(LifetimeUnit unit, int? amount, string expected) =>
        Assert.Equal(expected, new ExpirationLimits(unit, true, null, null).Text(amount));

    /// <summary>The longest life that anybody gets under these limits.</summary>
    private static int Longest(ExpirationLimits limits)
    {
        var maximum = limits.Maximum ?? int.MaxValue;
        return limits.UserChoice ? maximum : Math.Min(maximum, limits.Default ?? int.MaxValue);
    }
}
