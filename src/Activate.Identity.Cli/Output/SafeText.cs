using System.Globalization;
using System.Text;

namespace Activate.Identity.Cli.Output;

/// <summary>
/// Text from a server, made safe to show. A name such as <c>ESC]0;…BEL</c> would otherwise drive the reader's terminal, a direction-changing character would make
/// one name look like another, and a line break would forge a line of ours.
/// </summary>
internal static class SafeText
{
    private const char Replacement = '\uFFFD';

    /// <summary>One line: every control, format, private and unassigned character is replaced by a visible mark.</summary>
    public static string OneLine(string? text) => Clean(text ?? "", keepLines: false);

    /// <summary>The same, with line feeds and tabs kept.</summary>
    public static string Lines(string? text) => Clean(text ?? "", keepLines: true);

    private static string Clean(string text, bool keepLines)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (keepLines && rune.Value is '\n' or '\t')
                clean.Append((char)rune.Value);
            else if (IsUnsafe(rune))
                clean.Append(Replacement);
            else
                clean.Append(rune.ToString());
        }

        return clean.ToString();
    }

    private static bool IsUnsafe(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate;
}
