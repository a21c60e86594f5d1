using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Activate.Identity.Core.Tokens;

/// <summary>
/// A refresh token (RFC 6749 §1.5). A chain of them stands on one grant; only the latest of the chain counts.
/// <code>
///  pwr_ AZxzH2k3v…
///  ──── ──────────────────────────────────────────────────────────────────────────────
///  fixed  base64url of: grant id (16 bytes) · place in the chain (4) · HMAC-SHA-256 (32)
/// </code>
/// The MAC is made with a key that only the servers have. So a token that we never issued is refused without a read of the database and harms nobody, while one that
/// we did issue and that was redeemed before gives away a thief. Redeeming one token twice, by two honest processes at once, leads to the same next token. Nothing
/// of a token is stored, only the place that counts.
/// </summary>
public sealed class RefreshToken
{
    public const string Prefix = "pwr_";

    /// <summary>The form as a regular expression, for scanners that look for leaked tokens.</summary>
    public const string Pattern = "pwr_[0-9A-Za-z_-]{70}";

    private const int BodyLength = 16 + 4;
    private const int BytesLength = BodyLength + 32;
    private const int Length = 4 + 70;

    private readonly string _value;

    private RefreshToken(Guid grantId, int place, string value) => (GrantId, Place, _value) = (grantId, place, value);

    /// <summary>HMAC-SHA-256 under a key of the servers.</summary>
    public delegate byte[] Mac(ReadOnlySpan<byte> message);

    /// <summary>The grant whose chain it belongs to.</summary>
    public Guid GrantId { get; }

    /// <summary>Its place in the chain, from 1.</summary>
    public int Place { get; }

    /// <summary>The token at a place of a grant's chain.</summary>
    public static RefreshToken At(Guid grantId, int place, Mac mac)
    {
        Span<byte> bytes = stackalloc byte[BytesLength];
        Write(grantId, place, bytes, mac);
        return new RefreshToken(grantId, place, Prefix + Base64Url.EncodeToString(bytes));
    }

    /// <summary>True when the text claims to be a refresh token, well-formed or not.</summary>
    public static bool LooksLikeOne(ReadOnlySpan<char> text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Reads a token that we once issued; whether it still counts is for <see cref="RefreshRule"/> to say.</summary>
    public static bool TryParse(string? text, Mac mac, [NotNullWhen(true)] out RefreshToken? token)
    {
        token = null;
        Span<byte> bytes = stackalloc byte[BytesLength + 2];
        if (text is null || text.Length != Length || !LooksLikeOne(text)
            || Base64Url.DecodeFromChars(text.AsSpan(Prefix.Length), bytes, out _, out var length) != System.Buffers.OperationStatus.Done || length != BytesLength)
            return false;
        var grantId = new Guid(bytes[..16], bigEndian: true);
        var place = BinaryPrimitives.ReadInt32BigEndian(bytes[16..]);
        Span<byte> expected = stackalloc byte[BytesLength];
        Write(grantId, place, expected, mac);
        if (place < 1 || !CryptographicOperations.FixedTimeEquals(expected, bytes[..BytesLength]))
            return false;
        token = new RefreshToken(grantId, place, text);
        return true;
    }

    /// <summary>The whole token. Call it where it is handed to its client, and nowhere else.</summary>
    public string Reveal() => _value;

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"{Prefix}… (grant {GrantId}, {Place})";

    private static void Write(Guid grantId, int place, Span<byte> bytes, Mac mac)
    {
        grantId.TryWriteBytes(bytes, bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(bytes[16..], place);
        // What it is for stands before what is signed: the same key signs other things.
        Span<byte> message = stackalloc byte[16 + BodyLength];
        "refresh token 01"u8.CopyTo(message);
        bytes[..BodyLength].CopyTo(message[16..]);
        mac(message).CopyTo(bytes[BodyLength..]);
    }
}
