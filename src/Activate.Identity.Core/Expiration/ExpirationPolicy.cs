using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Expiration;

/// <summary>When a new credential ends, and why.</summary>
public sealed record Expiration(DateTime? ExpiresAt, ExpiresBecause Because);

/// <summary>One entry of an Expiration menu.</summary>
public sealed record ExpirationChoice(int? Amount, string Label);

/// <summary>The one place where a requested life meets the limits. Every path that creates or renews a credential comes through here.</summary>
public static class ExpirationPolicy
{
    /// <summary>A request beyond a hundred years is a mistake, not a wish. A default beyond it is cut: the calendar ends in the year 9999.</summary>
    private const int LongestDays = 36_500;

    private static readonly int?[] s_dayMenu = [null, 7, 30, 60, 90];

    /// <param name="limits">The effective limits of the kind.</param>
    /// <param name="requested">Absent: the default. Null: no expiration. Otherwise whole hours or days.</param>
    /// <param name="now">UTC, the moment the credential is created.</param>
    /// <param name="field">The request's field, for the problem.</param>
    public static Result<Expiration> Decide(ExpirationLimits limits, Optional<int?> requested, DateTime now, string field)
    {
        limits = limits.Enforced();
        if (!requested.IsPresent)
            return new Expiration(End(limits, limits.Default, now), ExpiresBecause.Default);
        // Where there is no choice, naming the default is none either.
        var because = limits.UserChoice ? ExpiresBecause.Requested : ExpiresBecause.Default;

        if (requested.Value is not { } amount)
        {
            if (limits.Unit == LifetimeUnit.Hours)
                return Problems.Invalid(field, "expiration_invalid", "A token always ends. Choose 1 to 24 whole hours, or leave the lifetime out.");
            if (!limits.UserChoice && limits.Default is not null)
                return Problems.ChoiceNotPermitted(field, limits);
            return limits.Maximum is null ? new Expiration(null, because) : Problems.BeyondMaximum(field, limits);
        }

        if (amount < 1 || limits.Span(1).TotalDays * amount > LongestDays)
            return Problems.Invalid(field, "expiration_invalid", limits.Unit == LifetimeUnit.Hours
                ? "A lifetime is a whole number of hours, 1 to 24."
                : "A lifetime is a whole number of days, 1 or more; null means no expiration.");
        if (!limits.UserChoice && amount != limits.Default)
            return Problems.ChoiceNotPermitted(field, limits);
        if (limits.Maximum is { } maximum && amount > maximum)
            return Problems.BeyondMaximum(field, limits);
        return new Expiration(End(limits, amount, now), because);
    }

    /// <summary>The Expiration menu: the usual steps as far as allowed, and the maximum and the default themselves where they fall between. Empty without a choice.</summary>
    public static IReadOnlyList<ExpirationChoice> Choices(ExpirationLimits limits)
    {
        if (!limits.UserChoice)
            return [];
        limits = limits.Enforced();
        var amounts = limits.Unit == LifetimeUnit.Hours
            ? Enumerable.Range(1, limits.Maximum ?? Policy.LongestTokenHours).Select(hours => (int?)hours)
            : s_dayMenu.Append(limits.Maximum).Append(limits.Default)
                .Where(days => limits.Maximum is not { } maximum || days <= maximum)
                .Distinct()
                .OrderBy(days => days);
        return [.. amounts.Select(amount => new ExpirationChoice(amount, limits.Text(amount)))];
    }

    /// <summary>Why the menu is as it is, in one sentence.</summary>
    public static string Reason(ExpirationLimits limits)
    {
        limits = limits.Enforced();
        if (!limits.UserChoice)
            return limits.NoChoice();
        return limits.Maximum is null
            ? "Your organization sets no maximum. Shorter expiration periods are more secure."
            : $"{limits.MaximumRule()}. Shorter expiration periods are more secure.";
    }

    private static DateTime? End(ExpirationLimits limits, int? amount, DateTime now) => amount is { } n ? now + limits.Span(Math.Min(n, LongestDays)) : null;
}
