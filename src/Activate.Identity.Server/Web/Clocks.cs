namespace Activate.Identity.Server.Web;

public static class Clocks
{
    /// <summary>Now in UTC and whole seconds, as tokens and answers show it: what is stored and what is shown are then the same moment.</summary>
    public static DateTime Now(this TimeProvider clock)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
    }
}
