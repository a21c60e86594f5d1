using System.Buffers;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Applications;
using Activate.Identity.Core.Credentials;
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
/// Finds our secrets in a text of any length, a piece at a time: by the public forms, and by the checksum where there is one, so that a near miss is not taken for a
/// secret. A refresh token has none that others can check; it is known by its form. No text makes it slow: each place is looked at once, for as long as a secret is.
/// </summary>
public sealed class SecretScan
{
    /// <summary>All that scanners need to look for, as a regular expression. Documented in docs/security.md.</summary>
    public const string Pattern = $"{ApiKeySecret.Pattern}|{RefreshToken.Pattern}|{ClientSecret.Pattern}";

    // No secret is longer: one that begins before the last so many characters is there as a whole.
    private const int Longest = ApiKeySecret.MaximumLength;
    private const int TokenLength = 4 + 70;
    private const int ClientSecretLength = 4 + Base62.TailLength;

    private static readonly SearchValues<char> s_base64Url = SearchValues.Create(Base62.Alphabet + "-_");

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
    public static SecretKind? KindOf(ReadOnlySpan<char> text) =>
        ApiKeySecret.IsWellFormed(text) ? SecretKind.ApiKey
        : ClientSecret.IsWellFormed(text) ? SecretKind.ClientSecret
        : text.Length == TokenLength && RefreshToken.LooksLikeOne(text) && !text[RefreshToken.Prefix.Length..].ContainsAnyExcept(s_base64Url) ? SecretKind.RefreshToken
        : null;

    /// <param name="text">What was not looked at yet.</param>
    /// <param name="until">Secrets that begin at or after this place are left for the next piece.</param>
    private List<FoundSecret> Find(string text, int until)
    {
        List<FoundSecret> found = [];
        var (at, counted, line) = (0, 0, _line);
        while (at < until && text.AsSpan(at).IndexOf("pw", StringComparison.Ordinal) is >= 0 and var next && at + next < until)
        {
            var start = at + next;
            var candidate = text.AsSpan(start, LengthAt(text.AsSpan(start)));
            if (KindOf(candidate) is not { } kind)
            {
                // One that is none may begin in front of one that is: "pwt_pwt_…".
                at = start + 1;
                continue;
            }

            line += text.AsSpan(counted, start - counted).Count('\n');
            counted = start;
            found.Add(new FoundSecret(kind, line, candidate.ToString()));
            at = start + candidate.Length;
        }

        // A secret that was found may reach into what is left.
        var end = Math.Min(text.Length, Math.Max(until, at));
        _line = line + text.AsSpan(counted, end - counted).Count('\n');
        _rest = text[end..];
        return found;
    }

    /// <summary>How long a secret is that may begin here; 0: none does.</summary>
    private static int LengthAt(ReadOnlySpan<char> text)
    {
        if (text.StartsWith(ClientSecret.Prefix, StringComparison.Ordinal))
            return Math.Min(ClientSecretLength, text.Length);
        var body = text[Math.Min(4, text.Length)..];
        var word = body[..Math.Min(body.Length, Longest)].IndexOfAnyExcept(s_base64Url);
        if (RefreshToken.LooksLikeOne(text))
            return 4 + (word < 0 ? Math.Min(body.Length, Longest) : word);
        return ApiKeySecret.LooksLikeKey(text) && word >= 0 && body[word] == '.' ? Math.Min(4 + word + 1 + Base62.TailLength, text.Length) : 0;
    }
}
