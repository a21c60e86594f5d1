using System.Globalization;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Tokens;

namespace Activate.Identity.Core.Expiration;

/// <summary>Which rule decided when a credential ends: as a code for programs, and in words, which are those of the refusals.</summary>
/// <param name="Code">Stable: <c>requested</c>, <c>default</c>, <c>no_choice</c>, <c>maximum</c>, <c>policy_changed</c>, <c>policy</c>, <c>parent</c>, <c>unused</c> or <c>idle</c>.</param>
/// <param name="Detail">For people.</param>
/// <param name="DecidedAt">When it was decided; null: not known any more.</param>
/// <param name="DecidedBy">Who changed the policy, by username; null: the one who made the credential, the server, or somebody who is gone.</param>
public sealed record EndReason(string Code, string Detail, DateTime? DecidedAt = null, string? DecidedBy = null);

/// <summary>A change of the policy that shortened credentials that existed.</summary>
/// <param name="At">When.</param>
/// <param name="By">Whose username; null: somebody who is gone.</param>
/// <param name="Limits">What it allows the kind.</param>
/// <param name="GraceEndsAt">Nothing was shortened to end before.</param>
public sealed record PolicyShortening(DateTime At, string? By, ExpirationLimits Limits, DateTime GraceEndsAt)
{
    /// <summary>The end that it gave a credential which had a later one.</summary>
    public DateTime? EndOf(DateTime since) => Limits.Longest is { } longest ? Cut.End(null, since, Limits.Span(longest), GraceEndsAt) : null;
}

/// <summary>What is known of a credential's end.</summary>
public sealed record EndFacts(CredentialKind Kind, ExpiresBecause Because, DateTime? ExpiresAt, DateTime CreatedAt, DateTime Since)
{
    /// <summary>What was allowed when it was made; null: not known any more.</summary>
    public ExpirationLimits? Limits { get; init; }

    /// <summary>The change that shortened it; null: none did, or it is not known any more.</summary>
    public PolicyShortening? Shortening { get; init; }

    /// <summary>A policy shortened it later; which one may be known or not.</summary>
    public bool WasShortened { get; init; }

    /// <summary>The rule about keys that nobody uses, as it is now.</summary>
    public UnusedLimits Unused { get; init; } = UnusedLimits.Never;

    /// <summary>Nobody renewed it in time.</summary>
    public bool EndedIdle { get; init; }

    /// <summary>The rule that decided.</summary>
    public EndReason Explain()
    {
        var noun = Kind.Noun();
        if (EndedIdle)
            return new EndReason("idle", $"The application did not renew the sign-in for {(int)RefreshRule.Idle.TotalDays} days, after which every sign-in ends.", ExpiresAt);
        return Because switch
        {
            ExpiresBecause.Requested => new EndReason("requested",
                $"{(ExpiresAt is null ? $"No expiration was asked for when the {noun} was made" : $"The end was asked for when the {noun} was made")}, and the policy of then allowed it.{Allowed()}", CreatedAt),
            ExpiresBecause.Default when Limits is { UserChoice: false } => new EndReason("no_choice", Limits.NoChoice(), CreatedAt),
            ExpiresBecause.Default => new EndReason("default",
                $"No end was asked for when the {noun} was made, so it got the default{(Limits is null ? "" : $" of then: {Limits.Text(Limits.Default)}")}.{Allowed()}", CreatedAt),
            ExpiresBecause.Policy when Shortening is { } change => new EndReason("policy_changed", string.Create(CultureInfo.InvariantCulture,
                $"{change.By ?? "Somebody who is gone"} made the policy stricter on {change.At:yyyy-MM-dd HH:mm} UTC, and what existed was shortened. {Longest(change.Limits)}{Counted()}{(ExpiresAt == change.GraceEndsAt && ExpiresAt > change.At ? " It had lived longer already, and ends with the grace." : "")}"),
                change.At, change.By),
            ExpiresBecause.Policy when WasShortened => new EndReason("policy", $"The policy was made stricter after the {noun} was made, and what existed was shortened. Which change it was is not known any more."),
            ExpiresBecause.Policy when Limits is not null => new EndReason("maximum", $"{Longest(Limits)}{Counted()}", CreatedAt),
            ExpiresBecause.Policy => new EndReason("policy", "The policy of then set the end. Which rule it was is not known any more."),
            ExpiresBecause.Parent => new EndReason("parent", $"The {noun} was made from another credential, and ends with it.", CreatedAt),
            ExpiresBecause.Unused => new EndReason("unused", $"It ended because nobody used it.{(Unused.EndAfterDays is null ? "" : $" {Unused.Sentence()}")}", ExpiresAt),
        };
    }

    private string Allowed() => Limits is null ? "" : Limits.Maximum is null ? " There was no maximum." : $" {Limits.MaximumRule()}.";

    /// <summary>The rule behind the longest life: a maximum, or that there is no choice.</summary>
    private static string Longest(ExpirationLimits limits) => limits.Longest == limits.Maximum && limits.Maximum is not null ? $"{limits.MaximumRule()}." : limits.NoChoice();

    private string Counted() => Kind == CredentialKind.SshKey && Since < CreatedAt ? string.Create(CultureInfo.InvariantCulture, $" The time counts from {Since:yyyy-MM-dd}, when this key was first added.") : "";
}
