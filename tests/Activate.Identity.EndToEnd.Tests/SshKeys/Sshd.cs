using System.Diagnostics;
using System.Globalization;
using System.Runtime.Versioning;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.SshKeys;

/// <summary>
/// A cluster's host in small: the real sshd on a free port of the loopback, with a host key of its own, a Unix account that exists for the test only, and the real
/// <c>actid authorized-keys</c> as AuthorizedKeysCommand. Needs root: sshd logs people in as other users.
/// </summary>
[UnsupportedOSPlatform("windows")]
internal sealed class Sshd : IAsyncDisposable
{
    // Not in /tmp: sshd refuses a command below a directory that others may write to.
    private readonly DirectoryInfo _folder = Directory.CreateDirectory($"/var/lib/activate-e2e-{Guid.NewGuid():N}", (UnixFileMode)0b111_101_101);
    private readonly List<string> _accounts = [];
    private Process? _process;

    private Sshd(string account) => Account = account;

    /// <summary>The Unix account, whose name is that of a user of ours.</summary>
    public string Account { get; }

    public int Port { get; } = RunningProgram.FreePort();

    public string Folder => _folder.FullName;

    /// <summary>A wrapper where sshd demands it: absolute, root's, and not writable by others, nor any directory above.</summary>
    public string Command => Path.Combine(Folder, "actid");

    /// <summary>Host key, account and command; not started yet.</summary>
    public static async Task<Sshd> PrepareAsync(string account, string clusterKey)
    {
        Tools.Require("OpenSSH's server", "/usr/sbin/sshd");
        Tools.Require("OpenSSH's client", "/usr/bin/ssh");
        if (!Environment.IsPrivilegedProcess)
            Tools.Missing("sshd logs people in only when it runs as root.");
        var sshd = new Sshd(account);
        Directory.CreateDirectory("/run/sshd");
        await Commands.RunAsync("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", Path.Combine(sshd.Folder, "host_key"));
        await sshd.AddAccountAsync(account);
        var settings = Directory.CreateDirectory(Path.Combine(sshd.Folder, "etc"), (UnixFileMode)0b111_000_000);
        var keyFile = Path.Combine(settings.FullName, "cluster-key");
        await File.WriteAllTextAsync(keyFile, clusterKey + "\n");
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await sshd.WriteCommandAsync(sshd.Command);
        return sshd;
    }

