using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Hosts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.SshCertificates;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary>
/// <c>actid authorized-principals</c>: what a cluster's sshd runs as AuthorizedPrincipalsCommand (sshd_config(5)) once it has found that a certificate was signed by an authority
/// it trusts. Prints the one principal that opens the account on this cluster, if the server says that the certificate still counts.
/// <para>
/// When the server cannot be reached, the certificate counts by itself until it ends, which is a day at most: then the principal follows from the account and the id of this
/// cluster alone. Not after an answer: a refusal, or one that is not as it should be, opens nothing.
/// </para>
/// </summary>
internal static class AuthorizedPrincipalsCommand
{
    /// <summary>A login waits for us. With the start of the program it is over within 3 seconds, whatever the network does.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);

    private const int LargestAnswer = 4096;

    public static Command Create(Actid actid)
    {
        var account = new Argument<string>("ACCOUNT") { Description = "Who logs in: sshd's %u. Write -- before it" };
        var uid = new Option<uint?>("--uid") { Description = "The account's number: sshd's %U. Below UID_MIN of /etc/login.defs no certificate opens it", HelpName = "N" };
        var serial = new Option<string>("--serial") { Description = "The certificate's serial: sshd's %s", HelpName = "N", Required = true };
        return actid.Command("authorized-principals",
            "Print the principal with which a certificate opens an account of this cluster, for sshd's AuthorizedPrincipalsCommand\n"
            + "Needs /etc/actid/cluster-key and /etc/actid/trusted-ca. While the server cannot be reached, certificates count until they end. Takes 3 seconds at most.",
            ["AuthorizedPrincipalsCommand /usr/local/bin/actid authorized-principals --uid %U --serial %s -- %u"],
            [account, uid, serial],
            (call, cancellation) => RunAsync(call, call.Get(account), call.Get(uid), call.Get(serial), cancellation));
    }

    private static async Task<int> RunAsync(Call call, string account, uint? uid, string? serial, CancellationToken cancellation)
    {
        // No certificate of ours names one of these.
        if (Username.Reserved.Contains(account))
            return ExitCodes.Done;
        if (Username.Parse(account).Problem is not null)
            throw Failure.Usage("That is no username: no certificate opens it.");
        if (!long.TryParse(serial, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            throw Failure.Usage("That is no serial of ours: write sshd's %s, a whole number greater than 0.");
        // An account of the system that has the name of one of our users is not that user's.
        if (uid < LoginDefinitions.UidMinimum())
            return ExitCodes.Done;

        var principal = new CertificatePrincipal(account, TrustedAuthoritiesFile.Read(call.Around).ClusterId);
        if (await CountsAsync(call, principal, number, cancellation))
        {
            await call.Around.OutBytes.WriteAsync(Encoding.UTF8.GetBytes($"{principal}\n"), cancellation);
            await call.Around.OutBytes.FlushAsync(cancellation);
        }

        return ExitCodes.Done;
    }

    private static async Task<bool> CountsAsync(Call call, CertificatePrincipal principal, long serial, CancellationToken cancellation)
    {
        var key = ClusterKey.Read(call.Around);
        var (answer, _) = await ClusterKey.AskAsync(
            call.Around, key, string.Create(CultureInfo.InvariantCulture, $"/authorized-principals/{Uri.EscapeDataString(principal.Account)}?serial={serial}"), s_deadline, cancellation);
        if (answer is null)
        {
            call.Say($"note: {ServerAddress.Origin(key.Server)} cannot be reached; the certificate counts by itself until it ends.");
            return true;
        }

        if ((int)answer.Status >= 500)
        {
            call.Say($"note: {ServerAddress.Origin(key.Server)} answered {(int)answer.Status}; the certificate counts by itself until it ends.");
            return true;
        }

        if (answer.Status != HttpStatusCode.OK)
            throw Refusal.Of(answer, key.Server);
        if (answer.MediaType != "application/json" || answer.Body.Length > LargestAnswer
            || JsonText.Read(answer.Body, ApiJson.Default.AuthorizedPrincipalsAnswer) is not { } said || said.Account != principal.Account
            || said.Principals.Exists(name => name != principal.ToString()))
            throw Failure.Failed($"{ServerAddress.Origin(key.Server)} answered with something else than the principal of that account.");
        return said.Principals.Count > 0;
    }
}
