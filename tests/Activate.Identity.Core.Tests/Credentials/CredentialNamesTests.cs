using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.Tests.Credentials;

public sealed class CredentialNamesTests
{
    private static readonly DateTime s_created = new(2026, 11, 23, 5, 0, 0, DateTimeKind.Utc);

    [Theory]
    // A life of 90 days: the last 14.
    [InlineData(90 * 24, 0, "active")]
    [InlineData(90 * 24, 76 * 24 - 1, "active")]
    [InlineData(90 * 24, 76 * 24, "expiring")]
    [InlineData(90 * 24, 90 * 24 - 1, "expiring")]
    [InlineData(90 * 24, 90 * 24, "expired")]
    [InlineData(90 * 24, 1000 * 24, "expired")]
    // 56 days are where a quarter is 14 days.
    [InlineData(56 * 24, 42 * 24 - 1, "active")]
    [InlineData(56 * 24, 42 * 24, "expiring")]
    // A token of 24 hours: the last six.
    [InlineData(24, 0, "active")]
    [InlineData(24, 17, "active")]
    [InlineData(24, 18, "expiring")]
    [InlineData(24, 24, "expired")]
    // Cut by policy at its making, or before.
    [InlineData(0, 0, "expired")]
    [InlineData(-1, 0, "expired")]
    public void The_state_follows_from_the_end(int lifeHours, int ageHours, string expected) =>
        Assert.Equal(expected, CredentialNames.State(s_created, s_created.AddHours(lifeHours), s_created.AddHours(ageHours)));

    [Fact]
    public void What_never_ends_is_active() => Assert.Equal("active", CredentialNames.State(s_created, null, s_created.AddYears(100)));

    [Fact]
    public void The_end_itself_is_past_it_and_a_tick_before_is_not()
    {
        var end = s_created.AddDays(30);
        Assert.Equal("expiring", CredentialNames.State(s_created, end, end.AddTicks(-1)));
        Assert.Equal("expired", CredentialNames.State(s_created, end, end));
    }

    [Theory]
    [InlineData(CredentialKind.ApiKey, "apiKey")]
    [InlineData(CredentialKind.Token, "token")]
    [InlineData(CredentialKind.Session, "session")]
    [InlineData(CredentialKind.SshKey, "sshKey")]
    public void A_kind_has_the_word_of_the_contract(CredentialKind kind, string expected) => Assert.Equal(expected, kind.Word());

    [Theory]
    [InlineData(ExpiresBecause.Requested, "requested")]
    [InlineData(ExpiresBecause.Default, "default")]
    [InlineData(ExpiresBecause.Policy, "policy")]
    [InlineData(ExpiresBecause.Parent, "parent")]
    [InlineData(ExpiresBecause.Unused, "unused")]
    public void A_reason_has_the_word_of_the_contract(ExpiresBecause reason, string expected) => Assert.Equal(expected, reason.Word());

    [Fact]
    public void Every_kind_and_every_reason_has_its_own_word()
    {
        Assert.Distinct(Enum.GetValues<CredentialKind>().Select(kind => kind.Word()));
        Assert.Distinct(Enum.GetValues<ExpiresBecause>().Select(reason => reason.Word()));
    }
}
