using System.Globalization;
using System.Text;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Accounts;

/// <summary>
/// NIST SP 800-63B-4 §3.1.1.2: length and a blocklist, no composition rules. Every Unicode character counts, spaces too; nothing is cut off.
/// The blocklist is <see cref="CommonPasswords"/> and what anybody would try for this person: the username, the e-mail address, the organization.
/// </summary>
public static class PasswordRules
{
    public const int MinimumLength = 12;
    public const int MaximumLength = 256;

    /// <param name="password">As typed.</param>
    /// <param name="about">Words an attacker would try first: username, e-mail, organization.</param>
    /// <param name="field">The request's field.</param>
    public static Result<string> Parse(string? password, IEnumerable<string?> about, string field = "password")
    {
        if (string.IsNullOrEmpty(password))
            return Problems.Invalid(field, "password_required", "Choose a password.");
        if (password.Length > MaximumLength * 4)
            return TooLong(field);
        if (!TryNormalize(password, out var normalized))
            return Problems.Invalid(field, "password_invalid", "The password holds characters that are not valid text.");
        var length = new StringInfo(normalized).LengthInTextElements;
        if (length < MinimumLength)
            return Problems.Invalid(field, "password_too_short", $"A password has at least {MinimumLength} characters. A few words with spaces are easy to remember.");
        if (length > MaximumLength)
            return TooLong(field);
        var folded = Fold(normalized);
        var letters = LettersAndDigits(folded);
        if (IsOnList(folded) || IsOnList(letters) || folded.Distinct().Count() < 4 || IsRepetition(letters) || IsWalk(folded) || IsMadeOf(about, letters))
            return TooCommon(field);
        return normalized;
    }

    /// <summary>NFC, so that a password typed on another keyboard is the same password. False for text that is not valid Unicode.</summary>
    public static bool TryNormalize(string password, out string normalized)
    {
        normalized = password;
        foreach (var rune in password.EnumerateRunes())
        {
            // A lone surrogate is enumerated as U+FFFD. At the noncharacter U+FFFE Normalize throws.
            if (rune == Rune.ReplacementChar || (rune.Value & 0xFFFE) == 0xFFFE)
                return false;
        }

        normalized = password.Normalize(NormalizationForm.FormC);
        return true;
    }

    /// <summary>Full-width letters and capitals are no better than plain ones.</summary>
    private static string Fold(string text) => text.Normalize(NormalizationForm.FormKC).ToLowerInvariant();

    private static string LettersAndDigits(string folded) => string.Concat(folded.Where(char.IsLetterOrDigit));

    /// <summary>Listed as it is, or what digits and signs before and after were put around.</summary>
    private static bool IsOnList(string folded)
    {
        var start = 0;
        var end = folded.Length;
        while (start < end && !char.IsLetter(folded[start]))
            start++;
        while (end > start && !char.IsLetter(folded[end - 1]))
            end--;
        return CommonPasswords.Contains(folded) || CommonPasswords.Contains(folded[start..end]);
    }

    /// <summary>A piece over and over is as good as the piece, which would be too short.</summary>
    private static bool IsRepetition(string letters)
    {
        for (var period = 1; period < MinimumLength && period * 2 <= letters.Length; period++)
        {
            if (letters.AsSpan(period).SequenceEqual(letters.AsSpan(0, letters.Length - period)))
                return true;
        }

        return false;
    }

    /// <summary>
    /// Three steps of four go to a neighbour in the alphabet or on the keyboard. Or two to four such walks take turns, as in 1q2w3e4r and 1qaz2wsx,
    /// with one step out of line at most: looser, and one random password in a thousand would be refused.
    /// </summary>
    private static bool IsWalk(string folded)
    {
        for (var turns = 1; turns <= 4; turns++)
        {
            var steps = 0;
            for (var i = turns; i < folded.Length; i++)
                steps += IsStep(folded[i - turns], folded[i]) ? 1 : 0;
            var pairs = folded.Length - turns;
            if (turns == 1 ? steps * 4 >= pairs * 3 : steps >= pairs - 1)
                return true;
        }

        return false;
    }

    private static bool IsStep(char a, char b)
    {
        const string Keyboard = "1234567890qwertyuiopasdfghjklzxcvbnm";
        if (Math.Abs(a - b) <= 1)
            return true;
        var (from, to) = (Keyboard.IndexOf(a, StringComparison.Ordinal), Keyboard.IndexOf(b, StringComparison.Ordinal));
        return from >= 0 && to >= 0 && Math.Abs(from - to) == 1;
    }

    /// <summary>More than half of it is words about the person, or all but digits: the rest would be all that is left to guess.</summary>
    private static bool IsMadeOf(IEnumerable<string?> about, string letters)
    {
        var rest = letters;
        foreach (var word in about.SelectMany(Words).Where(word => word.Length >= 3).OrderByDescending(word => word.Length))
            rest = rest.Replace(word, "", StringComparison.Ordinal);
        return rest != letters && (rest.Length * 2 < letters.Length || rest.All(char.IsDigit));
    }

    /// <summary>An e-mail address is tried whole and by its two halves.</summary>
    private static IEnumerable<string> Words(string? text)
    {
        if (text is null || !TryNormalize(text, out var normalized))
            return [];
        return normalized.Split('@').Append(normalized).Select(part => LettersAndDigits(Fold(part)));
    }

    private static Problem TooLong(string field) => Problems.Invalid(field, "password_too_long", $"A password has at most {MaximumLength} characters.");

    private static Problem TooCommon(string field) => Problems.Invalid(field, "password_too_common",
        "That password is easy to guess: it is on every attacker's list, or it is made of your name or your organization's. Choose another.");
}
