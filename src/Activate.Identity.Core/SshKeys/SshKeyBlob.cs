using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Activate.Identity.Core.SshKeys;

internal enum SshKeyFault
{
    None = 0,
    Malformed = 1,
    TooWeak = 2,
    TooLong = 3,
}

/// <summary>Checks the wire form of a public key, field by field, to the last byte. Never stricter than it says, never throws.</summary>
internal static class SshKeyBlob
{
    private const int LeastRsaBits = 2048;
    private const int MostRsaBits = 8192;
    private const int LongestApplication = 128;

    private const string Ed25519 = "ssh-ed25519";
    private const string Rsa = "ssh-rsa";
    private const string P256 = "ecdsa-sha2-nistp256";
    private const string P384 = "ecdsa-sha2-nistp384";
    private const string P521 = "ecdsa-sha2-nistp521";
    private const string SkEd25519 = "sk-ssh-ed25519@openssh.com";
    private const string SkP256 = "sk-ecdsa-sha2-nistp256@openssh.com";

    /// <summary>The types that are taken, in the order in which people are told.</summary>
    public static readonly IReadOnlyList<string> Types = [Ed25519, Rsa, P256, P384, P521, SkEd25519, SkP256];

    /// <summary>The type as one of our own strings; null for any other.</summary>
    public static string? Known(ReadOnlySpan<char> type)
    {
        foreach (var known in Types)
        {
            if (type.SequenceEqual(known))
                return known;
        }

        return null;
    }

    /// <summary>The bits of a sound key, or what is wrong.</summary>
    public static (int Bits, SshKeyFault Fault) Check(string type, ReadOnlySpan<byte> blob)
    {
        var rest = blob;
        // The label before the blob and the type within must be one: sshd goes by the one within.
        if (!TryTake(ref rest, out var inner) || !IsAscii(inner, type))
            return (0, SshKeyFault.Malformed);
        var (bits, fault) = type switch
        {
            Ed25519 => CheckEd25519(ref rest),
            Rsa => CheckRsa(ref rest),
            P256 => CheckPoint(ref rest, NistCurve.P256),
            P384 => CheckPoint(ref rest, NistCurve.P384),
            P521 => CheckPoint(ref rest, NistCurve.P521),
            SkEd25519 => CheckApplication(CheckEd25519(ref rest), ref rest),
            SkP256 => CheckApplication(CheckPoint(ref rest, NistCurve.P256), ref rest),
            _ => throw new InvalidOperationException($"No key type {type}."),
        };
        // What is not whole is told before what is too short.
        return rest.IsEmpty ? (bits, fault) : (0, SshKeyFault.Malformed);
    }

    private static (int, SshKeyFault) CheckEd25519(ref ReadOnlySpan<byte> rest) =>
        TryTake(ref rest, out var point) && Ed25519Point.IsSound(point) ? (256, SshKeyFault.None) : (0, SshKeyFault.Malformed);

    private static (int, SshKeyFault) CheckRsa(ref ReadOnlySpan<byte> rest)
    {
        if (!TryTakeNumber(ref rest, out var exponent) || !TryTakeNumber(ref rest, out var modulus))
            return (0, SshKeyFault.Malformed);
        // OpenSSL verifies nothing with an exponent above 64 bits; an even one, 1, or an even modulus is no RSA key.
        if (exponent.Length > sizeof(ulong) || (exponent[^1] & 1) == 0 || exponent is [1] || (modulus[^1] & 1) == 0)
            return (0, SshKeyFault.Malformed);
        var bits = Bits(modulus);
        return bits < LeastRsaBits ? (bits, SshKeyFault.TooWeak) : bits > MostRsaBits ? (bits, SshKeyFault.TooLong) : (bits, SshKeyFault.None);
    }

    private static (int, SshKeyFault) CheckPoint(ref ReadOnlySpan<byte> rest, NistCurve curve) =>
        TryTake(ref rest, out var name) && IsAscii(name, curve.Name) && TryTake(ref rest, out var point) && curve.IsSound(point)
            ? (curve.Bits, SshKeyFault.None)
            : (0, SshKeyFault.Malformed);

    /// <summary>What a security key was asked to sign for: "ssh:" and, perhaps, more.</summary>
    private static (int, SshKeyFault) CheckApplication((int Bits, SshKeyFault Fault) key, ref ReadOnlySpan<byte> rest) =>
        key.Fault != SshKeyFault.None ? key
        : TryTake(ref rest, out var application) && application.Length is > 0 and <= LongestApplication && !application.ContainsAnyExceptInRange((byte)'!', (byte)'~') ? key
        : (0, SshKeyFault.Malformed);

