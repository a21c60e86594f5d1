using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.SshCertificates;

namespace Activate.Identity.Cli.SshCertificates;

/// <summary><c>actid ssh</c>, <c>actid ssh-cert</c> and <c>actid ssh-config</c>: logging in to clusters with the sign-in that is there already, and no key that lasts.</summary>
internal static class SshCertificateCommands
{
    private const string Path = "/ssh-certificates";

    public static Command CreateCertificate(Actid actid)
    {
        var cluster = Cluster();
        var hours = new Option<int?>("--hours") { Description = "After how many hours it ends at the latest [default: what your organization's policy says]", HelpName = "N" };
        var file = new Option<string?>("--file", "-f")
        {
            Description = "The private key: the one beside whose .pub file the certificate is to be, or a new one [default: in actid's own folder]", HelpName = "PATH",
        };
        return actid.Command("ssh-cert",
            "Get an SSH certificate for a cluster, or keep the one that is there\n"
            + "It ends with your sign-in at the latest. Prints the certificate's path; the private key is beside it, without -cert.pub, and never leaves this machine.",
            ["actid ssh-cert frontier", "actid ssh-cert login.frontier.example.org --hours 2", "actid ssh-cert frontier --file ~/.ssh/id_ed25519_sk"],
            [cluster, hours, file],
            async (call, cancellation) =>
            {
                var credential = CredentialInUse.Choose(call);
                var files = call.Get(file) is { } path ? CertificateFiles.At(path) : CertificateFiles.Of(call.Around, credential.Server, call.Get(cluster));
                if (call.Get(hours) is not null || call.Json || files.Living(SessionOf(credential), call.Now) is null)
                {
                    var (answer, issued) = await IssueAsync(call, credential, files, call.Get(cluster), call.Get(hours), cancellation);
                    call.Say($"Certificate for {issued.Account} on {issued.ClusterName}, until {Times.Full(issued.ExpiresAt, call.Now)}.");
                    if (call.Json)
                        call.Show(JsonText.Indent(answer.Body));
                }

                if (!call.Json)
                    call.Show(files.CertificatePath);
                return ExitCodes.Done;
            });
    }

    public static Command CreateSsh(Actid actid)
    {
        var destination = new Argument<string>("[USER@]HOST") { Description = "The cluster's address; without a user, your account there" };
        var more = new Argument<string[]>("ARGUMENTS") { Description = "For ssh itself: its options, a command. Write -- before them", Arity = ArgumentArity.ZeroOrMore };
        return actid.Command("ssh",
            "Log in to a cluster with your sign-in\nGets a certificate when there is none that lives, and runs ssh with it; ends with ssh's exit code. ACTID_SSH names another ssh.",
            ["actid ssh login.frontier.example.org", "actid ssh ada@login.frontier.example.org -- -L 8888:localhost:8888", "actid ssh login.frontier.example.org -- sbatch job.sh"],
            [destination, more],
            async (call, cancellation) =>
            {
                var (user, host) = Split(call.Get(destination));
                var credential = CredentialInUse.Choose(call);
                var files = CertificateFiles.Of(call.Around, credential.Server, host);
                var certificate = files.Living(SessionOf(credential), call.Now);
                if (certificate is null)
                {
                    await IssueAsync(call, credential, files, host, null, cancellation);
                    certificate = files.Living(SessionOf(credential), call.Now) ?? throw Failure.Failed($"{files.CertificatePath} is not what was written there. Try again.");
                }

                var account = AccountOf(certificate);
                if (user is not null && user != account)
                    call.Say($"note: your account on {host} is {account}; the certificate does not open {user}.");
                return await RunAsync(call, files, $"{user ?? account}@{host}", call.Get(more));
            });
    }

