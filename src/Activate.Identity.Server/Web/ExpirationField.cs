using System.Globalization;
using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Server.Web;

/// <summary>The Expiration menu of a form (Web/ExpirationField.cshtml), as the policy allows it now.</summary>
/// <param name="Choices">Empty where the policy leaves no choice.</param>
/// <param name="Reason">Why the menu is as it is.</param>
/// <param name="Selected">The value of the chosen entry.</param>
public sealed record ExpirationField(IReadOnlyList<ExpirationChoice> Choices, string Reason, string Selected)
{
    private const string None = "none";

    /// <param name="limits">Of the kind of credential.</param>
    /// <param name="sent">What the form said before, to be shown again.</param>
    public static ExpirationField Of(ExpirationLimits limits, string? sent) =>
        new(ExpirationPolicy.Choices(limits), ExpirationPolicy.Reason(limits), sent ?? Value(limits.Default));

    public static string Value(int? amount) => amount is { } n ? n.ToString(CultureInfo.InvariantCulture) : None;

    /// <summary>The request behind a menu's value; absent when there was no menu.</summary>
    public static Result<Optional<int?>> Parse(string? sent) => sent switch
    {
        null or "" => default(Optional<int?>),
        None => new Optional<int?>(null),
        _ when int.TryParse(sent, NumberStyles.None, CultureInfo.InvariantCulture, out var amount) => new Optional<int?>(amount),
        _ => Problems.Invalid("expiration", "expiration_invalid", "Choose one of the menu's entries."),
    };
}
