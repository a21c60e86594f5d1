using System.Globalization;

namespace Activate.Identity.Core.SshKeys;

/// <summary>
/// One line as sshd reads it from an AuthorizedKeysCommand (sshd(8), AUTHORIZED_KEYS FILE FORMAT). The only option there ever is is ours:
/// <code>
/// ssh-ed25519 AAAA… ada@laptop
/// expiry-time="20261125120000Z" ssh-ed25519 AAAA… ada@laptop      OpenSSH 9.1 and later; older ones refuse the line for the Z
/// </code>
/// </summary>
public static class AuthorizedKeysLine
{
    private const string Option = "expiry-time=\"";
    private const string TimeFormat = "yyyyMMddHHmmss'Z'";

    /// <param name="publicKey"><see cref="SshPublicKey.Text"/>.</param>
    /// <param name="expiryTime">UTC; null: no option.</param>
    public static string Write(string publicKey, DateTime? expiryTime = null) =>
        expiryTime is { } time ? $"{Option}{time.ToString(TimeFormat, CultureInfo.InvariantCulture)}\" {publicKey}" : publicKey;

    /// <summary>Whether a line, without its end, is exactly as <see cref="Write"/> writes it for a sound key: what a helper asks before it lets sshd read it.</summary>
    public static bool TryRead(string line, out SshPublicKey? key, out DateTime? expiryTime)
    {
        (key, expiryTime) = (null, null);
        var rest = line;
        if (line.StartsWith(Option, StringComparison.Ordinal))
        {
            var end = line.IndexOf("\" ", Option.Length, StringComparison.Ordinal);
            if (end < 0 || !DateTime.TryParseExact(line.AsSpan(Option.Length, end - Option.Length), TimeFormat, CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
                return false;
            expiryTime = time;
            rest = line[(end + 2)..];
        }

        return SshPublicKey.Parse(rest).TryGet(out key, out _) && key.Text == rest;
    }
}
