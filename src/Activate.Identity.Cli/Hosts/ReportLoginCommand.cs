using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// <c>actid cluster report-login</c>: what PAM runs when somebody has got in, so that the server knows which keys are in use. sshd puts into PAM's environment with what
/// (sshd's expose_authinfo, for PAM independent of ExposeAuthInfo):
/// <code>
///  PAM_TYPE=open_session  PAM_USER=ada  PAM_RHOST=192.0.2.7  SSH_AUTH_INFO_0="publickey ssh-ed25519 AAAA…\n"
/// </code>
/// A login waits for PAM, and must not wait for us: the telling is done by a second process, and nothing that goes wrong with it is the login's business.
/// </summary>
internal static class ReportLoginCommand
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(3);

    public static Command Create(Actid actid)
    {
        var now = new Option<bool>("--now") { Description = "Tell it here and now, and say what came of it", Hidden = true };
        var command = actid.Command("report-login",
            "Tell the server which SSH key let somebody in; PAM runs it\nDoes not keep a login waiting, and never ends one: the exit code is 0 unless something else than PAM runs it.",
            ["session optional pam_exec.so type=open_session quiet /usr/local/bin/actid cluster report-login"], [now], (call, cancellation) => RunAsync(call, call.Get(now), cancellation));
        command.Hidden = true;
        return command;
    }

    private static async Task<int> RunAsync(Call call, bool now, CancellationToken cancellation)
    {
        if (call.Around.Setting("PAM_TYPE") is not { } type || call.Around.Setting("PAM_USER") is not { } username)
            throw Failure.Usage("PAM runs this, with a line in /etc/pam.d/sshd: PAM_TYPE and PAM_USER are not set.");
        // What opens no session, is nobody of ours, or got in without a key (a password; a certificate, which the server knows of) is not told.
        if (type != "open_session" || Username.Reserved.Contains(username) || Username.Parse(username).Problem is not null
            || FingerprintIn(call.Around.Setting("SSH_AUTH_INFO_0")) is not { } fingerprint)
            return ExitCodes.Done;
        if (!now)
        {
            call.Around.Detach(["cluster", "report-login", "--now"]);
            return ExitCodes.Done;
        }

        var key = ClusterKey.Read(call.Around);
        using var deadline = new CancellationTokenSource(s_deadline);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, deadline.Token);
        using var wire = new Wire(key.Server, call.Around.Time);
        using var request = wire.Request(HttpMethod.Post, $"{ApiClient.Root}/authorized-keys/{username}/logins", key.Secret);
        request.Content = new ByteArrayContent(Body(fingerprint, call.Around.Setting("PAM_RHOST"))) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        var answer = await wire.SendAsync(request, either.Token);
        return answer.Succeeded ? ExitCodes.Done : throw Refusal.Of(answer, key.Server);
    }

    /// <summary>One line for each method that was passed; null: none of them was a plain key.</summary>
    internal static string? FingerprintIn(string? authentications)
    {
        foreach (var line in authentications?.Split('\n') ?? [])
        {
            if (line.StartsWith("publickey ", StringComparison.Ordinal) && SshPublicKey.Parse(line["publickey ".Length..].Trim()).TryGet(out var key, out _))
                return key.Fingerprint;
        }

        return null;
    }

    /// <summary>With UseDNS sshd gives a name instead of an address: no address is better than a name that whoever logs in may have chosen.</summary>
    private static byte[] Body(string fingerprint, string? from)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("fingerprint", fingerprint);
            if (IPAddress.TryParse(from, out var address))
                json.WriteString("address", address.ToString());
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