    /// <summary>RFC 4251 §5, string: four bytes of length, then the bytes.</summary>
    public static bool TryTake(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> field)
    {
        field = default;
        if (rest.Length < 4)
            return false;
        var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > (uint)(rest.Length - 4))
            return false;
        field = rest.Slice(4, (int)length);
        rest = rest[(4 + (int)length)..];
        return true;
    }

    /// <summary>RFC 4251 §5, mpint: positive, and without a needless zero byte. The bytes of the number itself.</summary>
    private static bool TryTakeNumber(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> number)
    {
        if (!TryTake(ref rest, out number) || number.IsEmpty || (number[0] & 0x80) != 0)
            return false;
        if (number[0] != 0)
            return true;
        if (number.Length < 2 || (number[1] & 0x80) == 0)
            return false;
        number = number[1..];
        return true;
    }

    private static int Bits(ReadOnlySpan<byte> number) => (number.Length * 8) - BitOperations.LeadingZeroCount((uint)number[0] << 24);

    private static bool IsAscii(ReadOnlySpan<byte> bytes, string text) => System.Text.Ascii.Equals(bytes, text);
}

/// <summary>A curve of FIPS 186-4 D.1.2: y² = x³ − 3x + b modulo p, with a prime number n of points.</summary>
internal sealed class NistCurve
{
    private readonly int _bytes;
    private readonly BigInteger _p;
    private readonly BigInteger _b;
    private readonly BigInteger _most;

    private NistCurve(string name, int bits, string p, string b, string n)
    {
        (Name, Bits, _bytes, _p, _b, _most) = (name, bits, (bits + 7) / 8, Hex(p), Hex(b), Hex(n) - 1);
    }

    public static readonly NistCurve P256 = new("nistp256", 256,
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

    public static readonly NistCurve P384 = new("nistp384", 384,
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973");

    public static readonly NistCurve P521 = new("nistp521", 521,
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409");

    public string Name { get; }

    public int Bits { get; }

    /// <summary>
    /// An uncompressed point (SEC 1 §2.3.3) on the curve. Infinity has no such form, and each other point has order n. As OpenSSH, not one with a coordinate of half the
    /// size or beyond n − 1: no honest key is there.
    /// </summary>
    public bool IsSound(ReadOnlySpan<byte> point)
    {
        if (point.Length != 1 + (2 * _bytes) || point[0] != 4)
            return false;
        var x = new BigInteger(point.Slice(1, _bytes), isUnsigned: true, isBigEndian: true);
        var y = new BigInteger(point[(1 + _bytes)..], isUnsigned: true, isBigEndian: true);
        return x < _most && y < _most && x.GetBitLength() > Bits / 2 && y.GetBitLength() > Bits / 2
            && ((y * y) - ((((x * x) - 3) * x) + _b)) % _p == BigInteger.Zero;
    }

    private static BigInteger Hex(string digits) => BigInteger.Parse("0" + digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}

/// <summary>A point of edwards25519 (RFC 8032 §5.1): −x² + y² = 1 + dx²y² modulo 2²⁵⁵ − 19.</summary>
internal static class Ed25519Point
{
    private const int Length = 32;

    private static readonly BigInteger s_p = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger s_d = BigInteger.Parse("37095705934669439343138083508754565189542113879843219016388785533085940283555", CultureInfo.InvariantCulture);
    private static readonly BigInteger s_half = (s_p - 1) / 2;

    /// <summary>y of the points whose order divides 8: for such a "key" anybody can make signatures.</summary>
    private static readonly BigInteger[] s_small =
    [
        BigInteger.Zero, BigInteger.One, s_p - 1,
        new(Convert.FromHexString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), isUnsigned: true),
        new(Convert.FromHexString("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), isUnsigned: true),
    ];

    /// <summary>RFC 8032 §5.1.3: the encoding of a point. Its y is minimal, and there is an x: (y² − 1) / (dy² + 1) is a square, which Euler's criterion tells.</summary>
    public static bool IsSound(ReadOnlySpan<byte> point)
    {
        if (point.Length != Length)
            return false;
        Span<byte> bytes = stackalloc byte[Length];
        point.CopyTo(bytes);
        bytes[^1] &= 0x7F;
        var y = new BigInteger(bytes, isUnsigned: true);
        if (y >= s_p || Array.IndexOf(s_small, y) >= 0)
            return false;
        var square = y * y % s_p;
        // u / v is a square exactly if u · v is.
        return BigInteger.ModPow((square - 1) * ((s_d * square) + 1) % s_p, s_half, s_p).IsOne;
    }
}
