using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public sealed class CutTests
{
    private static readonly DateTime s_now = new(2026, 11, 25, 12, 0, 0, DateTimeKind.Utc);
    private static readonly TimeSpan s_thirtyDays = TimeSpan.FromDays(30);

    /// <summary>Created and stored end as days from now, grace in days, expected end as days from now; null is never.</summary>
    [Theory]
    [InlineData(-10, null, 0, 20)]
    [InlineData(-10, 80, 0, 20)]
    [InlineData(-10, 20, 0, 20)]
    [InlineData(-10, 5, 0, 5)]
    [InlineData(-40, null, 0, 0)]
    [InlineData(-40, 50, 0, 0)]
    [InlineData(-40, null, 7, 7)]
    [InlineData(-40, 5, 7, 5)]
    [InlineData(-27, null, 7, 7)]
    [InlineData(-20, null, 7, 10)]
    [InlineData(-40, -3, 7, -3)]
    [InlineData(0, null, 0, 30)]
    public void The_end_is_the_sooner_of_the_stored_one_and_the_maximum_but_not_before_the_grace(int created, int? stored, int grace, int? expected) =>
        Assert.Equal(Day(expected), Cut.End(Day(stored), s_now.AddDays(created), s_thirtyDays, s_now.AddDays(grace)));

    [Fact]
    public void A_kind_without_a_maximum_is_left_alone()
    {
        Assert.Null(Cut.End(null, s_now.AddYears(-9), null, s_now));
        Assert.Equal(Day(400), Cut.End(Day(400), s_now.AddYears(-9), null, s_now));
    }

    [Fact]
    public void It_never_lengthens_and_neither_order_nor_repetition_of_cuts_matters()
    {
        var random = new Random(20261125);
        for (var i = 0; i < 10_000; i++)
        {
            var created = s_now.AddHours(-random.Next(2000));
            DateTime? stored = random.Next(4) == 0 ? null : created.AddHours(random.Next(4000));
            var (a, b) = (NewCut(), NewCut());
            var once = a(stored);
            Assert.True(stored is null || once <= stored);
            Assert.Equal(once, a(once));
            Assert.Equal(b(once), a(b(stored)));

            Func<DateTime?, DateTime?> NewCut()
            {
                TimeSpan? maximum = random.Next(5) == 0 ? null : TimeSpan.FromDays(random.Next(1, 90));
                var grace = s_now.AddDays(random.Next(30));
                return end => Cut.End(end, created, maximum, grace);
            }
        }
    }

    private static DateTime? Day(int? days) => days is { } n ? s_now.AddDays(n) : null;
}
