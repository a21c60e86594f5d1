using System.Security.Cryptography;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.SshKeys;

/// <summary>
/// One SSH public key, as one line of a .pub file holds it. Parsed, checked and written again by us: nothing of the input is ever echoed, so that no line of an
/// authorized_keys answer can hold more than the one key that was checked.
/// <code>
/// ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… ada@laptop
/// └── type    └── blob, base64           └── comment
///
/// blob (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, OpenSSH PROTOCOL.u2f), each field a 4-byte length and its bytes, nothing after them:
///   ssh-ed25519                         type, 32 bytes
///   ssh-rsa                             type, mpint e, mpint n
///   ecdsa-sha2-nistp256, 384, 521       type, curve, uncompressed point
///   sk-ssh-ed25519@openssh.com          type, 32 bytes, application
///   sk-ecdsa-sha2-nistp256@openssh.com  type, curve, uncompressed point, application
/// </code>
/// Refused though OpenSSH may take it: RSA below 2048 and above 8192 bits, numbers that are not minimal, ed25519 points that are none or of small order.
/// </summary>
public sealed class SshPublicKey
{
    /// <summary>sshd reads no longer line.</summary>
    private const int LongestLine = 8 * 1024;
    private const int LongestComment = 128;
    private const string CertificateMark = "-cert-v01@openssh.com";

    private SshPublicKey(string algorithm, int bits, byte[] blob, string base64, string comment)
    {
        (Algorithm, Bits, Blob, Comment) = (algorithm, bits, blob, comment);
        Fingerprint = SshFingerprint.Of(SHA256.HashData(blob));
        Text = comment.Length == 0 ? $"{algorithm} {base64}" : $"{algorithm} {base64} {comment}";
    }

    /// <summary><c>ssh-ed25519</c> and so on.</summary>
    public string Algorithm { get; }

    /// <summary>Of the modulus or the curve.</summary>
    public int Bits { get; }

    public ReadOnlyMemory<byte> Blob { get; }

    /// <summary>As <c>ssh-keygen -l</c> shows it: <c>SHA256:</c> and base64 without padding.</summary>
    public string Fingerprint { get; }

    /// <summary>Printable, at most 128 characters, perhaps empty.</summary>
    public string Comment { get; }

    /// <summary>The key as we write it: <c>type blob comment</c>, or <c>type blob</c>.</summary>
    public string Text { get; }

    public override string ToString() => $"{Algorithm} {Fingerprint}";

    /// <param name="text">Exactly one key on one line; white space around it does not count.</param>
    /// <param name="field">The request's field, for the problem. No problem tells anything of the text.</param>
    public static Result<SshPublicKey> Parse(string? text, string field = "publicKey")
    {
        if (string.IsNullOrWhiteSpace(text))
            return Problems.Invalid(field, "public_key_required", "Paste the public key: the one line of the file that ends in .pub, such as ~/.ssh/id_ed25519.pub.");
        // Before anything else: whoever pastes a private key has to hear it, whatever else is wrong with the text.
        if (HoldsPrivateKey(text))
            return Refusals.Private(field);
        if (IsOtherFormat(text))
            return Refusals.Format(field);
        var line = text.AsSpan().Trim(" \t\r\n");
        if (line.Length > LongestLine)
            return Refusals.TooLong(field);
        if (line.ContainsAny('\n', '\r'))
            return Refusals.Several(field);

        var space = line.IndexOf(' ');
        var type = space < 0 ? line : line[..space];
        if (SshKeyBlob.Known(type) is not { } algorithm)
            return NotAType(line, type, field);
        var rest = space < 0 ? default : line[(space + 1)..].TrimStart(' ');
        space = rest.IndexOf(' ');
        var base64 = space < 0 ? rest : rest[..space];
        var comment = space < 0 ? default : rest[(space + 1)..].Trim(' ');

        if (!TryDecode(base64, out var blob))
            return Refusals.Malformed(field);
        var (bits, fault) = SshKeyBlob.Check(algorithm, blob);
        switch (fault)
        {
            case SshKeyFault.Malformed:
                return Refusals.Malformed(field);
            case SshKeyFault.TooWeak:
                return Refusals.TooWeak(field);
            case SshKeyFault.TooLong:
                return Refusals.TooLong(field);
            case SshKeyFault.None:
                break;
            default:
                throw new InvalidOperationException($"No fault {fault}.");
        }

        // Also keeps out what some program somewhere takes for the end of a line: VT, FF, NEL, U+2028, U+2029, NUL.
        if (comment.Length > LongestComment || (comment.Length > 0 && !CredentialName.IsPrintable(comment.ToString())))
            return Refusals.Comment(field);
        return new SshPublicKey(algorithm, bits, blob, base64.ToString(), comment.ToString());
    }

