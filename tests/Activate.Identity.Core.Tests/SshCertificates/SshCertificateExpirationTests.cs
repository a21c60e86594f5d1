using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.SshCertificates;

namespace Activate.Identity.Core.Tests.SshCertificates;

public sealed class SshCertificateExpirationTests
{
    private static readonly DateTime s_now = new(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc);

    /// <summary>Hours: the maximum of tokens, what is asked for (0: nothing), what is left of the session, and since when the key was added under a policy of one day (-1: no policy); the life, and why.</summary>
    [Theory]
    [InlineData(24, 0, 24, -1, 24, ExpiresBecause.Default)]
    [InlineData(8, 0, 24, -1, 8, ExpiresBecause.Default)]
    [InlineData(24, 2, 24, -1, 2, ExpiresBecause.Requested)]
    [InlineData(24, 24, 5, -1, 5, ExpiresBecause.Parent)]
    [InlineData(24, 0, 5, 0, 5, ExpiresBecause.Parent)]
    [InlineData(24, 0, 24, 20, 4, ExpiresBecause.Policy)]
    [InlineData(24, 3, 24, 20, 3, ExpiresBecause.Requested)]
    [InlineData(24, 0, 2, 20, 2, ExpiresBecause.Parent)]
    public void The_soonest_of_wish_policy_key_and_session_counts(int maximum, int wish, int session, int keyAge, int life, ExpiresBecause because)
    {
        Assert.True(Decide(maximum, wish, session, keyAge).TryGet(out var expiration, out var problem), problem?.Code);
        Assert.Equal((s_now.AddHours(life), because), (expiration.ExpiresAt, expiration.Because));
    }

    [Fact]
    public void What_the_policy_does_not_give_is_refused()
    {
        Assert.Equal("expiration_beyond_maximum", Decide(8, 9, 24, -1).Problem?.Code);
        Assert.Equal("expiration_invalid", Decide(8, -1, 24, -1).Problem?.Code);
        Assert.Equal("ssh_key_ended_by_policy", Decide(24, 0, 24, 24).Problem?.Code);
        Assert.Equal("ssh_key_ended_by_policy", Decide(24, 0, 24, -1, s_now).Problem?.Code);
        Assert.True(Decide(24, 0, 24, -1, s_now.AddHours(1)).TryGet(out var expiration, out _));
        Assert.Equal((s_now.AddHours(1), ExpiresBecause.Policy), (expiration.ExpiresAt, expiration.Because));
    }

    private static Core.Errors.Result<Core.Expiration.Expiration> Decide(int maximum, int wish, int session, int keyAge, DateTime? keyEndsAt = null) => SshCertificateExpiration.Decide(
        new ExpirationLimits(LifetimeUnit.Hours, UserChoice: true, maximum, maximum), new ExpirationLimits(LifetimeUnit.Days, UserChoice: true, keyAge < 0 ? null : 1, null),
        wish == 0 ? default : new Optional<int?>(wish), s_now, keyAge < 0 ? s_now.AddYears(-1) : s_now.AddHours(-keyAge), keyEndsAt, s_now.AddHours(session), "expiresInHours");
}
