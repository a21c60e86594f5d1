using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.SshKeys;

/// <summary>
/// <c>actid authorized-keys</c>: what a cluster's sshd runs as AuthorizedKeysCommand (sshd_config(5)). Prints complete lines of keys that were checked here once more,
/// or, if there is any doubt about anything, nothing at all, and ends with another code than 0, which sshd takes for "no keys".
/// </summary>
internal static class AuthorizedKeysCommand
{
    /// <summary>A login waits for us. With the start of the program it is over within 3 seconds, whatever the network does.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2.5);

    private const int LargestAnswer = 256 * 1024;

    public static Command Create(Actid actid)
    {
        var username = new Argument<string>("USERNAME") { Description = "Who logs in: sshd's %u. Write -- before it" };
        var fingerprint = new Option<string?>("--fingerprint") { Description = "The key that was offered: sshd's %f", HelpName = "SHA256:…" };
        return actid.Command("authorized-keys",
            "Print the SSH keys with which a user may log in now, for sshd's AuthorizedKeysCommand\n"
            + "The cluster's API key is in /etc/actid/cluster-key. If anything is in doubt, nothing is printed and the exit code is not 0. Takes 3 seconds at most.",
            ["AuthorizedKeysCommand /usr/local/bin/actid authorized-keys --fingerprint %f -- %u", "actid authorized-keys -- ada"],
            [username, fingerprint],
            (call, cancellation) => RunAsync(call, call.Get(username), call.Get(fingerprint), cancellation));
    }

    private static async Task<int> RunAsync(Call call, string username, string? fingerprint, CancellationToken cancellation)
    {
        // sshd asks for every local account. Nobody of ours has one of these names, so there is nothing to look up.
        if (Username.Reserved.Contains(username))
            return ExitCodes.Done;
        if (Username.Parse(username).Problem is not null)
            throw Failure.Usage("That is no username: nobody can have keys under it.");
        if (fingerprint is not null && !SshFingerprint.TryParse(fingerprint, out _))
            throw Failure.Usage("That is no fingerprint: write it as 'SHA256:' and 43 base64 characters, as 'ssh-keygen -l' does.");

        var key = ClusterKey.Read(call.Around);
        using var deadline = new CancellationTokenSource(s_deadline);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        try
        {
            var lines = await LookUpAsync(call, key, username, fingerprint, either.Token);
            // In one piece: sshd never sees half of it.
            await call.Around.OutBytes.WriteAsync(Encoding.UTF8.GetBytes(lines), either.Token);
            await call.Around.OutBytes.FlushAsync(either.Token);
            return ExitCodes.Done;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw Failure.Failed($"{ServerAddress.Origin(key.Server)} did not answer in time.");
        }
    }

    private static async Task<string> LookUpAsync(Call call, CredentialInUse key, string username, string? fingerprint, CancellationToken cancellation)
    {
        using var wire = new Wire(key.Server, call.Around.Time);
        var query = fingerprint is null ? "" : $"?fingerprint={Uri.EscapeDataString(fingerprint)}";
        using var request = new HttpRequestMessage(HttpMethod.Get, wire.At($"{ApiClient.Root}/authorized-keys/{Uri.EscapeDataString(username)}{query}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key.Secret);
        request.Headers.Accept.ParseAdd("application/json");
        var answer = await wire.SendAsync(request, cancellation);
        if (answer.Status != HttpStatusCode.OK)
            throw Refusal.Of(answer, key.Server);
        if (answer.MediaType != "application/json" || answer.Body.Length > LargestAnswer
            || JsonText.Read(answer.Body, ApiJson.Default.AuthorizedKeysAnswer) is not { } keys || keys.Username != username)
            throw Doubt(key);

        var now = call.Now;
        var lines = new StringBuilder();
        foreach (var item in keys.Keys)
        {
            // Everything is checked, also what is not printed: an answer with one wrong line is a wrong answer.
            if (!AuthorizedKeysLine.TryRead(item.PublicKey, out var parsed, out var option) || option is not null || parsed!.Fingerprint != item.Fingerprint
                || (fingerprint is not null && parsed.Fingerprint != fingerprint))
                throw Doubt(key);
            if (!(item.ExpiresAt <= now))
                lines.Append(parsed.Text).Append('\n');
        }

        return lines.ToString();
    }

    private static Failure Doubt(CredentialInUse key) => Failure.Failed($"{ServerAddress.Origin(key.Server)} answered with something else than the keys of that user.");
}