    private static bool HoldsPrivateKey(string text) =>
        Has(text, "PRIVATE KEY") && Has(text, "BEGIN")
        || Has(text, "PuTTY-User-Key-File") || Has(text, "Private-Lines:") || Has(text, "SSH PRIVATE KEY FILE FORMAT") || Has(text, "AGE-SECRET-KEY-")
        // "openssh-key-v1" in base64: the body of a private key whose first line was left out.
        || text.Contains("b3BlbnNzaC1rZXktdjE", StringComparison.Ordinal)
        || HoldsPrivateDer(text)
        // The private half of a JWK, a secret one (RFC 7517), and .NET's XML.
        || (Has(text, "\"kty\"") && (Has(text, "\"d\"") || Has(text, "\"k\""))) || (Has(text, "<RSAKeyValue") && Has(text, "<D>"));

    /// <summary>
    /// The body of a PEM file whose first line was left out: DER in base64. Every private key begins with a sequence whose first member is a version of one byte (PKCS #1,
    /// #8, #12, SEC 1), which no public key does, or whose algorithm is an encryption with a password (PKCS #5, #12).
    /// </summary>
    private static bool HoldsPrivateDer(string text)
    {
        Span<byte> der = stackalloc byte[BeginningOfDer / 4 * 3];
        foreach (var range in text.AsSpan().SplitAny(" \t\r\n\""))
        {
            var word = text.AsSpan()[range];
            if (word.Length < BeginningOfDer || !Convert.TryFromBase64Chars(word[..BeginningOfDer], der, out _) || der[0] != 0x30)
                continue;
            // The length is one byte, or as many more as it says.
            var content = der[(2 + (der[1] > 0x80 ? der[1] & 0x03 : 0))..];
            if (content.StartsWith<byte>([0x02, 0x01]))
                return true;
            if (content[0] == 0x30 && content[1] < 0x80 && content[2] == 0x06
                && (content[4..].StartsWith<byte>([.. s_pkcs, 0x05]) || content[4..].StartsWith<byte>([.. s_pkcs, 0x0C])))
                return true;
        }

        return false;
    }

    /// <summary>Characters of base64: more than the longest header that tells.</summary>
    private const int BeginningOfDer = 40;

