using System.Globalization;
using System.Text;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Credentials;

/// <summary>The name a person gives a key, token or device: 1 to 64 printable characters, compared without case.</summary>
public static class CredentialName
{
    public const int MaximumLength = 64;

    /// <summary>Trims and normalizes (NFC) a name; refuses empty, over-long and unprintable ones.</summary>
    public static Result<string> Parse(string? name, string field = "name")
    {
        if (string.IsNullOrWhiteSpace(name))
            return Problems.Invalid(field, "name_required", "Give it a name.");
        if (name.Length > MaximumLength * 4)
            return TooLong(field);
        if (!IsPrintable(name))
            return Problems.Invalid(field, "name_invalid", "A name holds printable characters only: no control, zero-width or direction-changing ones.");
        name = name.Trim().Normalize(NormalizationForm.FormC);
        // A few characters grow eighteenfold when normalized; storage has room for what the rest needs.
        return new StringInfo(name).LengthInTextElements > MaximumLength || name.Length > MaximumLength * 2 || Normalize(name).Length > MaximumLength * 4 ? TooLong(field) : name;
    }

    /// <summary>The form under which two names count as the same.</summary>
    public static string Normalize(string name) => name.Normalize(NormalizationForm.FormKC).ToUpperInvariant();

    /// <summary>False for control, format (zero-width, bidi), line-separating, private and unassigned characters and for lone surrogates.</summary>
    public static bool IsPrintable(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            // EnumerateRunes yields U+FFFD for a lone surrogate; a real U+FFFD is of no use in a name either.
            if (rune == Rune.ReplacementChar)
                return false;
            var category = Rune.GetUnicodeCategory(rune);
            if (category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate)
                return false;
        }

        return true;
    }

    private static Problem TooLong(string field) => Problems.Invalid(field, "name_too_long", $"A name has at most {MaximumLength} characters.");
}
