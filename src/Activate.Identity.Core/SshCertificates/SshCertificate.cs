using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>
/// An OpenSSH user certificate (OpenSSH PROTOCOL.certkeys): a public key, and what an authority says of it for a while. One line of a <c>-cert.pub</c> file.
/// <code>
/// ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA… 
/// └── type                                 └── blob, base64
///
/// blob, each string a 4-byte length and its bytes:
///   string type, string nonce, the fields of the key's own blob after its type, uint64 serial, uint32 1 (user), string key id, string (string principal)…,
///   uint64 valid after, uint64 valid before, string critical options, string (string name, string data)… extensions, string reserved, string authority, string signature
/// </code>
/// So one writer does for every type of key that we take. The authority is ECDSA P-256.
/// </summary>
public sealed class SshCertificate
{
    public const int NonceLength = 32;

    private const uint ForUsers = 1;
    private const string Suffix = "-cert-v01@openssh.com";
    private const string Vendor = "@openssh.com";

    /// <summary>
    /// What a plain line of authorized_keys allows, and no less: a certificate in place of a key changes how somebody is let in, not what they may do there, which sshd_config
    /// says. In lexical order, as the format wants it.
    /// </summary>
    public static readonly IReadOnlyList<string> Extensions = ["permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc"];

    /// <summary>The key that is certified; without a comment.</summary>
    public required SshPublicKey Key { get; init; }

    /// <summary>Unique to the authority; more than 0, which stands for "none".</summary>
    public required long Serial { get; init; }

    /// <summary>For people: what sshd writes into its log at each login.</summary>
    public required string KeyId { get; init; }

    /// <summary>Never empty: a certificate without principals would be good for every account.</summary>
    public required IReadOnlyList<string> Principals { get; init; }

    /// <summary>UTC, whole seconds.</summary>
    public required DateTime ValidAfter { get; init; }

    /// <summary>UTC, whole seconds; from this moment on it counts no more.</summary>
    public required DateTime ValidBefore { get; init; }

    /// <summary>The certificate as one line.</summary>
    /// <param name="authority">A private key on P-256.</param>
    /// <param name="nonce"><see cref="NonceLength"/> random bytes: nobody who asks for a certificate knows beforehand what will be signed.</param>
    public string Sign(ECDsa authority, ReadOnlySpan<byte> nonce)
    {
        if (Principals.Count == 0 || Serial <= 0 || ValidBefore <= ValidAfter || nonce.Length != NonceLength)
            throw new InvalidOperationException("A certificate has principals, a serial, a life and a nonce.");
        var type = TypeOf(Key.Algorithm);
        var blob = new SshWriter().Text(type).Bytes(nonce).Raw(FieldsOf(Key))
            .Number((ulong)Serial).Number(ForUsers).Text(KeyId).Nested(names => Principals.Aggregate(names, (writer, name) => writer.Text(name)))
            .Number(UnixTime(ValidAfter)).Number(UnixTime(ValidBefore))
            .Text("").Nested(flags => Extensions.Aggregate(flags, (writer, name) => writer.Text(name).Text("")))
            .Text("").Bytes(SshAuthority.Blob(authority));
        return $"{type} {Convert.ToBase64String(blob.Bytes(SshAuthority.Sign(authority, blob.Written)).Written)}";
    }

    /// <summary>Reads a certificate of a user as <see cref="Sign"/> writes it, whatever its extensions. Who signed it is not looked at: that is for sshd.</summary>
    public static bool TryRead(string? line, [NotNullWhen(true)] out SshCertificate? certificate)
    {
        certificate = null;
        if (line?.Trim().Split(' ') is not [var type, var base64, ..] || SshKeyBlob.Types.FirstOrDefault(known => TypeOf(known) == type) is not { } algorithm)
            return false;
        var bytes = new byte[base64.Length];
        if (!Convert.TryFromBase64String(base64, bytes, out var length))
            return false;
        ReadOnlySpan<byte> rest = bytes.AsSpan(0, length);
        if (!SshKeyBlob.TryTake(ref rest, out var inner) || !Ascii.Equals(inner, type) || !SshKeyBlob.TryTake(ref rest, out _))
            return false;
        var key = rest;
        for (var i = 0; i < FieldCount(algorithm); i++)
        {
            if (!SshKeyBlob.TryTake(ref rest, out _))
                return false;
        }

        var fields = key[..^rest.Length];
        if (!SshPublicKey.Parse($"{algorithm} {Convert.ToBase64String(new SshWriter().Text(algorithm).Raw(fields).Written)}").TryGet(out var parsed, out _)
            || !TryTakeNumber(ref rest, sizeof(ulong), out var serial) || serial is 0 or > long.MaxValue
            || !TryTakeNumber(ref rest, sizeof(uint), out var kind) || kind != ForUsers
            || !SshKeyBlob.TryTake(ref rest, out var keyId) || !SshKeyBlob.TryTake(ref rest, out var names)
            || !TryTakeNumber(ref rest, sizeof(ulong), out var after) || !TryTakeNumber(ref rest, sizeof(ulong), out var before)
            || after > LatestUnixTime || before > LatestUnixTime)
            return false;
        var principals = new List<string>();
        while (SshKeyBlob.TryTake(ref names, out var name))
            principals.Add(Encoding.UTF8.GetString(name));
        // Critical options, extensions, reserved, the authority and its signature: all there, and nothing after them.
        for (var i = 0; i < 5; i++)
        {
            if (!SshKeyBlob.TryTake(ref rest, out _))
                return false;
        }

        if (!names.IsEmpty || !rest.IsEmpty || principals.Count == 0)
            return false;
        certificate = new SshCertificate
        {
            Key = parsed,
            Serial = (long)serial,
            KeyId = Encoding.UTF8.GetString(keyId),
            Principals = principals,
            ValidAfter = DateTime.UnixEpoch.AddSeconds(after),
            ValidBefore = DateTime.UnixEpoch.AddSeconds(before),
        };
        return true;
    }

    /// <summary>9999-12-31T23:59:59Z.</summary>
    private const ulong LatestUnixTime = 253_402_300_799;

    /// <summary><c>ssh-ed25519</c> → <c>ssh-ed25519-cert-v01@openssh.com</c>; a type that is OpenSSH's own says so only once.</summary>
    private static string TypeOf(string algorithm) =>
        (algorithm.EndsWith(Vendor, StringComparison.Ordinal) ? algorithm[..^Vendor.Length] : algorithm) + Suffix;

    /// <summary>The fields of a key's blob after its type.</summary>
    private static ReadOnlySpan<byte> FieldsOf(SshPublicKey key)
    {
        var rest = key.Blob.Span;
        SshKeyBlob.TryTake(ref rest, out _);
        return rest;
    }

    private static int FieldCount(string algorithm)
    {
        var parts = algorithm.StartsWith("sk-", StringComparison.Ordinal) ? 1 : 0;
        return parts + (algorithm.Contains("ed25519", StringComparison.Ordinal) ? 1 : 2);
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> rest, int length, out ulong number)
    {
        number = 0;
        if (rest.Length < length)
            return false;
        foreach (var value in rest[..length])
            number = (number << 8) | value;
        rest = rest[length..];
        return true;
    }

    private static ulong UnixTime(DateTime time) => (ulong)(time - DateTime.UnixEpoch).TotalSeconds;

    public override string ToString() => $"certificate {Serial}";
}
