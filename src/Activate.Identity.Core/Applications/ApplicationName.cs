using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Applications;

/// <summary>
/// The name that people read before they allow an application something (1 to 64 printable characters). Nobody but an operator takes a name that reads like one of
/// ours: written with spaces, accents, full-width, Cyrillic or Greek letters it is still that name.
/// </summary>
public static class ApplicationName
{
    public const int LongestPublisher = 128;

    // Letters and digits that are drawn like the Latin letter below them.
    private const string LookAlikes = "аαеεοоєірρсуυхχіιӏԁѕјһкκмтτнвωԝνѵηո01|ɑɡɩℓ";
    private const string Latin = "aaeeooeippcuuxxiiidsjhkkmttnbwwvvnnoiiagil";

    /// <summary>Names that are ours, folded.</summary>
    private static readonly FrozenSet<string> s_reserved = new[]
    {
        "ACTIVATE", "actid", "activate-cli", "Activate.Identity", "ACTIVATE command line", "Parallel Works", "Parallel Works ACTIVATE",
    }.Select(Fold).ToFrozenSet();

    /// <summary>Names that are ours as a word among others, or as two.</summary>
    private static readonly FrozenSet<string> s_words = new[] { "ACTIVATE", "actid", "Parallel Works" }.Select(Fold).ToFrozenSet();

    /// <param name="name">As it was sent.</param>
    /// <param name="mayBeOurs">For operators.</param>
    public static Result<string> Parse(string? name, bool mayBeOurs)
    {
        if (!CredentialName.Parse(name).TryGet(out var parsed, out var problem))
            return problem;
        return mayBeOurs || !IsReserved(parsed) ? parsed : Reserved("name");
    }

    /// <summary>Who makes the application, for the consent page. Empty: not said.</summary>
    public static Result<string> ParsePublisher(string? publisher, bool mayBeOurs)
    {
        if (string.IsNullOrWhiteSpace(publisher))
            return "";
        if (publisher.Length > LongestPublisher * 2 || !CredentialName.IsPrintable(publisher))
            return InvalidPublisher();
        publisher = publisher.Trim().Normalize(NormalizationForm.FormC);
        if (publisher.Length > LongestPublisher)
            return InvalidPublisher();
        return mayBeOurs || !IsReserved(publisher) ? publisher : Reserved("publisher");
    }

    /// <summary>Whether people would read the name as one of ours.</summary>
    public static bool IsReserved(string name)
    {
        if (s_reserved.Contains(Fold(name)))
            return true;
        // A word for itself ("ACTIVATE Login"), but not the beginning of another ("Activated sludge").
        var before = "";
        foreach (var word in Words(name))
        {
            if (s_words.Contains(word) || s_words.Contains(before + word))
                return true;
            before = word;
        }

        return false;
    }

    private static IEnumerable<string> Words(string name)
    {
        var word = new StringBuilder();
        foreach (var c in Plain(name))
        {
            if (char.IsLetterOrDigit(c) || LookAlikes.Contains(c, StringComparison.Ordinal))
                word.Append(c);
            else if (word.Length > 0)
            {
                yield return Fold(word.ToString());
                word.Clear();
            }
        }

        if (word.Length > 0)
            yield return Fold(word.ToString());
    }

    /// <summary>Without case, compatibility forms, accents, spaces and punctuation, and with the Latin letter for what looks like it.</summary>
    private static string Fold(string name)
    {
        var folded = new StringBuilder();
        foreach (var c in Plain(name))
        {
            if (LookAlikes.IndexOf(c, StringComparison.Ordinal) is var at and >= 0)
                folded.Append(Latin[at]);
            else if (char.IsLetterOrDigit(c))
                folded.Append(c);
        }

        // l and I are one letter in many fonts, and case has already gone.
        return folded.Replace('l', 'i').ToString();
    }

    private static string Plain(string name) => string.Concat(name.Normalize(NormalizationForm.FormKD)
        .Where(c => CharUnicodeInfo.GetUnicodeCategory(c) is not (UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark))).ToLowerInvariant();

    private static Problem Reserved(string field) => Problems.Invalid(field, "name_reserved",
        "That reads like a name of this server's own applications, which people trust. Choose another; an operator can register the real one.");

    private static Problem InvalidPublisher() => Problems.Invalid("publisher", "publisher_invalid", $"The publisher has at most {LongestPublisher} printable characters.");
}
