using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Keys;

/// <summary>
/// The times in the life of a signing key (docs/decisions/0010). They stand together because each follows from the others:
/// <code>
/// made ────────────────── every node publishes it ── no cache without it ───────── signs ───────── the next one signs ──────── its last token ends ── retired
///   at most 2 × Reread (10 s)                 PublishedDocuments.MaxAge (5 min)   Lead (10 min)                LongestToken (24 h)           Margin (10 min)
/// </code>
/// </summary>
public static class SigningKeySchedule
{
    /// <summary>How often a node looks for keys that others made.</summary>
    public static readonly TimeSpan Reread = TimeSpan.FromSeconds(5);

    /// <summary>
    /// From making to signing. A copy of the key set from just before the last node saw the new key is kept for <see cref="PublishedDocuments.MaxAge"/>; what is
    /// left of the lead is for clocks that differ and for a database that does not answer at once.
    /// </summary>
    public static readonly TimeSpan Lead = TimeSpan.FromMinutes(10);

    /// <summary>From when a scheduled rotation is due, after the newest key was made.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromDays(90);

    /// <summary>The longest life of anything signed: access tokens; ID tokens end sooner, refresh tokens are not signed.</summary>
    public static readonly TimeSpan LongestToken = TimeSpan.FromHours(Policy.LongestTokenHours);

    /// <summary>For clocks that differ, ours and those of who verifies.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromMinutes(10);

    /// <summary>Rows stay a little longer than the key is published: another node's clock may be behind.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(1);

    /// <summary>Of an algorithm, at once: everybody who verifies fetches them all.</summary>
    public const int MostKeys = 20;

    /// <param name="nextSignsFrom">From when the key after it signs.</param>
    public static DateTime RetiresAt(DateTime nextSignsFrom) => nextSignsFrom + LongestToken + Margin;
}
