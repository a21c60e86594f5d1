using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.Core.SecondFactors;

/// <summary>
/// Codes of authenticator apps (RFC 6238): six digits for each thirty seconds, HMAC-SHA-1 of the step with a shared key. SHA-1 and these numbers because every app
/// takes them, and several ignore what a QR code says of others; HMAC does not suffer from SHA-1's collisions.
/// </summary>
public static class Totp
{
    public const int Digits = 6;

    /// <summary>160 bits, as long as the hash (RFC 4226 §4, R6).</summary>
    public const int KeyLength = 20;

    public static readonly TimeSpan Step = TimeSpan.FromSeconds(30);

    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /// <summary>A telephone's clock may be a step behind or ahead (RFC 6238 §6).</summary>
    private const int Tolerance = 1;

    public static byte[] GenerateKey() => RandomNumberGenerator.GetBytes(KeyLength);

    public static long StepAt(DateTime now) => new DateTimeOffset(now).ToUnixTimeSeconds() / (long)Step.TotalSeconds;

    /// <summary>The code of a step (RFC 4226 §5.3).</summary>
    public static string CodeAt(ReadOnlySpan<byte> key, long step)
    {
        Span<byte> counter = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        Span<byte> hash = stackalloc byte[HMACSHA1.HashSizeInBytes];
#pragma warning disable CA5350 // See above.
        HMACSHA1.HashData(key, counter, hash);
#pragma warning restore CA5350
        var number = BinaryPrimitives.ReadUInt32BigEndian(hash[(hash[^1] & 0xf)..]) & 0x7fff_ffff;
        return (number % 1_000_000).ToString("D6", CultureInfo.InvariantCulture);
    }

    /// <summary>The step that a code belongs to, of those that count now; null: to none. Whether it was used before is the caller's to know.</summary>
    /// <param name="key">The shared key.</param>
    /// <param name="code">Six digits, as <see cref="TryParse"/> reads them.</param>
    /// <param name="now">UTC.</param>
    public static long? Match(ReadOnlySpan<byte> key, string code, DateTime now)
    {
        long? match = null;
        var given = Encoding.ASCII.GetBytes(code);
        var current = StepAt(now);
        for (var step = current - Tolerance; step <= current + Tolerance; step++)
        {
            if (CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(CodeAt(key, step)), given))
                match = step;
        }

        return match;
    }

    /// <summary>Reads what a person typed: ASCII digits, spaces between them.</summary>
    public static bool TryParse(string? typed, out string code)
    {
        code = typed is { Length: <= 32 } ? string.Concat(typed.Where(c => c is not (' ' or '\t' or '\r' or '\n'))) : "";
        return code.Length == Digits && code.All(char.IsAsciiDigit);
    }

    /// <summary>The key as people type it into an app that has no camera: base 32 (RFC 4648 §6) without padding, which 20 bytes do not need.</summary>
    public static string Text(ReadOnlySpan<byte> key)
    {
        var text = new StringBuilder(key.Length * 8 / 5);
        var (bits, count) = (0, 0);
        foreach (var b in key)
        {
            (bits, count) = ((bits << 8) | b, count + 8);
            for (; count >= 5; count -= 5)
                text.Append(Base32[(bits >> (count - 5)) & 31]);
            bits &= (1 << count) - 1;
        }

        return text.ToString();
    }

    /// <summary>What the QR code holds. Apps show issuer and account beside the code; those that know only the older form take the issuer from the label.</summary>
    public static string Uri(ReadOnlySpan<byte> key, string issuer, string account)
    {
        var name = System.Uri.EscapeDataString(issuer);
        return $"otpauth://totp/{name}:{System.Uri.EscapeDataString(account)}?secret={Text(key)}&issuer={name}&algorithm=SHA1&digits={Digits}&period={(int)Step.TotalSeconds}";
    }
}
