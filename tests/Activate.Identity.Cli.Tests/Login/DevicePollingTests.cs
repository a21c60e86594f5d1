using Activate.Identity.Cli.Login;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Login;

public sealed class DevicePollingTests
{
    private readonly Clock _clock = new();
    private readonly List<TimeSpan> _polledAt = [];

    private static PollAnswer Pending => new PollAnswer.Pending();
    private static PollAnswer SlowDown => new PollAnswer.SlowDown();
    private static PollAnswer NoAnswer => new PollAnswer.Unreachable(null);
    private static PollAnswer Granted => new PollAnswer.Granted(new TokenAnswer("token", "Bearer", 3600, null, null, null));

    [Fact]
    public async Task The_first_poll_and_every_other_waits_the_interval()
    {
        var token = await RunAsync(600, Pending, Pending, Granted);

        Assert.Equal("token", token.AccessToken);
        Assert.Equal([5, 10, 15], _polledAt.Select(at => at.TotalSeconds));
    }

    [Fact]
    public async Task Slow_down_makes_every_later_wait_five_seconds_longer()
    {
        await RunAsync(600, Pending, SlowDown, Pending, SlowDown, Pending, Granted);

        Assert.Equal([5, 5, 10, 10, 15, 15], _clock.Waits);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_asked_less_and_less_often_until_it_does()
    {
        await RunAsync(600, NoAnswer, NoAnswer, NoAnswer, NoAnswer, NoAnswer, NoAnswer, Pending, Granted);

        Assert.Equal([5, 5, 10, 20, 40, 60, 60, 5], _clock.Waits);
    }

    [Fact]
    public async Task Retry_after_is_honoured_when_it_is_longer()
    {
        await RunAsync(600, new PollAnswer.Unreachable(TimeSpan.FromSeconds(33)), new PollAnswer.Unreachable(TimeSpan.FromSeconds(1)), Granted);

        Assert.Equal([5, 33, 10], _clock.Waits);
    }

    [Fact]
    public async Task Polling_ends_when_the_code_does_and_not_with_a_poll_that_comes_too_early()
    {
        var failure = await Assert.ThrowsAsync<Failure>(() => RunAsync(12, Pending, Pending, Granted));

        Assert.Equal(ExitCodes.Failed, failure.ExitCode);
        Assert.Contains("expired", failure.Message, StringComparison.Ordinal);
        Assert.Equal([5, 10], _polledAt.Select(at => at.TotalSeconds));
        Assert.Equal(12, _clock.Waits.Sum());
    }

    [Fact]
    public async Task A_final_answer_ends_polling_at_once()
    {
        var failure = await Assert.ThrowsAsync<Failure>(() => RunAsync(600, Pending, new PollAnswer.Ended("Denied."), Granted));

        Assert.Equal("Denied.", failure.Message);
        Assert.Equal(2, _polledAt.Count);
    }

    [Fact]
    public async Task Cancellation_ends_the_wait()
    {
        using var stop = new CancellationTokenSource();
        var polling = new DevicePolling(TimeSpan.FromHours(1), TimeProvider.System.GetUtcNow().AddHours(2), TimeProvider.System);
        var running = polling.RunAsync(_ => Task.FromResult(Granted), stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private Task<TokenAnswer> RunAsync(int lifetime, params PollAnswer[] answers)
    {
        var next = 0;
        return new DevicePolling(TimeSpan.FromSeconds(5), Clock.Start.AddSeconds(lifetime), _clock).RunAsync(_ =>
        {
            _polledAt.Add(_clock.GetUtcNow() - Clock.Start);
            return Task.FromResult(answers[next++]);
        }, CancellationToken.None);
    }
}
