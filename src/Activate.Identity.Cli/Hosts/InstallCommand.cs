using System.CommandLine;
using System.Net;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Cli.SshCertificates;
using Activate.Identity.Cli.SshKeys;
using Activate.Identity.Core;

// HostOptions.Of lets nobody here on Windows.
#pragma warning disable CA1416

namespace Activate.Identity.Cli.Hosts;

/// <summary>
/// <c>actid cluster install | uninstall</c>, on the cluster's host: the key, sshd's settings, PAM's line and the timer, each checked the way sshd will; all of it, or nothing.
/// </summary>
internal static class InstallCommand
{
    public static Command Create(Actid actid)
    {
        var group = new Option<string?>("--allow-group") { Description = "Only members of this Unix group log in with keys of the server", HelpName = "GROUP" };
        var deny = new Option<string[]>("--deny-user")
        {
            Description = "Everybody logs in with keys of the server but root and this account, which keeps its own authorized_keys; may be repeated", HelpName = "ACCOUNT",
        };
        var replace = new Option<bool>("--replace") { Description = "Ask the server in place of another AuthorizedKeysCommand that is there" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var place = new HostOptions();
        var command = actid.Command("install",
            "Let this host's sshd ask the server for keys (as root)\nThe cluster's key is read from stdin or a hidden prompt. Writes /etc/actid, lines for sshd and PAM, and a timer; "
            + "checks them, and takes all back if anything is wrong. Have another root session open.",
            ["sudo actid cluster install --allow-group hpc < cluster-key", "sudo actid cluster install --deny-user rescue < cluster-key"], [group, deny, replace, yes, .. place.All],
            (call, cancellation) => InstallAsync(call, place.Of(call), call.Get(group), call.Get(deny) ?? [], call.Get(replace), call.Get(yes), cancellation));
        command.Validators.Add(result =>
        {
            if (result.GetValue(group) is not null && result.GetValue(deny) is { Length: > 0 })
                result.AddError("Say either --allow-group or --deny-user.");
        });
        return command;
    }

    public static Command CreateUninstall(Actid actid)
    {
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var place = new HostOptions();
        return actid.Command("uninstall",
            "Take away what 'actid cluster install' put on this host (as root)\nNobody logs in with keys of the server any more; authorized_keys files count again for everybody.",
            ["sudo actid cluster uninstall"], [yes, .. place.All], (call, _) => Task.FromResult(Uninstall(call, place.Of(call), call.Get(yes))));
    }

    private static async Task<int> InstallAsync(Call call, Host host, string? group, string[] deny, bool replace, bool yes, CancellationToken cancellation)
    {
        Host.RequireRoot();
        if (HostPrograms.Find("sshd") is null)
            throw Failure.Failed("There is no sshd on this host.");
        if (CommandPlace.Problem(host.Command) is { } place)
            throw Failure.Failed(place);
        if (host.Sshd.Complaint() is { } broken)
            throw Failure.Failed($"sshd does not take its own settings as they are: {broken}", "Put that right first; nothing was changed.");
        var key = Key(call);
        var trusted = await TryAsync(call, key, cancellation);
        var asked = Asked(call, group, deny);
        if (host.Sshd.Effective()?.GetValueOrDefault("authorizedkeyscommand") is { } other && other != "none" && !other.Contains(host.Command, StringComparison.Ordinal) && !replace)
        {
            throw Failure.Failed($"sshd has an AuthorizedKeysCommand already, of {SshdProgram.WhoseCommand(other)}: {other}",
                $"With --replace the server is asked in its place for {asked.Words}; for others it stays. Nothing was changed.");
        }

        call.Confirm($"Log {asked.Words} in with keys of {ServerAddress.Origin(key.Server)} from now on? Their authorized_keys files count no more.", yes);
        try
        {
            Write(call, host, key, trusted, asked);
            host.Start(call);
            host.Files.Commit();
        }
        catch
        {
            host.Files.Undo();
            call.Say("Everything on this host is as it was before.");
            throw;
        }

        call.Say($"Done. sshd asks {ServerAddress.Origin(key.Server)} about {asked.Words}. Others keep their own authorized_keys: keep such an account, with a key, for emergencies.");
        call.Say("Before you leave this session: actid cluster check USERNAME, and log in from elsewhere.");
        return ExitCodes.Done;
    }

    /// <summary>Never from the command line, which every process of the host can read.</summary>
    private static CredentialInUse Key(Call call)
    {
        if (call.Around.InIsTerminal)
            call.Around.Error.Write("The cluster's key (it is not shown): ");
        var text = call.Around.InIsTerminal ? call.Around.ReadHidden() : call.Around.In.ReadToEnd();
        return CredentialInUse.OfSecret(text, call.Around.InIsTerminal ? "what you typed" : "stdin", StoredContext.ApiKey,
            call.ServerOption is { } named ? ServerAddress.Parse(named, "--server") : null);
    }

    /// <summary>Whether the server knows the key, and as a cluster's: found out before anything is changed.</summary>
    /// <returns>The authorities of SSH certificates that the host is to trust.</returns>
    private static async Task<string> TryAsync(Call call, CredentialInUse key, CancellationToken cancellation)
    {
        using var api = call.Connect(key);
        var me = await api.GetAsync("/me", ApiJson.Default.Me, cancellation);
        if (me.Credential?.Scopes?.Contains(Scopes.AuthorizedKeysRead) != true)
            throw Failure.Usage("That is not the key of a cluster. 'actid cluster create' or 'actid cluster rotate-key' shows one.");
        return (await TrustedAuthoritiesFile.FetchAsync(call.Around, key, cancellation)).Text;
    }

    private static AskedFor Asked(Call call, string? group, string[] deny)
    {
        if (group is null && deny.Length == 0 && call.Around.InIsTerminal && call.Around.ErrorIsTerminal)
        {
            call.Around.Error.Write("Which Unix group's members log in with keys of the server? Enter alone: everybody but root. ");
            group = call.Around.In.ReadLine()?.Trim() is { Length: > 0 } typed ? typed : null;
        }

        foreach (var name in group is null ? deny : [group])
        {
            if (name.Length is 0 or > 32 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-' or '.')))
                throw Failure.Usage($"'{name}' is no name of a group or account.");
        }

        if (group is not null && !HostPrograms.Run("getent", "group", group).Succeeded)
            throw Failure.Failed($"There is no group '{group}' on this host.");
        return new AskedFor(group, deny);
    }

    private static void Write(Call call, Host host, CredentialInUse key, string trusted, AskedFor asked)
    {
        var files = host.Files;
        host.MakeAccount();
        files.MakeFolder(ClusterKey.Folder, HostLayout.GroupFolder);
        files.Write($"{ClusterKey.Folder}/{ClusterKey.File}", key.Secret + "\n", HostLayout.GroupFile);
        files.Write($"{ClusterKey.Folder}/{TrustedAuthoritiesFile.Name}", trusted, HostLayout.PublicFile);
        files.MakeFolder(HostLayout.State, HostLayout.OwnerFolder);
        host.Own($"root:{host.Account}", ClusterKey.Folder, $"{ClusterKey.Folder}/{ClusterKey.File}");
        host.Own($"{host.Account}:{host.Account}", HostLayout.State);

        var text = DropIn.Text(asked, host.Command, host.Account, SshdProgram.OpenSsh());
        var settings = files.Read(HostLayout.SshdConfig) ?? throw Failure.Failed($"There is no {HostLayout.SshdConfig}.");
        if (host.IncludesDropIns(settings))
            files.Write(HostLayout.DropInFile, text, HostLayout.OwnerFile);
        else
            // OpenSSH before 8.2 (RHEL 8) includes nothing. At the end, as what follows a Match would belong to it.
            files.Write(HostLayout.SshdConfig, $"{DropIn.Without(settings).TrimEnd('\n')}\n\n{text}", File.GetUnixFileMode(files.At(HostLayout.SshdConfig)));
        if (host.Sshd.Complaint() is { } complaint)
            throw Failure.Failed($"sshd does not take the new settings: {complaint}");
        if (Host.Member(asked) is { } sample && host.Sshd.Effective(sample) is { } effective && !host.IsAsked(effective))
        {
            throw Failure.Failed($"sshd would still not ask the server about '{sample}': another Match comes first, with the command {effective.GetValueOrDefault("authorizedkeyscommand")}.",
                "Take that away, or run 'actid cluster install' with another group.");
        }

        AddToPam(call, host);
        files.Write($"{HostLayout.Units}/{HostLayout.Service}", HostLayout.ServiceText(host.Command, host.Account), HostLayout.PublicFile);
        files.Write($"{HostLayout.Units}/{HostLayout.Timer}", HostLayout.TimerText, HostLayout.PublicFile);
    }

    private static void AddToPam(Call call, Host host)
    {
        var files = host.Files;
        if (files.Read(HostLayout.Pam) is not { } text || host.Sshd.Effective()?.GetValueOrDefault("usepam") != "yes")
        {
            call.Say("note: sshd does not use PAM here, so the server will not learn who got in: when SSH keys are used stays unknown.");
            return;
        }

        var lines = WithoutPamLine(text).Split('\n').ToList();
        var first = lines.FindIndex(line => line.TrimStart().StartsWith("session", StringComparison.Ordinal) || line.TrimStart().StartsWith("@include common-session", StringComparison.Ordinal));
        lines.Insert(first < 0 ? lines.Count : first, HostLayout.PamLine(host.Command));
        files.Write(HostLayout.Pam, string.Join('\n', lines), File.GetUnixFileMode(files.At(HostLayout.Pam)));
    }

    private static string WithoutPamLine(string text) => string.Join('\n', text.Split('\n')
        .Where(line => !(line.StartsWith("session optional pam_exec.so ", StringComparison.Ordinal) && line.EndsWith(" cluster report-login", StringComparison.Ordinal))));

    private static int Uninstall(Call call, Host host, bool yes)
    {
        Host.RequireRoot();
        call.Confirm("Take away everything that 'actid cluster install' put on this host? Nobody logs in with keys of the server any more.", yes);
        var files = host.Files;
        try
        {
            files.Delete(HostLayout.DropInFile);
            if (files.Read(HostLayout.SshdConfig) is { } settings && DropIn.Without(settings) is var without && without != settings)
                files.Write(HostLayout.SshdConfig, without.TrimEnd('\n') + "\n", File.GetUnixFileMode(files.At(HostLayout.SshdConfig)));
            if (host.Sshd.Complaint() is { } complaint)
                throw Failure.Failed($"sshd does not take its settings without our lines: {complaint}");
            if (files.Read(HostLayout.Pam) is { } pam && WithoutPamLine(pam) is var rest && rest != pam)
                files.Write(HostLayout.Pam, rest, File.GetUnixFileMode(files.At(HostLayout.Pam)));
            host.Stop();
            files.Delete($"{HostLayout.Units}/{HostLayout.Timer}");
            files.Delete($"{HostLayout.Units}/{HostLayout.Service}");
            files.Commit();
        }
        catch
        {
            files.Undo();
            call.Say("Everything on this host is as it was before.");
            throw;
        }

        host.Reload(call);
        // Last, and not to be taken back: secrets are not kept for a second thought.
        foreach (var folder in (string[])[ClusterKey.Folder, HostLayout.State])
        {
            if (Directory.Exists(files.At(folder)))
                Directory.Delete(files.At(folder), recursive: true);
        }

        host.RemoveAccount();
        call.Say($"Done. {host.Command} itself is still there. The cluster stays registered until somebody deletes it: actid cluster delete ID");
        return ExitCodes.Done;
    }
}
