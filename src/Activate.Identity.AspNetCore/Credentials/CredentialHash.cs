using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>SHA-256 of a credential: what it is known by in memory, so that a dump of it holds no secret for longer than its request lasts.</summary>
internal readonly record struct CredentialHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>Of a longer one nothing is looked at.</summary>
    public const int LongestCredential = 8192;

    private const int Usual = 2048;

    /// <summary>False for what no credential can be: empty, over-long or not ASCII.</summary>
    public static bool TryCompute(ReadOnlySpan<char> credential, out CredentialHash hash)
    {
        hash = default;
        if (credential.IsEmpty || credential.Length > LongestCredential)
            return false;
        var bytes = credential.Length <= Usual ? stackalloc byte[Usual] : new byte[LongestCredential];
        if (Ascii.FromUtf16(credential, bytes, out var length) != System.Buffers.OperationStatus.Done)
            return false;
        Span<ulong> words = stackalloc ulong[4];
        SHA256.HashData(bytes[..length], MemoryMarshal.AsBytes(words));
        hash = new CredentialHash(words[0], words[1], words[2], words[3]);
        return true;
    }

    /// <summary>SHA-256 is even already.</summary>
    public override int GetHashCode() => (int)A;
}
