using System.Security.Claims;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>What a check of a credential came to, and how long that may be repeated without asking again.</summary>
internal sealed class Verdict
{
    private Verdict(Outcome outcome, ClaimsIdentity? identity, DateTimeOffset until) => (Outcome, Identity, Until) = (outcome, identity, until);

    /// <summary>Not checked, so refused; never remembered: the next request tries again.</summary>
    public static readonly Verdict Unavailable = new(Outcome.Unavailable, null, DateTimeOffset.MinValue);

    /// <summary>Refused by its form alone, or for a reason that may be gone at the next request; not remembered.</summary>
    public static readonly Verdict RefusedAtSight = new(Outcome.Refused, null, DateTimeOffset.MinValue);

    /// <param name="identity">Whose it is.</param>
    /// <param name="until">How long that may be repeated.</param>
    /// <param name="allowedAddresses">From where it may be used; null: from everywhere.</param>
    public static Verdict Good(ClaimsIdentity identity, DateTimeOffset until, AllowedAddresses? allowedAddresses) => new(Outcome.Good, identity, until) { AllowedAddresses = allowedAddresses };

    public static Verdict RefusedUntil(DateTimeOffset until) => new(Outcome.Refused, null, until);

    public Outcome Outcome { get; }

    /// <summary>Only of a good one. Shared: whoever hands it out clones it.</summary>
    public ClaimsIdentity? Identity { get; }

    public DateTimeOffset Until { get; }

    /// <summary>Judged for each request: the credential is good, and where it comes from may differ.</summary>
    public AllowedAddresses? AllowedAddresses { get; private init; }
}

/// <summary>The three ways a check ends.</summary>
internal enum Outcome
{
    Good,
    Refused,
    Unavailable,
}
