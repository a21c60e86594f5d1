using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.Tests.SshKeys;

public sealed class SshKeyExpirationTests
{
    private static readonly DateTime s_now = new(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>Maximum and default of the policy, choice, request ("-": left out), days since the key was first added; the end in days from now and why, or the refusal.</summary>
    [Theory]
    [InlineData(null, null, true, "-", 100, null, ExpiresBecause.Default)]
    [InlineData(null, null, true, "null", 100, null, ExpiresBecause.Requested)]
    [InlineData(null, null, true, "7", 100, 7, ExpiresBecause.Requested)]
    [InlineData(30, null, true, "-", 0, 30, ExpiresBecause.Default)]
    [InlineData(30, null, true, "-", 10, 20, ExpiresBecause.Policy)]
    [InlineData(30, null, true, "30", 10, 20, ExpiresBecause.Policy)]
    [InlineData(30, null, true, "7", 10, 7, ExpiresBecause.Requested)]
    [InlineData(30, null, true, "7", 29, 1, ExpiresBecause.Policy)]
    [InlineData(90, 14, false, "-", 10, 4, ExpiresBecause.Policy)]
    [InlineData(90, 14, false, "-", 0, 14, ExpiresBecause.Default)]
    public void The_clock_runs_from_the_first_time(int? maximum, int? fallback, bool choice, string requested, int age, int? end, ExpiresBecause because)
    {
        Assert.True(SshKeyExpiration.Decide(Limits(maximum, fallback, choice), Request(requested), s_now, s_now.AddDays(-age), null, "expiresInDays").TryGet(out var expiration, out _));
        Assert.Equal((end is { } days ? s_now.AddDays(days) : null, because), (expiration.ExpiresAt, expiration.Because));
    }

    [Theory]
    [InlineData(30, null, true, "-", 30, "ssh_key_ended_by_policy")]
    [InlineData(30, null, true, "1", 31, "ssh_key_ended_by_policy")]
    [InlineData(90, 14, false, "-", 14, "ssh_key_ended_by_policy")]
    [InlineData(30, null, true, "31", 0, "expiration_beyond_maximum")]
    [InlineData(30, null, true, "null", 0, "expiration_beyond_maximum")]
    [InlineData(90, 14, false, "7", 0, "expiration_choice_not_permitted")]
    [InlineData(null, null, true, "0", 0, "expiration_invalid")]
    public void What_the_policy_does_not_give_is_refused(int? maximum, int? fallback, bool choice, string requested, int age, string code) =>
        Assert.Equal(code, SshKeyExpiration.Decide(Limits(maximum, fallback, choice), Request(requested), s_now, s_now.AddDays(-age), null, "expiresInDays").Problem?.Code);

    /// <summary>The end that a policy gave the key before, in days from now, and what it gets under a policy of 30 days since it was added 10 days ago, or under none.</summary>
    [Theory]
    [InlineData(5, 30, "-", 5, ExpiresBecause.Policy)]
    [InlineData(5, null, "null", 5, ExpiresBecause.Policy)]
    [InlineData(5, null, "6", 5, ExpiresBecause.Policy)]
    [InlineData(5, null, "3", 3, ExpiresBecause.Requested)]
    [InlineData(25, 30, "-", 20, ExpiresBecause.Policy)]
    public void An_end_by_policy_that_is_still_to_come_is_final_too(int before, int? maximum, string requested, int end, ExpiresBecause because)
    {
        Assert.True(SshKeyExpiration.Decide(Limits(maximum, null, true), Request(requested), s_now, s_now.AddDays(-10), s_now.AddDays(before), "expiresInDays").TryGet(out var expiration, out _));
        Assert.Equal((s_now.AddDays(end), because), (expiration.ExpiresAt, expiration.Because));
    }

    private static ExpirationLimits Limits(int? maximum, int? fallback, bool choice) => new(LifetimeUnit.Days, choice, maximum, fallback);

    private static Optional<int?> Request(string text) => text switch
    {
        "-" => default,
        "null" => new Optional<int?>(null),
        _ => new Optional<int?>(int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)),
    };
}
