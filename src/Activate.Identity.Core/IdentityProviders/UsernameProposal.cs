using System.Globalization;
using System.Text;
using Activate.Identity.Core.Accounts;

namespace Activate.Identity.Core.IdentityProviders;

/// <summary>
/// Usernames for somebody whom a provider knows by another name: what it prefers, made to fit, then the same with numbers. "Ada.Byron@example.org" → <c>ada-byron</c>, <c>ada-byron2</c>, …
/// </summary>
public static class UsernameProposal
{
    private const int Most = 200;

    /// <summary>In the order in which they are tried: each is a username that <see cref="Username"/> takes.</summary>
    public static IReadOnlyList<string> For(ExternalPerson person)
    {
        var wished = new[] { person.PreferredUsername, person.Email, person.Name }.Select(Fit).FirstOrDefault(name => name is not null) ?? "person";
        return [.. Enumerable.Range(1, Most).Select(number => Numbered(wished, number)).Where(name => Username.Parse(name).Problem is null)];
    }

    private static string Numbered(string name, int number)
    {
        var end = number == 1 ? "" : number.ToString(CultureInfo.InvariantCulture);
        return name[..Math.Min(name.Length, Username.MaximumLength - end.Length)].TrimEnd('-') + end;
    }

    /// <summary>Null: nothing of it can be in a username.</summary>
    private static string? Fit(string? wished)
    {
        // What follows the first @ is a domain.
        wished = wished?.Split('@')[0];
        if (string.IsNullOrWhiteSpace(wished))
            return null;
        var name = new StringBuilder();
        foreach (var c in Decomposed(wished))
        {
            if (char.IsAsciiLetterOrDigit(c) || c == '_')
                name.Append(char.ToLowerInvariant(c));
            else if (CharUnicodeInfo.GetUnicodeCategory(c) != UnicodeCategory.NonSpacingMark && name.Length > 0 && name[^1] != '-')
                name.Append('-');
        }

        var text = name.ToString().Trim('-');
        if (text.Length == 0)
            return null;
        text = char.IsAsciiDigit(text[0]) ? $"u{text}" : text;
        return text.Length > Username.MaximumLength ? text[..Username.MaximumLength].TrimEnd('-') : text;
    }

    private static string Decomposed(string text)
    {
        try
        {
            return text[..Math.Min(text.Length, 256)].Normalize(NormalizationForm.FormKD);
        }
        catch (ArgumentException)
        {
            // Half a character of UTF-16: what can be used of it is ASCII.
            return text;
        }
    }
}
