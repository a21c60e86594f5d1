using System.Globalization;

namespace Activate.Identity.Core.Expiration;

/// <summary>The unit in which a kind of credential counts its life.</summary>
public enum LifetimeUnit
{
    Hours = 1,
    Days = 2,
}

/// <summary>Who set a limit: the organization, the server's ceiling, or the product itself (a token never lives longer than 24 hours).</summary>
public enum RuleOwner
{
    Organization = 1,
    Server = 2,
    Product = 3,
}

public static class RuleOwners
{
    /// <summary>At the beginning of a sentence.</summary>
    public static string Policy(this RuleOwner owner) => owner switch
    {
        RuleOwner.Organization => "Your organization's policy",
        RuleOwner.Server => "This server's policy",
        RuleOwner.Product => "The server's fixed rule for tokens",
    };
}

/// <summary>The limits of one kind of credential.</summary>
/// <param name="Unit">Whole hours or whole days.</param>
/// <param name="UserChoice">False: everybody gets the default.</param>
/// <param name="Maximum">The longest life; null is no limit.</param>
/// <param name="Default">The life when none is asked for; null is no expiration.</param>
/// <param name="MaximumFrom">Whose maximum it is.</param>
public sealed record ExpirationLimits(LifetimeUnit Unit, bool UserChoice, int? Maximum, int? Default, RuleOwner MaximumFrom = RuleOwner.Organization)
{
    /// <summary>Who left no choice, where there is none.</summary>
    public RuleOwner ChoiceFrom { get; init; } = RuleOwner.Organization;

    /// <summary>The longest life that anybody gets, also who asked for more while there was a choice: without one, the default. Null is no limit.</summary>
    public int? Longest => !UserChoice && Default is { } given && !(Maximum <= given) ? given : Maximum;

    /// <summary>The strictest of both: the smallest maximum, a choice only if both leave one, a default no later than the maximum.</summary>
    public static ExpirationLimits Strictest(ExpirationLimits organization, ExpirationLimits server)
    {
        var serverIsStricter = server.Maximum is { } ceiling && (organization.Maximum is not { } own || ceiling < own);
        // A server's default is a proposal while there is a choice. Without one it is what everybody gets, so a limit.
        var serverGives = server.UserChoice ? null : server.Default;
        var strictest = organization with
        {
            UserChoice = organization.UserChoice && server.UserChoice,
            ChoiceFrom = organization.UserChoice && !server.UserChoice ? RuleOwner.Server : organization.ChoiceFrom,
            Maximum = serverIsStricter ? server.Maximum : organization.Maximum,
            MaximumFrom = serverIsStricter ? server.MaximumFrom : organization.MaximumFrom,
            Default = serverGives is { } given && !(organization.Default <= given) ? given : organization.Default,
        };
        return strictest.Enforced();
    }

    /// <summary>What holds whatever a policy says: a token ends within 24 hours, and a default is no later than the maximum.</summary>
    internal ExpirationLimits Enforced()
    {
        var limits = Unit == LifetimeUnit.Hours && !(Maximum <= Policy.LongestTokenHours)
            ? this with { Maximum = Policy.LongestTokenHours, MaximumFrom = RuleOwner.Product }
            : this;
        return limits.Maximum is { } maximum && !(limits.Default <= maximum) ? limits with { Default = maximum } : limits;
    }

    /// <summary>"30 days", "1 hour", "No expiration".</summary>
    public string Text(int? amount) => amount is not { } n
        ? "No expiration"
        : string.Create(CultureInfo.InvariantCulture, $"{n} {(Unit, n) switch
        {
            (LifetimeUnit.Hours, 1) => "hour",
            (LifetimeUnit.Hours, _) => "hours",
            (LifetimeUnit.Days, 1) => "day",
            (LifetimeUnit.Days, _) => "days",
            _ => throw new InvalidOperationException($"No unit {Unit}."),
        }}");

    public string MaximumOwner() => MaximumFrom.Policy();

    /// <summary>"Your organization's policy allows at most 30 days": the rule as refusals and explanations say it.</summary>
    public string MaximumRule() => $"{MaximumOwner()} allows at most {Text(Maximum)}";

    /// <summary>Whose rule it is that there is no choice, and what everybody gets.</summary>
    public string NoChoice() =>
        $"{ChoiceFrom.Policy()} does not let users choose an expiration: {(Default is null ? "there is none" : $"everybody gets {Text(Default)}")}.";

    public TimeSpan Span(int amount) => Unit switch
    {
        LifetimeUnit.Hours => TimeSpan.FromHours(amount),
        LifetimeUnit.Days => TimeSpan.FromDays(amount),
    };
}
