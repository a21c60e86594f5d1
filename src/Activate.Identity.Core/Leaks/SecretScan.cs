using System.Text.RegularExpressions;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Tokens;

namespace Activate.Identity.Core.Leaks;

public enum SecretKind
{
    ApiKey = 1,
    RefreshToken = 2,
    ClientSecret = 3,
}

/// <summary>A secret of ours that stands in a text.</summary>
public sealed class FoundSecret(SecretKind kind, int line, string text)
{
    public SecretKind Kind => kind;

    /// <summary>From 1.</summary>
    public int Line => line;

    public string Last4 => text[^4..];

    /// <summary>The origin of the server that made it; null: the secret does not say.</summary>
    public Uri? Origin => kind == SecretKind.ApiKey && ApiKeySecret.TryGetOrigin(text, out var origin) ? origin : null;

    /// <summary>The whole secret. Call it where it is reported, and nowhere else.</summary>
    public string Reveal() => text;

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"{kind} …{Last4}";
}

/// <summary>
/// Finds our secrets in a text of any length, a piece at a time: by the public regular expressions, and by the checksum where there is one, so that a near miss is not
/// taken for a secret. A refresh token has none that others can check; it is known by its form.
/// </summary>
public sealed partial class SecretScan
{
    /// <summary>All that scanners need to look for. Documented in docs/security.md.</summary>
    public const string Pattern = $"{ApiKeySecret.Pattern}|{RefreshToken.Pattern}|{ClientSecret.Pattern}";

    // No secret is longer: one that begins before the last so many characters is there as a whole.
    private const int Longest = ApiKeySecret.MaximumLength;

    private string _rest = "";
    private int _line = 1;

    /// <summary>The secrets of a whole text.</summary>
    public static IReadOnlyList<FoundSecret> Of(string text)
    {
        var scan = new SecretScan();
        return [.. scan.Take(text), .. scan.End()];
    }

    /// <summary>What is known to be in the text up to now, and was not returned before.</summary>
    public IReadOnlyList<FoundSecret> Take(string piece)
    {
        var text = _rest + piece;
        return Find(text, Math.Max(0, text.Length - Longest));
    }

    /// <summary>What is left when the text has ended.</summary>
    public IReadOnlyList<FoundSecret> End() => Find(_rest, _rest.Length);

    /// <summary>Which kind a text as a whole is by its form; null: none of ours.</summary>
    public static SecretKind? KindOf(string text) =>
        ApiKeySecret.IsWellFormed(text) ? SecretKind.ApiKey
        : ClientSecret.IsWellFormed(text) ? SecretKind.ClientSecret
        : RefreshForm().IsMatch(text) ? SecretKind.RefreshToken
        : null;

    /// <param name="text">What was not looked at yet.</param>
    /// <param name="until">Secrets that begin at or after this place are left for the next piece.</param>
    private List<FoundSecret> Find(string text, int until)
    {
        List<FoundSecret> found = [];
        var (at, counted, line) = (0, 0, _line);
        while (Secret().Match(text, at) is { Success: true } match && match.Index < until)
        {
            // One that is none may begin in front of one that is: "pwt_pwt_…".
            at = match.Index + 1;
            // A regular expression that stops after a number of characters also stops in the middle of a longer word.
            if (KindOf(match.Value) is not { } kind || (kind == SecretKind.RefreshToken && match.Index + match.Length < text.Length && IsOfToken(text[match.Index + match.Length])))
                continue;
            line += text.AsSpan(counted, match.Index - counted).Count('\n');
            counted = match.Index;
            found.Add(new FoundSecret(kind, line, match.Value));
            at = match.Index + match.Length;
        }

        // A secret that was found may reach into what is left.
        var end = Math.Min(text.Length, Math.Max(until, at));
        _line = line + text.AsSpan(counted, end - counted).Count('\n');
        _rest = text[end..];
        return found;
    }

    private static bool IsOfToken(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_';

    [GeneratedRegex(Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Secret();

    [GeneratedRegex($"^{RefreshToken.Pattern}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex RefreshForm();
}
