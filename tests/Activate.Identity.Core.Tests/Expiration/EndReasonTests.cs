using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public class EndReasonTests
{
    private static readonly DateTime s_made = new(2026, 11, 1, 8, 0, 0, DateTimeKind.Utc);
    private static readonly ExpirationLimits s_thirty = Policy.Fresh.ApiKeys with { Maximum = 30 };

    private static EndFacts Facts(ExpiresBecause because, DateTime? end = null, CredentialKind kind = CredentialKind.ApiKey) => new(kind, because, end, s_made, s_made);

    [Fact]
    public void The_words_are_those_of_the_refusals()
    {
        var reason = (Facts(ExpiresBecause.Requested, s_made.AddDays(7)) with { Limits = s_thirty }).Explain();
        Assert.Equal("requested", reason.Code);
        Assert.Contains(s_thirty.MaximumRule(), reason.Detail, StringComparison.Ordinal);
        Assert.StartsWith(s_thirty.MaximumRule(), Problems.BeyondMaximum("x", s_thirty).Detail, StringComparison.Ordinal);
        var none = s_thirty with { UserChoice = false };
        Assert.Equal(("no_choice", none.NoChoice()), ((Facts(ExpiresBecause.Default, s_made.AddDays(30)) with { Limits = none }).Explain() is var told ? (told.Code, told.Detail) : default));
        Assert.StartsWith(none.NoChoice(), Problems.ChoiceNotPermitted("x", none).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_of_the_policy_is_told_with_its_time_and_author()
    {
        var change = new PolicyShortening(s_made.AddDays(10), "grace", s_thirty, s_made.AddDays(10));
        Assert.Equal(s_made.AddDays(30), change.EndOf(s_made));
        var reason = (Facts(ExpiresBecause.Policy, change.EndOf(s_made)) with { Shortening = change, WasShortened = true }).Explain();
        Assert.Equal(("policy_changed", change.At, "grace"), (reason.Code, reason.DecidedAt, reason.DecidedBy));
        Assert.Contains("grace made the policy stricter on 2026-11-11 08:00 UTC", reason.Detail, StringComparison.Ordinal);
        Assert.Equal("policy", (Facts(ExpiresBecause.Policy, s_made) with { WasShortened = true }).Explain().Code);
        var late = change with { By = null, GraceEndsAt = s_made.AddDays(60) };
        var graced = (Facts(ExpiresBecause.Policy, late.EndOf(s_made)) with { Shortening = late }).Explain();
        Assert.Contains("Somebody who is gone", graced.Detail, StringComparison.Ordinal);
        Assert.Contains("ends with the grace", graced.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExpiresBecause.Requested, "requested")]
    [InlineData(ExpiresBecause.Default, "default")]
    [InlineData(ExpiresBecause.Policy, "policy")]
    [InlineData(ExpiresBecause.Parent, "parent")]
    [InlineData(ExpiresBecause.Unused, "unused")]
    public void Every_reason_can_be_explained_when_nothing_else_is_known(ExpiresBecause because, string code)
    {
        foreach (var kind in CredentialNames.Kinds)
            Assert.Equal(code, Facts(because, s_made.AddHours(1), kind).Explain().Code);
        Assert.Equal("idle", (Facts(because) with { EndedIdle = true }).Explain().Code);
    }
}
