using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>From where a new key may be used, as a form asks it (ApiKeys/AddressesField.cshtml).</summary>
/// <param name="Value">What was typed, to be shown again.</param>
public sealed record AddressesField(string? Value)
{
    /// <summary>The entries, one a line or with commas between them; null when there are none: from everywhere.</summary>
    public static IReadOnlyList<string>? Parse(string? text) => Texts.Entries(text) is { Length: > 0 } entries ? entries : null;
}