    public static Command CreateConfig(Actid actid)
    {
        var cluster = Cluster();
        return actid.Command("ssh-config",
            "Print lines for ~/.ssh/config, with which plain ssh, scp, rsync and git use your sign-in for a cluster\n"
            + "Put them before any 'Host *'. When you are not signed in, ssh says so and goes on as without them.",
            ["actid ssh-config frontier >> ~/.ssh/config"],
            [cluster],
            async (call, cancellation) =>
            {
                var credential = CredentialInUse.Choose(call);
                // By its id, which is unique and stays when the cluster gets another name or address.
                var (answer, first) = await IssueAsync(call, credential, CertificateFiles.Of(call.Around, credential.Server, call.Get(cluster)), call.Get(cluster), null, cancellation);
                if (!Guid.TryParse(first.ClusterId, out var id) || Username.Parse(first.Account).Problem is not null || !ClusterAddress.Parse(first.ClusterAddress).TryGet(out var address, out _))
                    throw Failure.Failed($"{ServerAddress.Origin(credential.Server)} answered with a cluster that cannot be put into ssh's configuration.");
                if (call.Json)
                    call.Show(JsonText.Indent(answer.Body));
                else
                {
                    var files = CertificateFiles.Of(call.Around, credential.Server, id.ToString());
                    call.Show(SshConfig.Block(id, first.ClusterName ?? "", address, first.Account, files, call.ContextOption, call.ServerOption));
                }

                return ExitCodes.Done;
            });
    }

    /// <summary>Asks for a certificate, and puts it beside its key once it is what was asked for.</summary>
    private static async Task<(Answer Answer, SshCertificateAnswer Issued)> IssueAsync(
        Call call, CredentialInUse credential, CertificateFiles files, string cluster, int? hours, CancellationToken cancellation)
    {
        var key = files.Prepare(isInUse: files.Living(SessionOf(credential), call.Now) is not null);
        using var api = call.Connect(credential);
        var answer = await api.DoAsync(HttpMethod.Post, Path, json =>
        {
            json.WriteString("publicKey", key.Text);
            json.WriteString("cluster", cluster);
            if (hours is { } wish)
                json.WriteNumber("expiresInHours", wish);
        }, cancellation);
        var issued = api.Understand(answer.Body, ApiJson.Default.SshCertificateAnswer);
        if (!SshCertificate.TryRead(issued.Certificate, out var certificate) || certificate.Key.Fingerprint != key.Fingerprint || AccountOf(certificate) != issued.Account)
            throw Failure.Failed($"{ServerAddress.Origin(credential.Server)} did not answer with a certificate of this key.");
        files.Write(issued.Certificate);
        return (answer, issued);
    }

    /// <summary>ssh, in our place as far as that goes: it has our terminal, and its exit code becomes ours.</summary>
    private static async Task<int> RunAsync(Call call, CertificateFiles files, string destination, string[] more)
    {
        var program = call.Around.Setting("ACTID_SSH") ?? "ssh";
        // Nothing secret is among the arguments: names of files, which are for their owner alone.
        var start = new ProcessStartInfo(program, [.. SshConfig.Options(files).SelectMany(option => (string[])["-o", option]), destination, .. more]) { UseShellExecute = false };
        try
        {
            using var ssh = Process.Start(start)!;
            // Not cancelled with us: Ctrl-C goes to both, and ssh decides what becomes of it.
            await ssh.WaitForExitAsync(CancellationToken.None);
            return ssh.ExitCode;
        }
        catch (Win32Exception problem)
        {
            throw Failure.Failed($"{program} cannot be started: {problem.Message}", "Install OpenSSH, or name another ssh in ACTID_SSH.");
        }
    }

    /// <summary>Neither half may be taken for an option by ssh.</summary>
    private static (string? User, string Host) Split(string destination)
    {
        var at = destination.LastIndexOf('@');
        var (user, host) = (at < 0 ? null : destination[..at], destination[(at + 1)..]);
        if (!ClusterAddress.Parse(host).TryGet(out var address, out var problem) || (user is not null && !Username.Parse(user).TryGet(out user, out problem)))
            throw Failure.Usage(problem.Detail);
        return (user, address);
    }

    private static string? AccountOf(SshCertificate certificate) => CertificatePrincipal.TryParse(certificate.Principals[0], out var principal) ? principal.Value.Account : null;

    private static string? SessionOf(CredentialInUse credential) => credential.Kind == StoredContext.ApiKey ? null : AccessToken.Read(credential.Secret)?.SessionId;

    private static Argument<string> Cluster() => new("CLUSTER") { Description = "The cluster, by its address, name or id" };
}
