using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;

namespace Activate.Identity.Server.Web;

/// <summary>What the server hands to a browser and reads back, in a hidden field or a cookie: encrypted and signed by the ring, as URL-safe text.</summary>
internal static class SealedText
{
    public static string Seal(this IDataProtector protector, byte[] content) => Base64Url.EncodeToString(protector.Protect(content));

    /// <summary>The content; null when it is too long, none of ours, of another purpose, or from before the ring was lost.</summary>
    /// <param name="protector">The one that sealed it.</param>
    /// <param name="text">As it came.</param>
    /// <param name="longest">In characters.</param>
    public static byte[]? Open(this IDataProtector protector, string? text, int longest)
    {
        // Not IsValid and then decode: they differ about white space, and then one throws.
        if (text is not { Length: > 0 } || text.Length > longest)
            return null;
        var bytes = new byte[text.Length];
        if (Base64Url.DecodeFromChars(text, bytes, out _, out var length) != OperationStatus.Done)
            return null;
        try
        {
            return protector.Unprotect(bytes[..length]);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}
