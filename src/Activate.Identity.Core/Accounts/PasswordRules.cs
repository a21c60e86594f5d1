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
        if (folded.Distinct().Count() < 4 || CommonPasswords.Contains(folded) || CommonPasswords.Contains(TrimPadding(folded)))
            return TooCommon(field);
        foreach (var word in about)
        {
            // Longer than half the password: the rest would be all that is left to guess.
            if (word is { Length: > 3 } && folded.Contains(Fold(word), StringComparison.Ordinal) && word.Length * 2 > length)
                return TooCommon(field);
        }

        return normalized;
    }

    /// <summary>NFC, so that a password typed on another keyboard is the same password. False for text that is not valid Unicode.</summary>
    public static bool TryNormalize(string password, out string normalized)
    {
        normalized = password;
        foreach (var rune in password.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar)
                return false;
        }

        normalized = password.Normalize(NormalizationForm.FormC);
        return true;
    }

    private static string Fold(string text) => text.ToLowerInvariant();

    private static string TrimPadding(string folded) => folded.Trim("0123456789!?.,-_*#$ ".ToCharArray());

    private static Problem TooLong(string field) => Problems.Invalid(field, "password_too_long", $"A password has at most {MaximumLength} characters.");

    private static Problem TooCommon(string field) => Problems.Invalid(field, "password_too_common",
        "That password is easy to guess: it is on every attacker's list, or it is made of your name or your organization's. Choose another.");
}
