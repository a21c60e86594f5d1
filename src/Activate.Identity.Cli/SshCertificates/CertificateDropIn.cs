namespace Activate.Identity.Cli.SshCertificates;

/// <summary>
/// The lines of sshd's configuration that let people in with certificates. They belong <b>before</b> any AuthorizedKeysCommand: OpenSSH 9.2 (Debian 12) ignores an
/// AuthorizedPrincipalsCommand that comes after one. It then looks for the account's name among the principals, where it never is, and refuses every certificate.
/// </summary>
internal static class CertificateDropIn
{
    /// <param name="actid">The absolute path of this program, as sshd demands it.</param>
    /// <param name="user">As whom sshd runs it: may read the cluster's key, and nothing else.</param>
    /// <param name="trusted">The absolute path of the file that <see cref="TrustedAuthoritiesFile"/> keeps. Where it is missing, sshd trusts nobody, and says so in its debug log only.</param>
    public static IReadOnlyList<string> Lines(string actid, string user, string trusted) =>
    [
        $"TrustedUserCAKeys {trusted}",
        $"AuthorizedPrincipalsCommand {actid} authorized-principals --uid %U --serial %s -- %u",
        $"AuthorizedPrincipalsCommandUser {user}",
    ];
}
