using System.Security.Claims;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>What a check of a credential came to, and how long that may be repeated without asking again.</summary>
internal sealed class Verdict
{
    private Verdict(Outcome outcome, ClaimsIdentity? identity, DateTimeOffset until) => (Outcome, Identity, Until) = (outcome, identity, until);

    /// <summary>Not checked, so refused; never remembered: the next request tries again.</summary>
    public static readonly Verdict Unavailable = new(Outcome.Unavailable, null, DateTimeOffset.MinValue);

    /// <summary>Refused by its form alone, or for a reason that may be gone at the next request; not remembered.</summary>
    public static readonly Verdict RefusedAtSight = new(Outcome.Refused, null, DateTimeOffset.MinValue);

    public static Verdict Good(ClaimsIdentity identity, DateTimeOffset until) => new(Outcome.Good, identity, until);

    public static Verdict RefusedUntil(DateTimeOffset until) => new(Outcome.Refused, null, until);

    public Outcome Outcome { get; }

    /// <summary>Only of a good one. Shared: whoever hands it out clones it.</summary>
    public ClaimsIdentity? Identity { get; }

    public DateTimeOffset Until { get; }
}

/// <summary>The three ways a check ends.</summary>
internal enum Outcome
{
    Good,
    Refused,
    Unavailable,
}