    /// <summary>1.2.840.113549.1, the object identifier of PKCS.</summary>
    private static readonly byte[] s_pkcs = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01];

    private static bool IsOtherFormat(string text) =>
        Has(text, "---- BEGIN") || Has(text, "-----BEGIN") || text.AsSpan().TrimStart() is ['{', ..] || text.Contains("<RSAKeyValue", StringComparison.Ordinal);

    private static bool Has(string text, string mark) => text.Contains(mark, StringComparison.OrdinalIgnoreCase);

    private static Problem NotAType(ReadOnlySpan<char> line, ReadOnlySpan<char> type, string field)
    {
        if (type.EndsWith(CertificateMark, StringComparison.Ordinal))
            return Refusals.Certificate(field);
        if (type.StartsWith("ssh-", StringComparison.Ordinal) || type.StartsWith("sk-", StringComparison.Ordinal) || type.StartsWith("ecdsa-", StringComparison.Ordinal))
            return type.ContainsAnyExcept(s_typeName) ? Refusals.Malformed(field) : Refusals.Type(field);
        foreach (var candidate in SshKeyBlob.Types)
        {
            // Also what cannot be told apart from options: sshd takes anything before the type for those.
            if (line.Contains(candidate, StringComparison.Ordinal))
                return Refusals.Options(field);
        }

        return Refusals.Malformed(field);
    }

    private static readonly System.Buffers.SearchValues<char> s_typeName = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-@.");

    /// <summary>Canonical base64 only (RFC 4648 §4): no white space, no other alphabet, padding exactly where it belongs, no stray bits.</summary>
    private static bool TryDecode(ReadOnlySpan<char> base64, out byte[] blob)
    {
        blob = [];
        if (base64.IsEmpty || base64.Length % 4 != 0 || base64.ContainsAnyExcept(s_base64))
            return false;
        Span<byte> bytes = stackalloc byte[LongestLine / 4 * 3];
        if (!Convert.TryFromBase64Chars(base64, bytes, out var length))
            return false;
        Span<char> again = stackalloc char[4];
        var tail = bytes[((length - 1) / 3 * 3)..length];
        if (!Convert.TryToBase64Chars(tail, again, out _) || !again.SequenceEqual(base64[^4..]))
            return false;
        blob = bytes[..length].ToArray();
        return true;
    }

    private static readonly System.Buffers.SearchValues<char> s_base64 =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    /// <summary>What is wrong, and what to do.</summary>
    private static class Refusals
    {
        private static readonly string s_types = string.Join(", ", SshKeyBlob.Types.Select(type => type.Replace("@openssh.com", "", StringComparison.Ordinal)));

        public static Problem Private(string field) => Problems.Invalid(field, "ssh_private_key",
            "This is a PRIVATE key. It was not stored. But it has left your device: if anybody else may have seen it, make a new key pair with ssh-keygen and stop using this one. Paste the public key, the file that ends in .pub.");

        public static Problem Format(string field) => Problems.Invalid(field, "ssh_key_format",
            "This is another format than sshd's. Paste the one line of the .pub file, or convert: 'ssh-keygen -i -f FILE' for RFC 4716 and PEM, 'puttygen KEY.ppk -O public-openssh' for PuTTY.");

        public static Problem Certificate(string field) => Problems.Invalid(field, "ssh_certificate",
            "This is a certificate, not a key. Paste the public key itself: the .pub file without '-cert' in its name.");

        public static Problem Options(string field) => Problems.Invalid(field, "ssh_key_options",
            "There is something before the key's type, such as options of an authorized_keys file. They are not taken. Paste the key alone, beginning with its type.");

        public static Problem Type(string field) => Problems.Invalid(field, "ssh_key_type", $"Keys of this type are not taken. Make one with 'ssh-keygen -t ed25519'. Taken are {s_types}.");

        public static Problem TooWeak(string field) => Problems.Invalid(field, "ssh_key_too_weak", "An RSA key has at least 2048 bits. Make a new one, best with 'ssh-keygen -t ed25519'.");

        public static Problem TooLong(string field) => Problems.Invalid(field, "ssh_key_too_long", "This is longer than a public key: RSA keys have at most 8192 bits, and a line at most 8 KB. Make one with 'ssh-keygen -t ed25519'.");

        public static Problem Several(string field) => Problems.Invalid(field, "ssh_key_several", "This is more than one line. Add one key at a time, without line breaks in it.");

        public static Problem Comment(string field) => Problems.Invalid(field, "ssh_key_comment", $"The comment after the key has at most {LongestComment} printable characters. Shorten it, or leave it out.");

        public static Problem Malformed(string field) => Problems.Invalid(field, "ssh_key_malformed",
            "This is not a whole SSH public key. Copy the one line of the .pub file completely: the type, such as ssh-ed25519, then the long text that begins with AAAA.");
    }
}
