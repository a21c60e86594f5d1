using System.Globalization;
using System.Text.RegularExpressions;

namespace Activate.Identity.Cli.Hosts;

/// <summary>The host's sshd: its version, and its settings as it understands them itself.</summary>
/// <param name="Config">sshd_config.</param>
internal sealed partial class SshdProgram(string Config)
{
    public string Config { get; } = Config;

    /// <summary>Null: the settings are sound.</summary>
    public string? Complaint() => HostPrograms.Run("sshd", "-t", "-f", Config) is { Succeeded: false } ran ? ran.Last : null;

    /// <summary>The settings that count, by lower-case name (<c>sshd -T</c>); null: sshd does not say.</summary>
    /// <param name="user">For a login of this account; null: before anybody knows whose.</param>
    public IReadOnlyDictionary<string, string>? Effective(string? user = null)
    {
        var ran = HostPrograms.Run("sshd", ["-T", "-f", Config, .. user is null ? [] : (string[])["-C", $"user={user},host=localhost,addr=127.0.0.1"]]);
        if (!ran.Succeeded)
            return null;
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in ran.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ', 2);
            var value = parts.Length > 1 ? parts[1] : "";
            // Lists come as one line for each.
            settings[parts[0]] = settings.TryGetValue(parts[0], out var before) ? $"{before} {value}" : value;
        }

        return settings;
    }

    /// <summary>OpenSSH's version; null: not known.</summary>
    public static Version? OpenSsh() =>
        VersionText().Match(HostPrograms.Run("ssh", "-V").Error) is { Success: true } match
            ? new Version(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture))
            : null;

    /// <summary>Whose command there is already, and what to do with it.</summary>
    public static string WhoseCommand(string command) =>
        command.Contains("eic_run_authorized_keys", StringComparison.Ordinal) ? "EC2 Instance Connect (package ec2-instance-connect; without it: apt/dnf remove ec2-instance-connect)"
        : command.Contains("google_authorized_keys", StringComparison.Ordinal) ? "Google's OS Login (package google-compute-engine-oslogin; without it: set the metadata enable-oslogin to FALSE)"
        : command.Contains("sss_ssh_authorizedkeys", StringComparison.Ordinal) ? "SSSD (ssh in the services of /etc/sssd/sssd.conf, and a line in sshd's settings)"
        : command.Contains("aad_certhandler", StringComparison.Ordinal) ? "Azure's Entra login (package aadsshlogin)"
        : "somebody else";

    [GeneratedRegex(@"OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)")]
    private static partial Regex VersionText();
}
