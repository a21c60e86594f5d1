namespace Activate.Identity.Core.Tokens;

/// <summary>What a refresh token is when it comes.</summary>
public enum RefreshVerdict
{
    /// <summary>The one that counts: redeem it.</summary>
    Redeem = 1,
    /// <summary>The one before it, just redeemed: an honest process beside another, or one whose answer was lost. It gets what the other got.</summary>
    Again = 2,
    /// <summary>One that was redeemed long ago: it or its successor is in a thief's hands, and the chain ends (RFC 9700 §4.14.2).</summary>
    Replayed = 3,
    /// <summary>The chain has ended by its absolute or its sliding end, or a restored database does not know the token yet.</summary>
    Ended = 4,
}

/// <summary>When a refresh token may be redeemed.</summary>
public static class RefreshRule
{
    /// <summary>
    /// How long a redeemed token still gives what its redemption gave. Two processes that share a file of tokens refresh in the same second; an answer that got lost
    /// is asked for again.
    /// </summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <summary>A chain that nobody uses ends after this (the sliding end).</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromDays(30);

    /// <summary>No chain lives longer, also where a policy has no limit (the absolute end).</summary>
    public const int LongestDays = 365;

    /// <param name="place">The place in the chain of the token that came.</param>
    /// <param name="current">The place that counts.</param>
    /// <param name="refreshedAt">When the one before it was redeemed.</param>
    /// <param name="endsAt">The sooner of the absolute and the sliding end.</param>
    /// <param name="now">The time.</param>
    public static RefreshVerdict Decide(int place, int current, DateTime? refreshedAt, DateTime endsAt, DateTime now)
    {
        if (endsAt <= now || place > current)
            return RefreshVerdict.Ended;
        if (place == current)
            return RefreshVerdict.Redeem;
        return place == current - 1 && now - refreshedAt < Grace ? RefreshVerdict.Again : RefreshVerdict.Replayed;
    }
}
