namespace Activate.Identity.Server.ApiKeys;

/// <summary>From where a new key may be used, as a form asks it (ApiKeys/AddressesField.cshtml).</summary>
/// <param name="Value">What was typed, to be shown again.</param>
public sealed record AddressesField(string? Value)
{
    private static readonly char[] s_between = [' ', ',', ';', '\t', '\r', '\n'];

    /// <summary>The entries, one a line or with commas between them; null when there are none: from everywhere.</summary>
    public static IReadOnlyList<string>? Parse(string? text) => text?.Split(s_between, StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } entries ? entries : null;
}
