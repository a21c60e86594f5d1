namespace Activate.Identity.Cli.Login;

/// <summary>What one poll of the token endpoint said.</summary>
internal abstract record PollAnswer
{
    public sealed record Granted(TokenAnswer Token) : PollAnswer;

    public sealed record Pending : PollAnswer;

    public sealed record SlowDown : PollAnswer;

    /// <summary>No answer, or one that says "not now". The code may still be good.</summary>
    public sealed record Unreachable(TimeSpan? RetryAfter) : PollAnswer;

    /// <summary>An answer that will not change: denied, expired, unknown.</summary>
    public sealed record Ended(string Message) : PollAnswer;
}

/// <summary>
/// When to poll (RFC 8628 §3.5). Knows nothing of HTTP, and of time only through <see cref="TimeProvider"/>.
/// <code>
///  authorization_pending   wait the interval
///  slow_down               5 seconds longer, for good
///  no answer, 429, 5xx     back off: twice the wait each time, up to a minute, never less than the interval or Retry-After;
///                          a grant whose answer was lost on the way is given again to the same code
///  anything else           the end
/// </code>
/// </summary>
internal sealed class DevicePolling(TimeSpan interval, DateTimeOffset expiresAt, TimeProvider time)
{
    private static readonly TimeSpan s_slowDown = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_longestBackOff = TimeSpan.FromMinutes(1);

    public const string ExpiredMessage = "The code expired before anybody allowed it. Run the command again.";

    public DateTimeOffset ExpiresAt { get; } = expiresAt;

    public async Task<TokenAnswer> RunAsync(Func<CancellationToken, Task<PollAnswer>> poll, CancellationToken cancellation)
    {
        var wait = interval;
        var backOff = TimeSpan.Zero;
        while (true)
        {
            var left = ExpiresAt - time.GetUtcNow();
            if (left > TimeSpan.Zero)
                await Task.Delay(wait < left ? wait : left, time, cancellation);
            // A code that ends before the next poll is due is not worth a poll that comes too early.
            if (wait >= left)
                throw Failure.Failed(ExpiredMessage);

            switch (await poll(cancellation))
            {
                case PollAnswer.Granted granted:
                    return granted.Token;
                case PollAnswer.Ended ended:
                    throw Failure.Failed(ended.Message);
                case PollAnswer.Unreachable unreachable:
                    backOff = Least(backOff == TimeSpan.Zero ? interval : backOff * 2, s_longestBackOff);
                    wait = Most(Most(interval, backOff), unreachable.RetryAfter ?? TimeSpan.Zero);
                    continue;
                case PollAnswer.SlowDown:
                    interval += s_slowDown;
                    break;
            }

            backOff = TimeSpan.Zero;
            wait = interval;
        }
    }

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static TimeSpan Most(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
