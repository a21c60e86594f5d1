using System.Diagnostics.CodeAnalysis;

namespace Activate.Identity.Core.SshKeys;

/// <summary>The name of an SSH key, as <c>ssh-keygen -l</c> and sshd's <c>%f</c> write it: <c>SHA256:</c> and base64 without padding.</summary>
public static class SshFingerprint
{
    public const int HashLength = 32;

    private const string Prefix = "SHA256:";
    private const int Base64Length = 43;

    /// <param name="hash">SHA-256 of the key's blob.</param>
    public static string Of(ReadOnlySpan<byte> hash) => string.Concat(Prefix, Convert.ToBase64String(hash).AsSpan(0, Base64Length));

    /// <summary>Canonical only. A space counts as the plus sign that it was before somebody put it into a URL as it is (contract §5).</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out byte[]? hash)
    {
        hash = null;
        if (text is null || text.Length != Prefix.Length + Base64Length || !text.StartsWith(Prefix, StringComparison.Ordinal))
            return false;
        Span<char> base64 = stackalloc char[Base64Length + 1];
        text.AsSpan(Prefix.Length).Replace(base64, ' ', '+');
        base64[^1] = '=';
        Span<byte> bytes = stackalloc byte[HashLength + 1];
        if (!Convert.TryFromBase64Chars(base64, bytes, out var length) || length != HashLength || !Of(bytes[..length]).AsSpan(Prefix.Length).SequenceEqual(base64[..^1]))
            return false;
        hash = bytes[..length].ToArray();
        return true;
    }
}
