using System.CommandLine;

namespace Activate.Identity.Cli.Hosts;

/// <summary>Where on a host install, uninstall and check work.</summary>
internal sealed class HostOptions
{
    private readonly Option<string> _command = new("--command")
    {
        Description = $"actid's own absolute path [default: {HostLayout.Command}]", HelpName = "PATH", DefaultValueFactory = _ => HostLayout.Command, Hidden = true,
    };

    private readonly Option<string> _root = new("--root")
    {
        Description = "Work below this folder, for an image: no account is made and nothing is started", HelpName = "DIR", DefaultValueFactory = _ => "",
    };

    private readonly Option<string> _account = new("--account")
    {
        Description = $"The account that runs actid [default: {HostLayout.Account}]", HelpName = "NAME", DefaultValueFactory = _ => HostLayout.Account, Hidden = true,
    };

    public Option[] All => [_command, _root, _account];

    public Host Of(Call call) => OperatingSystem.IsWindows()
        ? throw Failure.Usage("Clusters run sshd on Linux.")
        : new Host(call.Get(_root)!.TrimEnd('/'), call.Get(_command)!, call.Get(_account)!);
}

/// <summary>This host, or a folder that will be one.</summary>
/// <param name="root">Empty; or the folder.</param>
/// <param name="command">actid's absolute path, on the host.</param>
/// <param name="account">Who runs it for sshd.</param>
internal sealed class Host(string root, string command, string account)
{
    public string Command => command;

    public string Account => account;

    public HostFiles Files { get; } = new(root);

    public SshdProgram Sshd { get; } = new(root + HostLayout.SshdConfig);

    public bool IsThis => root.Length == 0;

    public uint UidMinimum => LoginDefinitions.UidMinimum(Files.At("/etc/login.defs"));

    public static void RequireRoot()
    {
        if (!Environment.IsPrivilegedProcess)
            throw Failure.Usage("This changes how people log in to this host: run it as root, with sudo.");
    }

    /// <summary>Whether the settings read files of the folder. The lines of ours are looked for by sshd itself afterwards.</summary>
    public bool IncludesDropIns(string settings) => Directory.Exists(Files.At(HostLayout.DropInFolder)) && settings.Split('\n').Any(line =>
        line.TrimStart().StartsWith("Include ", StringComparison.OrdinalIgnoreCase) && line.Contains($"{HostLayout.DropInFolder}/*.conf", StringComparison.Ordinal));

    public bool IsAsked(IReadOnlyDictionary<string, string> effective) =>
        effective.GetValueOrDefault("authorizedkeyscommand") is { } asked && asked.StartsWith($"{command} authorized-keys ", StringComparison.Ordinal);

    /// <summary>Somebody whom the settings are about; null: the group is empty as far as anybody can tell.</summary>
    public static string? MemberOf(string group) =>
        HostPrograms.Run("getent", "group", group).Output.Trim().Split(':') is [_, _, _, var members] ? members.Split(',', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() : null;

    public static string? Member(AskedFor asked) => asked.AllowGroup is { } group ? MemberOf(group) : "somebody-of-the-server";

    public void MakeAccount()
    {
        if (HostPrograms.Run("getent", "passwd", account).Succeeded)
            return;
        if (!IsThis)
            return;
        Require(HostPrograms.Run("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin",
            "--comment", HostLayout.AccountComment, account));
        Files.OnUndo(() => HostPrograms.Run("userdel", account));
    }

    /// <summary>Only the one that we made.</summary>
    public void RemoveAccount()
    {
        if (IsThis && HostPrograms.Run("getent", "passwd", account).Output.Split(':') is [_, _, _, _, HostLayout.AccountComment, ..])
            HostPrograms.Run("userdel", account);
    }

    public void Own(string owner, params string[] paths)
    {
        if (HostPrograms.Run("getent", "passwd", account).Succeeded)
            Require(HostPrograms.Run("chown", ["--", owner, .. paths.Select(Files.At)]));
    }

    /// <summary>sshd reads its settings, and the timer begins.</summary>
    public void Start(Call call)
    {
        if (!IsThis)
            return;
        if (HasSystemd)
        {
            Require(HostPrograms.Run("systemctl", "daemon-reload"));
            Files.OnUndo(() => HostPrograms.Run("systemctl", "daemon-reload"));
            Files.OnUndo(() => HostPrograms.Run("systemctl", "disable", "--now", HostLayout.Timer));
            Require(HostPrograms.Run("systemctl", "enable", "--now", HostLayout.Timer));
        }
        else
        {
            call.Say($"note: there is no systemd here. For outages let something run '{command} cluster pull' each minute, as the account '{account}'.");
        }

        Reload(call);
    }

    public void Stop()
    {
        if (IsThis && HasSystemd)
            HostPrograms.Run("systemctl", "disable", "--now", HostLayout.Timer);
    }

    public void Reload(Call call)
    {
        // Debian calls it ssh, everybody else sshd.
        if (IsThis && !(HasSystemd && (HostPrograms.Run("systemctl", "reload", "sshd.service").Succeeded || HostPrograms.Run("systemctl", "reload", "ssh.service").Succeeded)))
            call.Say("note: sshd was not reloaded, as it is no service of systemd here. Reload it.");
    }

    private static bool HasSystemd => Directory.Exists("/run/systemd/system");

    private static void Require(Ran ran)
    {
        if (!ran.Succeeded)
            throw Failure.Failed(ran.Last);
    }
}
