namespace Activate.Identity.Core.Expiration;

/// <summary>
/// What a policy that was tightened with <c>shorten</c> does to a credential that was there before: the one rule behind the preview, every check and the rewriting
/// of the rows. It only ever shortens, and applying it twice is applying it once.
/// </summary>
public static class Cut
{
    /// <param name="end">The credential's end before; null: never.</param>
    /// <param name="since">When its life began, from which the maximum counts.</param>
    /// <param name="maximum">The longest life; null: the cut does not concern this kind.</param>
    /// <param name="graceEndsAt">No credential is cut to before this moment: the cut's own when there is no grace.</param>
    /// <returns>min(end, max(since + maximum, graceEndsAt)).</returns>
    public static DateTime? End(DateTime? end, DateTime since, TimeSpan? maximum, DateTime graceEndsAt)
    {
        if (maximum is not { } life)
            return end;
        var latest = since + life;
        var cut = graceEndsAt > latest ? graceEndsAt : latest;
        return end <= cut ? end : cut;
    }
}
