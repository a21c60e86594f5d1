namespace Activate.Identity.Server.Web;

public static class Texts
{
    /// <summary>At most so many characters, never ending in half of one: PostgreSQL takes no half ones.</summary>
    public static string AtMost(this string text, int longest) =>
        text.Length <= longest ? text : text[..(char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest)];

    /// <summary><c>1 hour</c>, <c>90 days</c>.</summary>
    public static string Count(int number, string unit) => number == 1 ? $"1 {unit}" : $"{number} {unit}s";

    /// <summary>What somebody typed into a field for several things: one a line, or with commas, semicolons or spaces between them.</summary>
    public static string[] Entries(string? text) => text?.Split([' ', ',', ';', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries) ?? [];
}