    /// <summary>One more Unix account, which goes with the host.</summary>
    public async Task AddAccountAsync(string account, string home = "/nonexistent")
    {
        // '*': no password, and not locked, which sshd would refuse.
        await Commands.RunAsync("useradd", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh", "--password", "*", account);
        _accounts.Add(account);
    }

    /// <summary>What an installed native actid would be: here the built assembly with this machine's dotnet. sshd wipes the environment, so the wrapper sets what it needs.</summary>
    /// <param name="path">Of the wrapper.</param>
    /// <param name="configuration">Null: that of the host.</param>
    /// <param name="ahead">How far this host's clock is ahead, as it looks to actid.</param>
    public async Task WriteCommandAsync(string path, string? configuration = null, TimeSpan ahead = default)
    {
        await File.WriteAllTextAsync(path, $"""
            #!/bin/sh
            {(ahead == default ? "" : string.Create(CultureInfo.InvariantCulture, $"export LD_PRELOAD='{FakeTime()}' FAKETIME='+{ahead.TotalSeconds}' FAKETIME_DONT_FAKE_MONOTONIC=1"))}
            export ACTID_CONFIG_DIR='{configuration ?? Path.Combine(Folder, "etc")}' DOTNET_ROOT='{Path.GetDirectoryName(Environment.ProcessPath is { } own && Path.GetFileName(own) == "dotnet" ? own : DotNet())}' HOME=/nonexistent
            exec '{DotNet()}' '{Path.Combine(AppContext.BaseDirectory, "actid.dll")}' "$@"

            """);
        File.SetUnixFileMode(path, (UnixFileMode)0b111_101_101);
    }

    /// <summary>Starts sshd anew.</summary>
    /// <param name="command">Null: <see cref="Command"/>.</param>
    /// <param name="more">Further lines of its configuration, before those of keys.</param>
    public async Task StartAsync(string? command = null, params string[] more)
    {
        await StopAsync();
        var config = Path.Combine(Folder, "sshd_config");
        await File.WriteAllTextAsync(config, string.Create(CultureInfo.InvariantCulture, $"""
            Port {Port}
            ListenAddress 127.0.0.1
            HostKey {Folder}/host_key
            PidFile none
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            AuthorizedKeysFile none
            {string.Join('\n', more)}
            AuthorizedKeysCommand {command ?? Command} authorized-keys --fingerprint %f -- %u
            AuthorizedKeysCommandUser root
            PrintMotd no

            """));
        await ListenAsync("/usr/sbin/sshd", config);
    }

    /// <summary>Starts sshd with settings that somebody else wrote.</summary>
    /// <param name="config">They listen at <see cref="Port"/>.</param>
    /// <param name="program">sshd, perhaps under a name of its own: PAM has settings for each name.</param>
    public async Task StartWithAsync(string config, string program = "/usr/sbin/sshd")
    {
        await StopAsync();
        await ListenAsync(program, config);
    }

    private async Task ListenAsync(string program, string config)
    {
        _process = Process.Start(new ProcessStartInfo(program, ["-D", "-e", "-f", config]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _process.ErrorDataReceived += (_, line) => Log += line.Data + "\n";
        _process.BeginErrorReadLine();
        for (var i = 0; !Log.Contains("Server listening", StringComparison.Ordinal); i++)
        {
            Assert.True(i < 200 && !_process.HasExited, $"sshd does not listen:\n{Log}");
            await Task.Delay(25);
        }
    }

    /// <summary>What sshd and the command said.</summary>
    public string Log { get; private set; } = "";

    /// <summary>A login with a private key: the name under which it ended there, or null when it was refused.</summary>
    /// <param name="privateKey">Its file.</param>
    /// <param name="account">Null: <see cref="Account"/>.</param>
    public Task<string?> LogInAsync(string privateKey, string? account = null) => LogInAsync(account, "-i", privateKey, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none");

    /// <summary>A login with what an agent holds.</summary>
    /// <param name="socket">The agent's.</param>
    public Task<string?> LogInByAgentAsync(string socket) => LogInAsync(null, "-o", $"IdentityAgent={socket}");

    private async Task<string?> LogInAsync(string? account, params string[] identity)
    {
        var (code, output) = await Commands.TryRunAsync("ssh", [.. identity, "-p", Port.ToString(CultureInfo.InvariantCulture), "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", $"{account ?? Account}@127.0.0.1", "id", "-un"]);
        Assert.True(code == 0 || output.Contains("Permission denied", StringComparison.Ordinal), output);
        return code == 0 ? output.Trim().Split('\n')[^1] : null;
    }

    /// <summary>ssh with another folder of programs first; what the command wrote.</summary>
    public static async Task<string> RunSshAsync(string programs, string[] arguments)
    {
        var (code, output) = await Commands.TryRunAsync("env", [$"PATH={programs}:{Environment.GetEnvironmentVariable("PATH")}", "ssh", .. arguments]);
        Assert.True(code == 0, output);
        return output.Trim().Split('\n')[^1];
    }

    /// <summary>A fresh pair of a type; the path of the private half.</summary>
    public async Task<string> NewKeyAsync(string type, params string[] more)
    {
        var path = Path.Combine(Folder, $"key-{Guid.NewGuid():N}");
        await Commands.RunAsync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "ada@laptop", "-f", path, .. more]);
        return path;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (var account in _accounts)
            await Commands.TryRunAsync("userdel", account);
        _folder.Delete(recursive: true);
    }

    private async Task StopAsync()
    {
        if (_process is null)
            return;
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
        Log = "";
    }

    private static string FakeTime() => Tools.Require("libfaketime", [.. Directory.Exists("/usr/lib") ? Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(folder => Path.Combine(folder, "faketime/libfaketime.so.1")) : []]);

    private static string DotNet() => Tools.Require("dotnet", [.. (Environment.GetEnvironmentVariable("DOTNET_ROOT") is { } root ? [root] : Array.Empty<string>())
        .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')).Concat(["/usr/share/dotnet", "/usr/lib/dotnet"]).Select(folder => Path.Combine(folder, "dotnet"))]);
}
