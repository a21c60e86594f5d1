using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public sealed class ExpirationPolicyTests
{
    private const string NoLimit = "none";
    private const string Absent = "absent";
    private const string Null = "null";

    private static readonly DateTime s_now = new(2026, 11, 23, 5, 0, 0, DateTimeKind.Utc);

    /// <summary>Limits and a request against what comes out: "+30 default" is 30 units from now because of the default, "never requested" no end, else the code of the refusal.</summary>
    public static readonly TheoryData<LifetimeUnit, bool, string, string, string, string> Decisions = new()
    {
        // unit, choice, maximum, default, request, outcome
        { LifetimeUnit.Days, true, NoLimit, "30", Absent, "+30 default" },
        { LifetimeUnit.Days, true, NoLimit, "30", Null, "never requested" },
        { LifetimeUnit.Days, true, NoLimit, "30", "1", "+1 requested" },
        { LifetimeUnit.Days, true, NoLimit, "30", "30", "+30 requested" },
        { LifetimeUnit.Days, true, NoLimit, "30", "36500", "+36500 requested" },
        { LifetimeUnit.Days, true, NoLimit, "30", "36501", "expiration_invalid" },
        { LifetimeUnit.Days, true, NoLimit, "30", "2147483647", "expiration_invalid" },
        { LifetimeUnit.Days, true, NoLimit, "30", "0", "expiration_invalid" },
        { LifetimeUnit.Days, true, NoLimit, "30", "-1", "expiration_invalid" },
        { LifetimeUnit.Days, true, NoLimit, "30", "-2147483648", "expiration_invalid" },
        { LifetimeUnit.Days, true, NoLimit, NoLimit, Absent, "never default" },
        { LifetimeUnit.Days, true, NoLimit, NoLimit, Null, "never requested" },
        { LifetimeUnit.Days, true, "90", "30", Absent, "+30 default" },
        { LifetimeUnit.Days, true, "90", "30", Null, "expiration_beyond_maximum" },
        { LifetimeUnit.Days, true, "90", "30", "1", "+1 requested" },
        { LifetimeUnit.Days, true, "90", "30", "90", "+90 requested" },
        { LifetimeUnit.Days, true, "90", "30", "91", "expiration_beyond_maximum" },
        { LifetimeUnit.Days, true, "90", "30", "0", "expiration_invalid" },
        { LifetimeUnit.Days, true, "90", "30", "-1", "expiration_invalid" },
        { LifetimeUnit.Days, true, "90", "30", "2147483647", "expiration_invalid" },
        { LifetimeUnit.Days, true, "1", "1", "1", "+1 requested" },
        { LifetimeUnit.Days, true, "1", "1", "2", "expiration_beyond_maximum" },
        // A default beyond the maximum, or none under a maximum, becomes the maximum, also when nobody combined the policies before.
        { LifetimeUnit.Days, true, "7", "30", Absent, "+7 default" },
        { LifetimeUnit.Days, true, "7", NoLimit, Absent, "+7 default" },
        { LifetimeUnit.Days, false, "7", NoLimit, Null, "expiration_choice_not_permitted" },
        // Without a choice the default is all there is; saying it aloud is no choice.
        { LifetimeUnit.Days, false, NoLimit, "30", Absent, "+30 default" },
        { LifetimeUnit.Days, false, NoLimit, "30", "30", "+30 default" },
        { LifetimeUnit.Days, false, NoLimit, "30", "29", "expiration_choice_not_permitted" },
        { LifetimeUnit.Days, false, NoLimit, "30", "31", "expiration_choice_not_permitted" },
        { LifetimeUnit.Days, false, NoLimit, "30", Null, "expiration_choice_not_permitted" },
        { LifetimeUnit.Days, false, NoLimit, "30", "0", "expiration_invalid" },
        { LifetimeUnit.Days, false, NoLimit, NoLimit, Absent, "never default" },
        { LifetimeUnit.Days, false, NoLimit, NoLimit, Null, "never default" },
        { LifetimeUnit.Days, false, NoLimit, NoLimit, "30", "expiration_choice_not_permitted" },
        { LifetimeUnit.Days, false, "90", "30", "91", "expiration_choice_not_permitted" },
        // A policy may hold any number that JSON can: no arithmetic may break on it.
        { LifetimeUnit.Days, true, NoLimit, "2147483647", Absent, "+36500 default" },
        { LifetimeUnit.Days, true, "2147483647", "30", "36500", "+36500 requested" },
        // Tokens: K8. 25 hours are a fixed rule of the product, said so with 403 as in contract §6; K8 has 400 for them, the contract wins.
        { LifetimeUnit.Hours, true, "24", "24", Absent, "+24 default" },
        { LifetimeUnit.Hours, true, "24", "24", Null, "expiration_invalid" },
        { LifetimeUnit.Hours, true, "24", "24", "0", "expiration_invalid" },
        { LifetimeUnit.Hours, true, "24", "24", "-1", "expiration_invalid" },
        { LifetimeUnit.Hours, true, "24", "24", "1", "+1 requested" },
        { LifetimeUnit.Hours, true, "24", "24", "24", "+24 requested" },
        { LifetimeUnit.Hours, true, "24", "24", "25", "expiration_beyond_maximum" },
        { LifetimeUnit.Hours, true, "24", "24", "2147483647", "expiration_invalid" },
        { LifetimeUnit.Hours, true, "4", "2", Absent, "+2 default" },
        { LifetimeUnit.Hours, true, "4", "2", "4", "+4 requested" },
        { LifetimeUnit.Hours, true, "4", "2", "5", "expiration_beyond_maximum" },
        { LifetimeUnit.Hours, true, "4", "24", Absent, "+4 default" },
        { LifetimeUnit.Hours, false, "24", "8", Absent, "+8 default" },
        { LifetimeUnit.Hours, false, "24", "8", "8", "+8 default" },
        { LifetimeUnit.Hours, false, "24", "8", "9", "expiration_choice_not_permitted" },
        { LifetimeUnit.Hours, false, "24", "8", Null, "expiration_invalid" },
        // No token lives longer than 24 hours, whatever a policy says.
        { LifetimeUnit.Hours, true, "48", "48", Absent, "+24 default" },
        { LifetimeUnit.Hours, true, "48", "48", "25", "expiration_beyond_maximum" },
        { LifetimeUnit.Hours, true, NoLimit, NoLimit, Absent, "+24 default" },
        { LifetimeUnit.Hours, true, NoLimit, NoLimit, "25", "expiration_beyond_maximum" },
        { LifetimeUnit.Hours, false, NoLimit, NoLimit, Absent, "+24 default" },
    };

    [Theory, MemberData(nameof(Decisions)), Trait("Case", "K8"), Trait("Case", "B5")]
    public void Decide_grants_or_refuses(LifetimeUnit unit, bool choice, string maximum, string preferred, string request, string expected)
    {
        var limits = new ExpirationLimits(unit, choice, Amount(maximum), Amount(preferred));
        var requested = request switch
        {
            Absent => default,
            Null => new Optional<int?>(null),
            _ => new Optional<int?>(Amount(request)),
        };
        Assert.Equal(expected, Outcome(limits, ExpirationPolicy.Decide(limits, requested, s_now, "theField")));
    }

    [Fact]
    public void The_end_is_exact_and_in_UTC()
    {
        var days = Granted(ExpirationPolicy.Decide(Policy.Fresh.ApiKeys, new Optional<int?>(7), s_now.AddTicks(1), "f"));
        Assert.Equal(s_now.AddTicks(1).AddDays(7), days.ExpiresAt);
        Assert.Equal(DateTimeKind.Utc, days.ExpiresAt!.Value.Kind);
        var hours = Granted(ExpirationPolicy.Decide(Policy.Fresh.Tokens, new Optional<int?>(1), s_now, "f"));
        Assert.Equal(s_now.AddSeconds(3600), hours.ExpiresAt);
    }

    [Fact]
    public void A_refusal_names_the_field_the_rule_and_its_owner()
    {
        var ofServer = new ExpirationLimits(LifetimeUnit.Days, true, 90, 30, RuleOwner.Server);
        var beyond = ExpirationPolicy.Decide(ofServer, new Optional<int?>(91), s_now, "expiresInDays").Problem;
        Assert.Equal((ProblemKind.Refused, "expiresInDays"), (beyond?.Kind, beyond?.Field));
        Assert.StartsWith("This server's policy allows at most 90 days.", beyond!.Detail, StringComparison.Ordinal);

        var ofOrganization = ofServer with { MaximumFrom = RuleOwner.Organization };
        Assert.StartsWith("Your organization's policy allows at most 90 days.",
            ExpirationPolicy.Decide(ofOrganization, new Optional<int?>(null), s_now, "f").Problem!.Detail, StringComparison.Ordinal);

        // 48 is the organization's number, 24 is what refuses.
        Assert.StartsWith("The server's fixed rule for tokens allows at most 24 hours.",
            ExpirationPolicy.Decide(new ExpirationLimits(LifetimeUnit.Hours, true, 48, 48), new Optional<int?>(30), s_now, "f").Problem!.Detail, StringComparison.Ordinal);

        var invalid = ExpirationPolicy.Decide(ofServer, new Optional<int?>(0), s_now, "expiresInDays").Problem;
        Assert.Equal((ProblemKind.Invalid, "expiresInDays"), (invalid?.Kind, invalid?.Field));
    }

    [Theory]
    [InlineData(false, true, "Your organization's policy")]
    [InlineData(true, false, "This server's policy")]
    [InlineData(false, false, "Your organization's policy")]
    public void Who_took_the_choice_away_is_said(bool organizationLeavesChoice, bool serverLeavesChoice, string owner)
    {
        var limits = ExpirationLimits.Strictest(
            new ExpirationLimits(LifetimeUnit.Days, organizationLeavesChoice, null, 30),
            new ExpirationLimits(LifetimeUnit.Days, serverLeavesChoice, null, null, RuleOwner.Server));
        var problem = ExpirationPolicy.Decide(limits, new Optional<int?>(7), s_now, "expiresInDays").Problem;
        Assert.Equal((ProblemKind.Refused, "expiration_choice_not_permitted", "expiresInDays"), (problem?.Kind, problem?.Code, problem?.Field));
        Assert.Equal($"{owner} does not let users choose an expiration: everybody gets 30 days. Leave the expiration out.", problem!.Detail);
        Assert.Equal($"{owner} does not let users choose an expiration: everybody gets 30 days.", ExpirationPolicy.Reason(limits));
    }

    [Fact]
    public void Whatever_is_granted_ends_no_later_than_the_maximum()
    {
        var random = new Random(20261123);
        var granted = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var limits = AnyLimits(random);
            var requested = random.Next(4) switch
            {
                0 => default,
                1 => new Optional<int?>(null),
                2 => new Optional<int?>(random.Next(-2, 130)),
                _ => new Optional<int?>(random.Next(int.MinValue, int.MaxValue)),
            };
            if (!ExpirationPolicy.Decide(limits, requested, s_now, "f").TryGet(out var expiration, out _))
                continue;
            granted++;
            var longest = limits.Unit == LifetimeUnit.Hours ? Math.Min(limits.Maximum ?? 24, 24) : limits.Maximum;
            if (longest is { } maximum)
                Assert.True(expiration.ExpiresAt <= s_now + limits.Span(maximum), $"{limits} {requested} {expiration}");
            if (expiration.ExpiresAt is { } end)
                Assert.True(end > s_now, $"{limits} {requested} {expiration}");
            if (requested.IsPresent)
                Assert.Equal(requested.Value is { } amount ? s_now + limits.Span(amount) : null, expiration.ExpiresAt);
            Assert.Equal(requested.IsPresent && limits.UserChoice ? ExpiresBecause.Requested : ExpiresBecause.Default, expiration.Because);
        }

        Assert.InRange(granted, 5_000, 20_000);
    }

    [Theory]
    [InlineData(null, 30, "No expiration, 7 days, 30 days, 60 days, 90 days")]
    [InlineData(null, null, "No expiration, 7 days, 30 days, 60 days, 90 days")]
    [InlineData(null, 14, "No expiration, 7 days, 14 days, 30 days, 60 days, 90 days")]
    [InlineData(1, 1, "1 day")]
    [InlineData(5, 5, "5 days")]
    [InlineData(5, 30, "5 days")]
    [InlineData(7, 7, "7 days")]
    [InlineData(45, 30, "7 days, 30 days, 45 days")]
    [InlineData(45, null, "7 days, 30 days, 45 days")]
    [InlineData(90, 30, "7 days, 30 days, 60 days, 90 days")]
    [InlineData(120, 30, "7 days, 30 days, 60 days, 90 days, 120 days")]
    public void The_menu_of_days_offers_the_steps_and_the_maximum(int? maximum, int? preferred, string expected) =>
        Assert.Equal(expected, Menu(new ExpirationLimits(LifetimeUnit.Days, true, maximum, preferred)));

    [Theory]
    [InlineData(1, "1 hour")]
    [InlineData(3, "1 hour, 2 hours, 3 hours")]
    public void The_menu_of_hours_ends_with_the_maximum(int maximum, string expected) =>
        Assert.Equal(expected, Menu(new ExpirationLimits(LifetimeUnit.Hours, true, maximum, 1)));

    [Theory]
    [InlineData(24)]
    [InlineData(48)]
    [InlineData(null)]
    public void The_menu_of_hours_never_offers_more_than_24(int? maximum)
    {
        var amounts = ExpirationPolicy.Choices(new ExpirationLimits(LifetimeUnit.Hours, true, maximum, maximum)).Select(choice => choice.Amount);
        Assert.Equal(Enumerable.Range(1, 24).Select(hours => (int?)hours), amounts);
    }

    [Theory]
    [InlineData(LifetimeUnit.Days)]
    [InlineData(LifetimeUnit.Hours)]
    public void Without_a_choice_there_is_no_menu(LifetimeUnit unit) => Assert.Empty(ExpirationPolicy.Choices(new ExpirationLimits(unit, false, 24, 8)));

    [Fact]
    public void Everything_on_the_menu_is_granted_and_the_default_is_on_it()
    {
        var random = new Random(20261123);
        for (var i = 0; i < 2_000; i++)
        {
            var limits = ExpirationLimits.Strictest(AnyLimits(random) with { UserChoice = true, Unit = LifetimeUnit.Days },
                AnyLimits(random) with { UserChoice = true, Unit = LifetimeUnit.Days });
            var menu = ExpirationPolicy.Choices(limits);
            Assert.All(menu, choice => Granted(ExpirationPolicy.Decide(limits, new Optional<int?>(choice.Amount), s_now, "f")));
            Assert.Contains(menu, choice => choice.Amount == limits.Default);
            Assert.Equal(menu.Count, menu.Select(choice => choice.Amount).Distinct().Count());
        }
    }

    [Fact]
    public void The_reason_is_one_sentence_about_the_rule()
    {
        var days = new ExpirationLimits(LifetimeUnit.Days, true, null, 30);
        Assert.Equal("Your organization sets no maximum. Shorter expiration periods are more secure.", ExpirationPolicy.Reason(days));
        Assert.Equal("Your organization's policy allows at most 1 day. Shorter expiration periods are more secure.", ExpirationPolicy.Reason(days with { Maximum = 1 }));
        Assert.Equal("This server's policy allows at most 90 days. Shorter expiration periods are more secure.",
            ExpirationPolicy.Reason(days with { Maximum = 90, MaximumFrom = RuleOwner.Server }));
        Assert.Equal("The server's fixed rule for tokens allows at most 24 hours. Shorter expiration periods are more secure.", ExpirationPolicy.Reason(Policy.Fresh.Tokens));
        Assert.Equal("Your organization's policy does not let users choose an expiration: there is none.",
            ExpirationPolicy.Reason(days with { UserChoice = false, Default = null }));
    }

    internal static ExpirationLimits AnyLimits(Random random) => new(
        random.Next(2) == 0 ? LifetimeUnit.Days : LifetimeUnit.Hours,
        random.Next(3) > 0,
        random.Next(3) == 0 ? null : random.Next(1, 130),
        random.Next(3) == 0 ? null : random.Next(1, 130),
        (RuleOwner)random.Next(1, 3));

    private static string Menu(ExpirationLimits limits) => string.Join(", ", ExpirationPolicy.Choices(limits).Select(choice => choice.Label));

    private static Core.Expiration.Expiration Granted(Result<Core.Expiration.Expiration> result)
    {
        Assert.True(result.TryGet(out var expiration, out var problem), problem?.Detail);
        return expiration;
    }

    private static int? Amount(string text) => text == NoLimit ? null : int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static string Outcome(ExpirationLimits limits, Result<Core.Expiration.Expiration> result)
    {
        if (!result.TryGet(out var expiration, out var problem))
        {
            Assert.Equal("theField", problem.Field);
            return problem.Code;
        }

        return expiration.ExpiresAt is { } end ? $"+{(end - s_now) / limits.Span(1)} {expiration.Because.Word()}" : $"never {expiration.Because.Word()}";
    }
}
