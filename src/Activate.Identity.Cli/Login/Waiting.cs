using Activate.Identity.Cli.Output;
using Spectre.Console;

namespace Activate.Identity.Cli.Login;

/// <summary>A spinner with the time that is left, where somebody watches; one plain line where nobody does.</summary>
internal static class Waiting
{
    public static async Task<T> ForAsync<T>(Surroundings around, DateTimeOffset until, string what, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        if (!around.ErrorIsTerminal)
        {
            around.Error.WriteLine($"{what} (until {Times.Exact(until)}).");
            return await work(cancellation);
        }

        var running = work(cancellation);
        await Tables.Console(around.Error, isTerminal: true).Status().Spinner(Spinner.Known.Dots).StartAsync(Line(), async status =>
        {
            while (!running.IsCompleted)
            {
                status.Status = Line();
                await Task.WhenAny(running, Task.Delay(TimeSpan.FromSeconds(1), around.Time, CancellationToken.None));
            }
        });
        return await running;

        string Line()
        {
            var left = until - around.Time.GetUtcNow();
            return $"{what}, {Math.Max(0, (int)left.TotalMinutes)}:{Math.Max(0, left.Seconds):00} left. Ctrl-C gives up.";
        }
    }
}
