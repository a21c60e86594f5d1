using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Core.ApiKeys;

/// <summary>
/// An API key.
/// <code>
///  pwt_ aWQuZXhhbXBsZS5vcmc . 0000000000000000000000000000000000000000001 4BVUv9
///  ──── ─────────────────── ─ ─────────────────────────────────────────── ──────
///  fixed platform, base64url · secret: 43 base62 characters, 256.03 bits   CRC-32 (IEEE) of all before it, 6 base62 characters, left-padded
/// </code>
/// The platform lets a client find the server from the key alone. The checksum lets a typing error or a made-up key be refused without a database read;
/// it is no security. What is stored is <see cref="Hash"/> and <see cref="Last4"/>: 256 random bits need no slow hash.
/// </summary>
public sealed class ApiKeySecret
{
    public const string Prefix = "pwt_";
    public const int MaximumLength = 512;
    public const int HashLength = SHA256.HashSizeInBytes;

    /// <summary>The form as a regular expression, for scanners that look for leaked keys. A match is a key only when <see cref="IsWellFormed"/> says so.</summary>
    public const string Pattern = @"pwt_[0-9A-Za-z_-]{2,458}\.[0-9A-Za-z]{49}";

    private static readonly SearchValues<char> s_base64Url = SearchValues.Create(Base62.Alphabet + "-_");
    private static readonly SearchValues<char> s_platform = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]/");

    private readonly string _value;

    private ApiKeySecret(string value) => _value = value;

    /// <summary>A new key for the server at <paramref name="publicOrigin"/>.</summary>
    public static ApiKeySecret Generate(Uri publicOrigin) => From(publicOrigin, Base62.NewSecret());

    /// <summary>The key with a given secret; for test vectors.</summary>
    public static ApiKeySecret From(Uri publicOrigin, string secret) =>
        new(Base62.WithChecksum($"{Prefix}{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(PlatformOf(publicOrigin)))}.{secret}"));

    /// <summary>What names a server inside its keys and tokens: lower-case punycode <c>host[:port]</c> for https, the whole origin for http.</summary>
    public static string PlatformOf(Uri publicOrigin)
    {
        var host = publicOrigin.IdnHost.ToLowerInvariant();
        if (publicOrigin.HostNameType == UriHostNameType.IPv6)
            host = $"[{host}]";
        var authority = publicOrigin.IsDefaultPort ? host : $"{host}:{publicOrigin.Port}";
        return publicOrigin.Scheme == Uri.UriSchemeHttps ? authority : $"{publicOrigin.Scheme}://{authority}";
    }

    /// <summary>True when the text claims to be an API key, well-formed or not.</summary>
    public static bool LooksLikeKey(ReadOnlySpan<char> text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whether the text has the form of a key and its checksum is right. Reads nothing and allocates nothing.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        var dot = text.Length - Base62.TailLength - 1;
        return text.Length <= MaximumLength && dot > Prefix.Length && LooksLikeKey(text) && text[dot] == '.'
            && !text[Prefix.Length..dot].ContainsAnyExcept(s_base64Url) && Base62.EndsRight(text);
    }

    /// <summary>SHA-256 of the whole key, under which it is stored and found.</summary>
    /// <param name="text">A well-formed key.</param>
    /// <param name="hash">Receives <see cref="HashLength"/> bytes.</param>
    public static void Hash(ReadOnlySpan<char> text, Span<byte> hash)
    {
        Span<byte> bytes = stackalloc byte[MaximumLength];
        SHA256.HashData(bytes[..Encoding.ASCII.GetBytes(text, bytes)], hash);
    }

    public byte[] Hash()
    {
        var hash = new byte[HashLength];
        Hash(_value, hash);
        return hash;
    }

    public string Last4 => _value[^4..];

    /// <summary>The origin of the server that made the key, for a client that was told no server.</summary>
    public static bool TryGetOrigin(ReadOnlySpan<char> text, [NotNullWhen(true)] out Uri? origin)
    {
        origin = null;
        if (!IsWellFormed(text))
            return false;
        Span<byte> platform = stackalloc byte[MaximumLength];
        // Not IsValid: it lets through text that decoding then throws at, such as last bits that are not zero.
        return Base64Url.DecodeFromChars(text[Prefix.Length..^(Base62.TailLength + 1)], platform, out _, out var length) == OperationStatus.Done
            && TryGetOriginOfPlatform(Encoding.UTF8.GetString(platform[..length]), out origin);
    }

    /// <summary>The origin that a platform name stands for: the reverse of <see cref="PlatformOf"/>.</summary>
    public static bool TryGetOriginOfPlatform(string platform, [NotNullWhen(true)] out Uri? origin)
    {
        origin = null;
        // Uri throws at some Unicode hosts, and drops an IPv6 zone ("%eth0"): neither gets that far.
        if (platform.AsSpan().ContainsAnyExcept(s_platform))
            return false;
        var address = platform.Contains("://", StringComparison.Ordinal) ? platform : $"https://{platform}";
        // Only what PlatformOf could have made: no path, no user name, nothing that parses differently than it reads.
        if (!Uri.TryCreate(address, UriKind.Absolute, out var read) || (read.Scheme != Uri.UriSchemeHttps && read.Scheme != Uri.UriSchemeHttp)
            || PlatformOf(read) != platform)
            return false;
        origin = read;
        return true;
    }

    /// <summary>The whole secret. Call it where the key is handed to its owner, and nowhere else.</summary>
    public string Reveal() => _value;

    /// <summary>Never the secret: a key that slips into a log or a message shows its last four characters.</summary>
    public override string ToString() => $"{Prefix}….{Last4}";
}
