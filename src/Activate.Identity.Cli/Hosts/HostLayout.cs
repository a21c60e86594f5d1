namespace Activate.Identity.Cli.Hosts;

/// <summary>Where things are on a cluster's host.</summary>
internal static class HostLayout
{
    public const string Command = "/usr/local/bin/actid";
    public const string Account = "actid";
    public const string AccountComment = "Activate.Identity look-up";
    public const string SshdConfig = "/etc/ssh/sshd_config";
    public const string DropInFolder = "/etc/ssh/sshd_config.d";
    /// <summary>Before what distributions put there, as the first value counts.</summary>
    public const string DropInFile = $"{DropInFolder}/10-activate.conf";
    public const string Pam = "/etc/pam.d/sshd";
    public const string Units = "/etc/systemd/system";
    public const string Service = "actid-pull.service";
    public const string Timer = "actid-pull.timer";
    public const string State = "/var/lib/actid";

    public const UnixFileMode PublicFile = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    public const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    public const UnixFileMode GroupFile = OwnerFile | UnixFileMode.GroupRead;
    public const UnixFileMode GroupFolder = GroupFile | UnixFileMode.UserExecute | UnixFileMode.GroupExecute;
    public const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;

    /// <summary>The line before any other of a session: after pam_env PAM's environment may hold what the user wrote, and this runs as root.</summary>
    public static string PamLine(string command) => $"session optional pam_exec.so type=open_session quiet {command} cluster report-login";

    public static string ServiceText(string command, string account) => $"""
        # Written by 'actid cluster install'
        [Unit]
        Description=Copy of who may log in, for outages of Activate.Identity
        Wants=network-online.target
        After=network-online.target

        [Service]
        Type=oneshot
        User={account}
        # As root, who alone writes what sshd trusts; when it fails, the copy is fetched all the same.
        ExecStart=-+{command} ssh-ca pull
        ExecStart={command} cluster pull
        StateDirectory=actid
        StateDirectoryMode=0700
        TimeoutStartSec=5min
        NoNewPrivileges=yes
        ProtectSystem=strict
        ProtectHome=yes
        PrivateTmp=yes
        PrivateDevices=yes

        """;

    public const string TimerText = """
        # Written by 'actid cluster install'
        [Unit]
        Description=Fetches the copy of who may log in each minute

        [Timer]
        OnBootSec=5s
        OnUnitInactiveSec=1min
        RandomizedDelaySec=10s
        AccuracySec=5s

        [Install]
        WantedBy=timers.target

        """;
}
