using Activate.Identity.Cli.SshCertificates;
using Activate.Identity.Cli.SshKeys;

namespace Activate.Identity.Cli.Hosts;

/// <summary>Whom sshd asks the server about. Everybody else keeps their own authorized_keys file, which is the way in when nothing else works.</summary>
/// <param name="AllowGroup">Only members of this Unix group; null: everybody but <paramref name="Deny"/>.</param>
/// <param name="Deny">Accounts that keep their own files; root always is one.</param>
internal sealed record AskedFor(string? AllowGroup, IReadOnlyList<string> Deny)
{
    /// <summary>sshd_config(5), Match and PATTERNS: a negated pattern that matches decides.</summary>
    public string Match => AllowGroup is { } group ? $"Match Group {group}" : $"Match User *,{string.Join(',', Deny.Prepend("root").Distinct().Select(name => "!" + name))}";

    public string Words => AllowGroup is { } group ? $"members of the group '{group}'" : $"everybody but {string.Join(", ", Deny.Prepend("root").Distinct())}";
}

/// <summary>What is written into sshd's settings.</summary>
internal static class DropIn
{
    public const string Begin = "# BEGIN actid: 'actid cluster uninstall' takes this away";
    public const string End = "# END actid";

    /// <param name="asked">Whom it is about.</param>
    /// <param name="command">actid's absolute path.</param>
    /// <param name="account">Who runs it.</param>
    /// <param name="openSsh">The host's version: older than 9.1 would refuse a line with expiry-time.</param>
    public static string Text(AskedFor asked, string command, string account, Version? openSsh) => string.Join('\n',
    [
        Begin,
        "# Who is not matched here keeps their own ~/.ssh/authorized_keys: keep such an account, with a key, for emergencies.",
        asked.Match,
        .. Lines(command, account, openSsh).Select(line => $"    {line}"),
        // Whatever is included after this file, or follows it, is for everybody again.
        "Match all",
        End,
        "",
    ]);

    private static IEnumerable<string> Lines(string command, string account, Version? openSsh) =>
    [
        .. CertificateDropIn.Lines(command, account, $"{ClusterKey.Folder}/{TrustedAuthoritiesFile.Name}"),
        $"AuthorizedKeysCommand {command} authorized-keys --uid %U{(openSsh >= new Version(9, 1) ? " --expiry-time" : "")} --fingerprint %f -- %u",
        $"AuthorizedKeysCommandUser {account}",
        // A key in a file would go on working after the server has ended it.
        "AuthorizedKeysFile none",
    ];

    /// <summary>A text without what stands between our marks.</summary>
    public static string Without(string text)
    {
        var begin = text.IndexOf(Begin, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : text.IndexOf(End, begin, StringComparison.Ordinal);
        return end < 0 ? text : text[..begin] + text[(end + End.Length)..].TrimStart('\n');
    }
}
