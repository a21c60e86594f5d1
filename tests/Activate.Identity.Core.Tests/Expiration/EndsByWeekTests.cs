using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests.Expiration;

public sealed class EndsByWeekTests
{
    private static readonly DateTime s_now = new(2026, 11, 24, 8, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void Each_end_is_counted_once_where_it_belongs()
    {
        var ends = new EndsByWeek(s_now);
        foreach (var end in (DateTime?[])[
            null,
            s_now.AddDays(-1), s_now,
            s_now.AddTicks(1), s_now.AddDays(7).AddTicks(-1),
            s_now.AddDays(7),
            s_now.AddDays(84).AddTicks(-1),
            s_now.AddDays(84), DateTime.MaxValue])
        {
            ends.Add(end);
        }

        Assert.Equal(1, ends.Never);
        Assert.Equal(2, ends.AtOnce);
        Assert.Equal([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], ends.InWeek);
        Assert.Equal(2, ends.Later);
        Assert.Equal(2, ends.Most);
    }
}
