using System.CommandLine;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary><c>actid ssh-ca list | rotate | pull</c>: the authorities that sign an organization's SSH certificates; for its administrators, and on a cluster's host.</summary>
internal static class CertificateAuthorityCommands
{
    private const string Path = "/organization/ssh-certificate-authorities";

    public static Command Create(Actid actid) => actid.Group("ssh-ca", "The authorities that sign your organization's SSH certificates",
        ["actid ssh-ca list", "actid ssh-ca rotate", "actid ssh-ca pull"],
        actid.Command("list", "List the authorities that clusters trust: upcoming, current and retiring", ["actid ssh-ca list", "actid ssh-ca list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "There are none.",
                ["GENERATION", "FINGERPRINT", "CREATED", "SIGNS FROM", "RETIRES", "STATE"], ApiJson.Default.CertificateAuthorityItem, Row, cancellation)),
        Rotate(actid), Pull(actid));

    private static Command Rotate(Actid actid) => actid.Command("rotate",
        "Make a new authority\n"
        + "Told to clusters at once, and signing an hour later, when all of them know it. The one before is trusted until its last certificate has ended. Needs a sign-in with --manage.",
        ["actid ssh-ca rotate", "actid ssh-ca rotate -o json"], [],
        async (call, cancellation) =>
        {
            using var api = call.Connect();
            var answer = await api.DoAsync(HttpMethod.Post, $"{Path}/rotate", null, cancellation);
            var added = api.Understand(answer.Body, ApiJson.Default.CertificateAuthorityItem);
            if (call.Json)
                call.Show(JsonText.Indent(answer.Body));
            call.Say($"The new authority {added.Fingerprint} signs {Times.Full(added.SignsFrom, call.Now, "now")}.");
            return ExitCodes.Done;
        });

    private static Command Pull(Actid actid) => actid.Command("pull",
        "On a cluster's host: fetch the authorities that its sshd is to trust\n"
        + "With the key in /etc/actid/cluster-key, into /etc/actid/trusted-ca. Run it as root, every few minutes: a new authority signs an hour after it was made.",
        ["actid ssh-ca pull"], [],
        async (call, cancellation) =>
        {
            var (authorities, changed) = await TrustedAuthoritiesFile.PullAsync(call.Around, ClusterKey.Read(call.Around), cancellation);
            if (changed)
                call.Say($"{TrustedAuthoritiesFile.PathOf(call.Around)} has {authorities.PublicKeys.Count} now.");
            return ExitCodes.Done;
        });

    private static string[] Row(CertificateAuthorityItem item, DateTimeOffset now) =>
    [
        item.Generation.ToString(System.Globalization.CultureInfo.InvariantCulture), item.Fingerprint ?? "", Times.Full(item.CreatedAt, now, ""), Times.Full(item.SignsFrom, now, ""),
        Times.Full(item.RetiresAt, now, "never"), item.State ?? "",
    ];
}
