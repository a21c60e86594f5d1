using System.Globalization;
using System.Text;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Credentials;

/// <summary>The name a person gives a key, token or device: 1 to 64 printable characters, compared without case.</summary>
public static class CredentialName
{
    public const int MaximumLength = 64;

    // What the columns hold, in UTF-16 units.
    private const int LongestStored = MaximumLength * 2;
    private const int LongestNormalized = MaximumLength * 4;

    private const char Joiner = '\u200D';
    private const char EmojiStyle = '\uFE0F';
    private const char TextStyle = '\uFE0E';

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
        return new StringInfo(name).LengthInTextElements > MaximumLength || name.Length > LongestStored || Normalize(name).Length > LongestNormalized
            ? TooLong(field)
            : name;
    }

    /// <summary>The form under which two names count as the same: without case, compatibility forms, and what only says how emoji are drawn.</summary>
    public static string Normalize(string name) =>
        string.Concat(name.Normalize(NormalizationForm.FormKC).Where(c => c is not (Joiner or EmojiStyle or TextStyle))).ToUpperInvariant();

    /// <summary>
    /// False for control, format (zero-width, bidi), line-separating, private and unassigned characters, for those that draw nothing, and for lone surrogates.
    /// The zero-width joiner and the style selectors are welcome where they make an emoji.
    /// </summary>
    public static bool IsPrintable(string text)
    {
        var before = UnicodeCategory.Control;
        var joined = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (joined && !IsPicture(category))
                return false;
            joined = rune.Value == Joiner;
            if (joined ? !IsPicture(before) : rune.Value is EmojiStyle or TextStyle ? !MayHaveStyle(before) : !IsVisible(rune, category))
                return false;
            if (rune.Value is not (EmojiStyle or TextStyle))
                before = category;
        }

        return !joined;
    }

    private static bool IsVisible(Rune rune, UnicodeCategory category) =>
        // EnumerateRunes yields U+FFFD for a lone surrogate; a real U+FFFD is of no use in a name either.
        rune != Rune.ReplacementChar
        && category is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate)
        // Letters, marks and symbols by category, but drawn as nothing: joiners, fillers, the empty braille cell, variation selectors.
        && rune.Value is not (0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x2800 or 0x3164 or 0xFFA0
            or (>= 0x180B and <= 0x180F) or (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF));

    /// <summary>Emoji are "other symbols", their skin tones "modifier symbols", and some arrows count as mathematics.</summary>
    private static bool IsPicture(UnicodeCategory category) => category is UnicodeCategory.OtherSymbol or UnicodeCategory.ModifierSymbol or UnicodeCategory.MathSymbol;

    /// <summary>Also digits, '#' and '*' (keycaps) and a few signs such as ‼.</summary>
    private static bool MayHaveStyle(UnicodeCategory category) =>
        IsPicture(category) || category is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.OtherPunctuation or UnicodeCategory.DashPunctuation;

    private static Problem TooLong(string field) => Problems.Invalid(field, "name_too_long", $"A name has at most {MaximumLength} characters.");
}
