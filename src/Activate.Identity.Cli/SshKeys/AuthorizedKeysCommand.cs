using System.CommandLine;
using System.Net;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Hosts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.SshKeys;

/// <summary>
/// <c>actid authorized-keys</c>: what a cluster's sshd runs as AuthorizedKeysCommand (sshd_config(5)). Prints complete lines of keys that were checked here once more,
/// or, if there is any doubt about anything, nothing at all, and ends with another code than 0, which sshd takes for "no keys". Where the server cannot be reached, or answers with
/// an error of its own or with nonsense, the copy of who may log in takes its place (<see cref="BundleCopy"/>); where it says no, nothing does.
/// </summary>
internal static class AuthorizedKeysCommand
{
    /// <summary>A login waits for us. With the start of the program, and a look into the copy, it is over within 3 seconds, whatever the network does.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2.4);

    private const int LargestAnswer = 256 * 1024;

    public static Command Create(Actid actid)
    {
        var username = new Argument<string>("USERNAME") { Description = "Who logs in: sshd's %u. Write -- before it" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "The key that was offered: sshd's %f", HelpName = "SHA256:…" };
        var uid = new Option<uint?>("--uid") { Description = "The account's number: sshd's %U. Below UID_MIN of /etc/login.defs nobody is looked up", HelpName = "N" };
        var expiryTime = new Option<bool>("--expiry-time") { Description = "Let sshd, too, refuse a key after its end (OpenSSH 9.1 and later; older ones refuse the line)" };
        return actid.Command("authorized-keys",
            "Print the SSH keys with which a user may log in now, for sshd's AuthorizedKeysCommand\n"
            + "The cluster's API key is in /etc/actid/cluster-key. If anything is in doubt, nothing is printed and the exit code is not 0. Takes 3 seconds at most.",
            ["AuthorizedKeysCommand /usr/local/bin/actid authorized-keys --uid %U --fingerprint %f -- %u", "actid authorized-keys -- ada"],
            [username, fingerprint, uid, expiryTime],
            (call, cancellation) => RunAsync(call, call.Get(username), call.Get(fingerprint), call.Get(uid), call.Get(expiryTime), cancellation));
    }

    private static async Task<int> RunAsync(Call call, string username, string? fingerprint, uint? uid, bool expiryTime, CancellationToken cancellation)
    {
        // sshd asks for every local account. Nobody of ours has one of these names, so there is nothing to look up.
        if (Username.Reserved.Contains(username))
            return ExitCodes.Done;
        if (Username.Parse(username).Problem is not null)
            throw Failure.Usage("That is no username: nobody can have keys under it.");
        if (fingerprint is not null && !SshFingerprint.TryParse(fingerprint, out _))
            throw Failure.Usage("That is no fingerprint: write it as 'SHA256:' and 43 base64 characters, as 'ssh-keygen -l' does.");
        // An account of the system that has the name of one of our users is not that user's.
        if (uid < LoginDefinitions.UidMinimum())
            return ExitCodes.Done;

        var key = ClusterKey.Read(call.Around);
        var (lines, outage) = await LookUpAsync(call.Around, key, username, fingerprint, expiryTime, cancellation);
        lines ??= FromCopy(new BundleCopy(call.Around, key), call, username, fingerprint, expiryTime, outage!);
        // In one piece: sshd never sees half of it.
        await call.Around.OutBytes.WriteAsync(Encoding.UTF8.GetBytes(lines), cancellation);
        await call.Around.OutBytes.FlushAsync(cancellation);
        return ExitCodes.Done;
    }

    /// <summary>The lines; or null, and what kept the server from answering. Where it refuses, it is asked no further, and neither is a copy.</summary>
    internal static async Task<(string? Lines, Failure? Outage)> LookUpAsync(
        Surroundings around, CredentialInUse key, string username, string? fingerprint, bool expiryTime, CancellationToken cancellation)
    {
        var query = fingerprint is null ? "" : $"?fingerprint={Uri.EscapeDataString(fingerprint)}";
        var (answer, outage) = await ClusterKey.AskAsync(around, key, $"/authorized-keys/{Uri.EscapeDataString(username)}{query}", s_deadline, cancellation);
        if (answer is null)
            return (null, outage);
        if (answer.Status >= HttpStatusCode.InternalServerError)
            return (null, Refusal.Of(answer, key.Server));
        if (answer.Status != HttpStatusCode.OK)
            throw Refusal.Of(answer, key.Server);
        if (answer.MediaType != "application/json" || answer.Body.Length > LargestAnswer
            || JsonText.Read(answer.Body, ApiJson.Default.AuthorizedKeysAnswer) is not { } keys || keys.Username != username)
            return (null, Doubt(key));

        var lines = new StringBuilder();
        foreach (var item in keys.Keys)
        {
            // Everything is checked, also what is not printed: an answer with one wrong line is a wrong answer.
            if (!AuthorizedKeysLine.TryRead(item.PublicKey, out var parsed, out var option) || option is not null || parsed!.Fingerprint != item.Fingerprint
                || (fingerprint is not null && parsed.Fingerprint != fingerprint))
                return (null, Doubt(key));
            if (!(item.ExpiresAt <= around.Time.GetUtcNow()))
                lines.Append(AuthorizedKeysLine.Write(parsed.Text, expiryTime ? item.ExpiresAt?.UtcDateTime : null)).Append('\n');
        }

        return (lines.ToString(), null);
    }

    private static string FromCopy(BundleCopy copy, Call call, string username, string? fingerprint, bool expiryTime, Failure outage)
    {
        var now = call.Now.UtcDateTime;
        if (!copy.TryFind(username, now, out var keys, out var why))
            throw new Failure(outage.ExitCode, outage.Message, [.. outage.Details, why]);
        var lines = new StringBuilder();
        foreach (var key in keys)
        {
            if (!AuthorizedKeysLine.TryRead(key.PublicKey, out var parsed, out var option) || option is not null)
                throw new Failure(outage.ExitCode, outage.Message, [.. outage.Details, "The copy on this host is damaged. Fetch it anew: actid cluster pull"]);
            if (!(key.ExpiresAt <= now) && (fingerprint is null || parsed!.Fingerprint == fingerprint))
                lines.Append(AuthorizedKeysLine.Write(parsed!.Text, expiryTime ? key.ExpiresAt : null)).Append('\n');
        }

        call.Say($"{outage.Message} The copy on this host was used.");
        return lines.ToString();
    }

    private static Failure Doubt(CredentialInUse key) => Failure.Failed($"{ServerAddress.Origin(key.Server)} answered with something else than the keys of that user.");
}
