using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>The real Apache on a free port of the loopback, not as root, with a configuration and a folder of its own.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class Apache : IAsyncDisposable
{
    private const string Modules = "/usr/lib/apache2/modules";
    private static readonly string[] s_account = Environment.IsPrivilegedProcess ? ["runuser", "-u", "www-data", "--"] : [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-apache-");
    private Process? _process;

    private Apache()
    {
    }

    public int Port { get; } = RunningProgram.FreePort();

    public Uri Origin => new($"http://localhost:{Port}");

    /// <summary>What is served, and written, by Apache's account.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Skips the test where a part is missing.</summary>
    public static void Require()
    {
        Tools.Require("Apache", "/usr/sbin/apache2");
        Tools.Require("libapache2-mod-auth-openidc", $"{Modules}/mod_auth_openidc.so");
        Tools.Require("libapache2-mod-oauth2", $"{Modules}/mod_oauth2.so");
    }

    /// <param name="content">Files to serve, by their paths.</param>
    /// <param name="configuration">The part that the documents tell, with Apache's folder and origin known.</param>
    public static async Task<Apache> StartAsync(IReadOnlyDictionary<string, string> content, Func<Apache, Task<string>> configuration)
    {
        var apache = new Apache();
        Directory.CreateDirectory($"{apache.Folder}/htdocs");
        foreach (var (path, text) in content)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(apache.Folder, path))!);
            await File.WriteAllTextAsync(Path.Combine(apache.Folder, path), text);
        }

        var documented = await configuration(apache);
        string[] modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "alias", "headers", "setenvif", "env", "cgid", "auth_openidc", "oauth2"];
        await File.WriteAllTextAsync(Path.Combine(apache.Folder, "apache.conf"), string.Create(CultureInfo.InvariantCulture, $"""
            {string.Join('\n', modules.Select(name => $"LoadModule {name}_module {Modules}/mod_{name}.so"))}
            Listen 127.0.0.1:{apache.Port}
            ServerName localhost
            ServerRoot {apache.Folder}
            DocumentRoot {apache.Folder}/htdocs
            DefaultRuntimeDir {apache.Folder}
            PidFile {apache.Folder}/pid
            ScriptSock {apache.Folder}/cgid.sock
            ErrorLog {apache.Folder}/error.log
            StartServers 1
            {documented}

            """));
        if (Environment.IsPrivilegedProcess)
            await RunAsync([], "chown", "-R", "www-data:", apache.Folder);
        apache._process = Start([.. s_account, "/usr/sbin/apache2", "-f", $"{apache.Folder}/apache.conf", "-DFOREGROUND"]);
        await apache.WaitAsync();
        return apache;
    }

    /// <summary>Runs a command as Apache's account.</summary>
    public static Task<string> RunAsAccountAsync(params string[] command) => RunAsync([], [.. s_account, .. command]);

    /// <summary>Runs a command to its good end and returns what it wrote.</summary>
    public static async Task<string> RunAsync((string Name, string Value)[] environment, params string[] command)
    {
        var (code, output) = await TryAsync(environment, "", command);
        Assert.True(code == 0, $"{string.Join(' ', command)} ended with {code}: {output}");
        return output;
    }

    /// <summary>Runs a command to its end: its exit code, and all that it wrote.</summary>
    public static async Task<(int Code, string Output)> TryAsync((string Name, string Value)[] environment, string input, params string[] command)
    {
        using var process = Start(command, environment);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        return (process.ExitCode, await output + await error);
    }

    public string ErrorLog => File.Exists($"{Folder}/error.log") ? File.ReadAllText($"{Folder}/error.log") : "";

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            // Apache's own way to end, which takes its children and shared memory with it.
            await RunAsync([], "kill", "-TERM", (await File.ReadAllTextAsync($"{Folder}/pid")).Trim());
            try
            {
                await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
            }
            catch (TimeoutException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process?.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task WaitAsync()
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync(IPAddress.Loopback, Port);
                return;
            }
            catch (SocketException) when (patience.Elapsed < TimeSpan.FromSeconds(60) && !_process!.HasExited)
            {
                await Task.Delay(50);
            }
            catch (SocketException)
            {
                Assert.Fail($"Apache does not answer: {(_process!.HasExited ? await _process.StandardError.ReadToEndAsync() : "")} {ErrorLog}");
            }
        }
    }

    private static Process Start(string[] command, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"Cannot start {command[0]}.");
    }
}
