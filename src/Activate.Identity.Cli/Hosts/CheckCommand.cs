using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core.Accounts;

// HostOptions.Of lets nobody here on Windows.
#pragma warning disable CA1416

namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// <c>actid cluster check USERNAME</c>, on the cluster's host: why a login of an account would work or would not, in the order in which sshd comes to each question. Each line is
/// <c>ok</c>, <c>NO</c> (nobody gets in while that is so) or <c>note</c>.
/// </summary>
internal static class CheckCommand
{
    public static Command Create(Actid actid)
    {
        var username = new Argument<string>("USERNAME") { Description = "The Unix account" };
        var place = new HostOptions();
        return actid.Command("check", "Say why a login to this host would work or would not (as root)\nThe exit code is 0 when it would. Changes nothing.",
            ["sudo actid cluster check ada"], [username, .. place.All], (call, cancellation) => RunAsync(call, place.Of(call), call.Get(username), cancellation));
    }

    private static async Task<int> RunAsync(Call call, Host host, string username, CancellationToken cancellation)
    {
        Host.RequireRoot();
        var findings = new List<(string Word, string Text)>();
        Account(host, username, findings);
        Settings(host, username, findings);
        await ServerAsync(call, username, findings, cancellation);
        var works = findings.TrueForAll(finding => finding.Word != "NO");
        if (call.Json)
            call.Show(Json(works, findings));
        foreach (var (word, text) in call.Json ? [] : findings)
            call.Show($"{word,-4}  {text}");
        call.Say(works ? $"'{username}' would get in with one of these keys." : $"'{username}' would not get in.");
        return works ? ExitCodes.Done : ExitCodes.Failed;
    }

    private static void Account(Host host, string username, List<(string, string)> findings)
    {
        if (Username.Reserved.Contains(username) || Username.Parse(username).Problem is not null)
        {
            findings.Add(("NO", $"'{username}' is the name of a system account, or no username: nobody of the server has it."));
            return;
        }

        var line = host.IsThis ? HostPrograms.Run("getent", "passwd", username).Output
            : (host.Files.Read("/etc/passwd") ?? "").Split('\n').FirstOrDefault(entry => entry.StartsWith(username + ":", StringComparison.Ordinal)) ?? "";
        if (line.Trim().Split(':') is not [_, _, var number, var group, _, var home, var shell] || !uint.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var uid))
        {
            findings.Add(("NO", $"There is no Unix account '{username}' on this host. The server makes none: your directory service (SSSD, LDAP) or configuration management does."));
            return;
        }

