using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.Applications;

/// <summary>
/// The secret of an application that can keep one.
/// <code>
///  pws_ 0000000000000000000000000000000000000000001 ······
///  ──── ─────────────────────────────────────────── ──────
///  fixed 43 base62 characters, 256.03 bits           CRC-32 of all before it, as in an API key
/// </code>
/// The prefix lets scanners find one that leaked. What is stored is its SHA-256 and its last four characters: 256 random bits need no slow hash.
/// </summary>
public sealed class ClientSecret
{
    public const string Prefix = "pws_";

    /// <summary>The form as a regular expression, for scanners that look for leaked secrets.</summary>
    public const string Pattern = "pws_[0-9A-Za-z]{49}";

    private readonly string _value;

    private ClientSecret(string value) => _value = value;

    public static ClientSecret Generate() => From(Base62.NewSecret());

    /// <summary>The client secret with given random characters; for test vectors.</summary>
    public static ClientSecret From(string secret) => new(Base62.WithChecksum(Prefix + secret));

    public static bool IsWellFormed(ReadOnlySpan<char> text) =>
        text.Length == Prefix.Length + Base62.TailLength && text.StartsWith(Prefix, StringComparison.Ordinal) && Base62.EndsRight(text);

    public string Last4 => _value[^4..];

    /// <summary>SHA-256 of the whole secret.</summary>
    public static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    /// <summary>The whole secret. Call it where it is handed to whoever registered the application, and nowhere else.</summary>
    public string Reveal() => _value;

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"{Prefix}…{Last4}";
}
