using System.Buffers;
using System.Security.Cryptography;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Core.Credentials;

/// <summary>
/// What secrets that people copy have in common: 43 base62 characters (256.03 random bits), and 6 that are the CRC-32 of all before them. The checksum lets a typing
/// error or a made-up secret be refused without a database read, and scanners know a real one; it is no security.
/// </summary>
internal static class Base62
{
    public const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    public const int SecretLength = 43;
    public const int ChecksumLength = 6;

    /// <summary>Secret and checksum.</summary>
    public const int TailLength = SecretLength + ChecksumLength;

    private static readonly SearchValues<char> s_base62 = SearchValues.Create(Alphabet);

    public static string NewSecret() => RandomNumberGenerator.GetString(Alphabet, SecretLength);

    public static string WithChecksum(string body)
    {
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(body, checksum);
        return string.Concat(body, checksum);
    }

    /// <summary>Whether the text ends in a secret and the checksum of all before it. Allocates nothing.</summary>
    public static bool EndsRight(ReadOnlySpan<char> text)
    {
        if (text.Length < TailLength || text[^TailLength..].ContainsAnyExcept(s_base62))
            return false;
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(text[..^ChecksumLength], checksum);
        return text[^ChecksumLength..].SequenceEqual(checksum);
    }

    private static void WriteChecksum(ReadOnlySpan<char> body, Span<char> checksum)
    {
        var value = Crc32.Compute(body);
        for (var i = ChecksumLength - 1; i >= 0; i--)
        {
            checksum[i] = Alphabet[(int)(value % 62)];
            value /= 62;
        }
    }
}
