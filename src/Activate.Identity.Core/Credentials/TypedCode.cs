using System.Diagnostics.CodeAnalysis;

namespace Activate.Identity.Core.Credentials;

/// <summary>Short codes that people type from a screen or from paper.</summary>
internal static class TypedCode
{
    private const int LongestTyped = 64;

    /// <summary>Reads what a person typed: with or without dashes and spaces, ASCII only.</summary>
    /// <param name="typed">As it came.</param>
    /// <param name="alphabet">The letters of the stored form.</param>
    /// <param name="length">Of the stored form.</param>
    /// <param name="letterOf">
    /// The letter that somebody meant by another one: its other case, a look-alike. Not by ToUpperInvariant or its like: full-width letters and the Kelvin sign must not become ASCII ones.
    /// </param>
    /// <param name="code">The stored form.</param>
    public static bool TryParse(string? typed, string alphabet, int length, Func<char, char> letterOf, [NotNullWhen(true)] out string? code)
    {
        code = null;
        if (typed is null || typed.Length > LongestTyped)
            return false;
        Span<char> letters = stackalloc char[length];
        var count = 0;
        foreach (var c in typed)
        {
            if (c is '-' or ' ' or '\t' or '\r' or '\n')
                continue;
            var letter = letterOf(c);
            if (count == length || !alphabet.Contains(letter, StringComparison.Ordinal))
                return false;
            letters[count++] = letter;
        }

        if (count < length)
            return false;
        code = new string(letters);
        return true;
    }
}
