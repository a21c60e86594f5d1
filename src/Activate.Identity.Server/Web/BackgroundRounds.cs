namespace Activate.Identity.Server.Web;

/// <summary>Work that no request waits for, round by round, and at once for whoever asks. A round that fails is told and does not keep the next from coming.</summary>
/// <param name="interval">Between two rounds, unless somebody wakes it.</param>
/// <param name="trouble">What a failed round means.</param>
/// <param name="logger">Where that is told.</param>
public abstract class BackgroundRounds(TimeSpan interval, string trouble, ILogger logger) : BackgroundService
{
    private readonly SemaphoreSlim _wake = new(0);

    /// <summary>There is something to do: begin at once.</summary>
    public void Wake() => _wake.Release();

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    protected abstract Task RoundAsync(CancellationToken cancellationToken);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _wake.WaitAsync(interval, stoppingToken);
            try
            {
                await RoundAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                logger.LogWarning(exception, "{Trouble}", trouble);
            }
        }
    }
}