        findings.Add(("ok", $"The account exists: UID {uid}, group {group}, home {home}, shell {shell}."));
        if (uid < host.UidMinimum)
            findings.Add(("NO", $"Its UID is below {host.UidMinimum} (UID_MIN in /etc/login.defs), so it belongs to the system, and the server is not asked."));
        if (shell.EndsWith("/nologin", StringComparison.Ordinal) || shell.EndsWith("/false", StringComparison.Ordinal))
            findings.Add(("NO", $"Its shell {shell} lets nobody in. usermod --shell /bin/bash {username}"));
        else if (!File.Exists(shell.Length == 0 ? "/bin/sh" : shell))
            findings.Add(("NO", $"There is no {shell} on this host, and sshd lets nobody in without a shell."));
        if (!Directory.Exists(home))
            findings.Add(("note", $"There is no home {home}: the login begins in /, unless pam_mkhomedir makes one."));
        else if ((File.GetUnixFileMode(home) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            findings.Add(("note", $"Others may write to {home}. That does not matter for keys of the server, and it does for files in ~/.ssh."));
        if (HostPrograms.Run("getent", "shadow", username).Output.Split(':') is [_, var password, ..] && password.StartsWith('!') && host.Sshd.Effective()?.GetValueOrDefault("usepam") != "yes")
            findings.Add(("NO", $"The account is locked, and sshd without PAM lets nobody into a locked account. usermod -p '*' {username}"));
    }

    private static void Settings(Host host, string username, List<(string, string)> findings)
    {
        if (CommandPlace.Problem(host.Command) is { } place)
            findings.Add(("NO", place));
        if (host.Sshd.Complaint() is { } complaint)
            findings.Add(("NO", $"sshd does not take its settings: {complaint}"));
        if (host.Sshd.Effective(username) is not { } effective)
        {
            findings.Add(("NO", "sshd does not say which of its settings count."));
            return;
        }

        if (host.IsAsked(effective))
            findings.Add(("ok", $"sshd asks the server about this account, as '{effective.GetValueOrDefault("authorizedkeyscommanduser")}'."));
        else if (effective.GetValueOrDefault("authorizedkeyscommand") is { } other && other != "none")
            findings.Add(("NO", $"sshd asks {SshdProgram.WhoseCommand(other)}, not the server: {other}"));
        else
        {
            findings.Add(("NO", $"sshd does not ask the server about this account, whose keys are in {effective.GetValueOrDefault("authorizedkeysfile")}. "
                + "Is it in the group that 'actid cluster install' was told of?"));
        }

        if (effective.GetValueOrDefault("pubkeyauthentication") != "yes")
            findings.Add(("NO", "sshd takes no keys: PubkeyAuthentication is off."));
        foreach (var list in (string[])["allowusers", "allowgroups", "denyusers", "denygroups"])
        {
            if (effective.TryGetValue(list, out var names))
                findings.Add(("note", $"sshd has {list}: {names}"));
        }
    }

    private static async Task ServerAsync(Call call, string username, List<(string, string)> findings, CancellationToken cancellation)
    {
        if (Username.Parse(username).Problem is not null)
            return;
        try
        {
            var key = ClusterKey.Read(call.Around);
            var origin = ServerAddress.Origin(key.Server);
            var (lines, outage) = await AuthorizedKeysCommand.LookUpAsync(call.Around, key, username, null, false, cancellation);
            var copy = new BundleCopy(call.Around, key);
            var here = copy.Read();
            if (lines is not null)
            {
                var found = lines.Split('\n', StringSplitOptions.RemoveEmptyEntries);
                findings.Add(found.Length > 0
                    ? ("ok", $"{origin} answers, and knows {found.Length} living key{(found.Length == 1 ? "" : "s")}: {string.Join("; ", found.Select(Words))}")
                    : ("NO", $"{origin} answers, and has no key for this account here: nobody has the username, or they have no living key, may not log in to this cluster, "
                        + "or have an account of another name."));
            }
            else if (copy.TryFind(username, call.Now.UtcDateTime, out var keys, out var why))
            {
                findings.Add(("note", $"{outage!.Message} The copy on this host is used."));
                findings.Add(keys.Count > 0 ? ("ok", $"The copy has {keys.Count} keys of this account.") : ("NO", "The copy has no key for this account."));
            }
            else
            {
                findings.Add(("NO", $"{outage!.Message} {why}"));
            }

            findings.Add(here is var (_, statement)
                ? ("ok", $"The copy for outages has the serial {statement.Serial}, was confirmed {Times.Full(statement.IssuedAt, call.Now)} "
                    + $"and counts for {statement.MaximumAge.TotalMinutes:0} minutes from then.")
                : ("note", "There is no copy for outages on this host: while the server cannot be reached nobody logs in through it. systemctl status actid-pull.timer"));
        }
        catch (Failure failure)
        {
            // The server's no, or a key file that is not as it should be: what it says is what is wrong.
            findings.Add(("NO", string.Join(' ', failure.Details.Prepend(failure.Message))));
        }
    }

    private static string Json(bool works, List<(string Word, string Text)> findings)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteBoolean("works", works);
            json.WriteStartArray("findings");
            foreach (var (word, text) in findings)
            {
                json.WriteStartObject();
                json.WriteString("kind", word.ToLowerInvariant());
                json.WriteString("text", text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static string Words(string line) => line.Split(' ', 3) is [var type, _, var comment] ? $"{type} {comment}" : line.Split(' ')[0];
}
