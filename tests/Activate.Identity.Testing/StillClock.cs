using Microsoft.Extensions.Time.Testing;

namespace Activate.Identity.Testing;

/// <summary>
/// A clock that stands still until it is moved. A timer that repeats goes off once in a move, however many of its periods that is: a year would be a million rounds of every
/// loop of a server, all for nothing.
/// </summary>
internal sealed class StillClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        period == Timeout.InfiniteTimeSpan ? base.CreateTimer(callback, state, dueTime, period) : new Repeating(this, callback, state, dueTime, period);

    private ITimer Once(TimerCallback callback) => base.CreateTimer(callback, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private sealed class Repeating : ITimer
    {
        private readonly ITimer _next;
        private TimeSpan _period;

        public Repeating(StillClock clock, TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _next = clock.Once(_ =>
            {
                // The clock has arrived where it was moved to: the next time is a period from there.
                _next!.Change(_period, Timeout.InfiniteTimeSpan);
                callback(state);
            });
            Change(dueTime, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            return _next.Change(dueTime, Timeout.InfiniteTimeSpan);
        }

        public void Dispose() => _next.Dispose();

        public ValueTask DisposeAsync() => _next.DisposeAsync();
    }
}
