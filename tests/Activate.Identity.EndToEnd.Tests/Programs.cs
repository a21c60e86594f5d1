using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Activate.Identity.EndToEnd.Tests;

/// <summary>A program of ours, started as a user would: the built assembly with the machine's dotnet.</summary>
internal sealed class RunningProgram : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private RunningProgram(Process process) => _process = process;

    /// <summary>What it wrote so far, stdout and stderr.</summary>
    public string Output => string.Join('\n', _lines);

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>Sends a signal: STOP to stand still, TERM to be asked to stop.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <param name="assembly">Its name.</param>
    /// <param name="arguments">What follows.</param>
    /// <param name="environment">More variables.</param>
    /// <param name="under">A program with its arguments that becomes this one, such as prlimit.</param>
    public static RunningProgram Start(string assembly, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, IEnumerable<string>? under = null)
    {
        string[] command = [.. under ?? [], "dotnet", Path.Combine(AppContext.BaseDirectory, assembly), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        var program = new RunningProgram(Process.Start(start) ?? throw new InvalidOperationException($"Cannot start {assembly}."));
        program._process.OutputDataReceived += (_, line) => program._lines.Enqueue(line.Data ?? "");
        program._process.ErrorDataReceived += (_, line) => program._lines.Enqueue(line.Data ?? "");
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        program._process.StandardInput.Close();
        return program;
    }

    /// <summary>The first match of a pattern in what the program writes.</summary>
    public async Task<string> WaitForAsync(string pattern, TimeSpan? patience = null)
    {
        var deadline = Stopwatch.StartNew();
        while (deadline.Elapsed < (patience ?? TimeSpan.FromSeconds(60)))
        {
            if (System.Text.RegularExpressions.Regex.Match(Output, pattern) is { Success: true } match)
                return match.Groups[^1].Value;
            Assert.False(_process.HasExited && !Output.Contains(pattern, StringComparison.Ordinal) && deadline.Elapsed > TimeSpan.FromSeconds(2), $"It ended with {(_process.HasExited ? _process.ExitCode : 0)} before '{pattern}':\n{Output}");
            await Task.Delay(50);
        }

        Assert.Fail($"No '{pattern}' in:\n{Output}");
        return "";
    }

    public async Task<int> ExitAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    public static int FreePort() => Testing.PostgreSqlServer.FreePort();
}

/// <summary>SQLite's file as <c>migrate</c> leaves it, made once and copied: a third of what the first start of a server takes. Tests of the start itself do without.</summary>
internal static class MigratedFile
{
    private const string Name = "activate-identity.db";

    private static readonly Lazy<Task<string>> s_made = new(MakeAsync);

    /// <summary>Puts a copy into a folder in which there is none yet.</summary>
    public static async Task CopyToAsync(string folder)
    {
        var file = Path.Combine(folder, Name);
        if (!File.Exists(file))
            File.Copy(await s_made.Value, file);
    }

    private static async Task<string> MakeAsync()
    {
        var folder = Directory.CreateTempSubdirectory("activate-migrated-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        await using var migration = RunningProgram.Start("Activate.Identity.Server.dll", ["--environment", "Development", "migrate", $"--Data:Folder={folder}"]);
        Assert.True(await migration.ExitAsync() == 0, migration.Output);
        return Path.Combine(folder, Name);
    }
}

/// <summary>What a command wrote and how it ended.</summary>
internal sealed record Ended(int Code, string Out, string Error);

/// <summary>The real <c>actid</c> with a configuration folder of its own.</summary>
internal sealed class Actid(string configuration)
{
    private Dictionary<string, string> Environment => new() { ["ACTID_CONFIG_DIR"] = configuration, ["NO_COLOR"] = "1", ["SSH_CONNECTION"] = "test" };

    /// <summary>Runs a command to its end, with text on its standard input.</summary>
    public async Task<Ended> RunAsync(string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "actid.dll"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in Environment)
            start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException("Cannot start actid.");
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Ended(process.ExitCode, await output, await error);
    }

    /// <summary>Starts a command that waits for somebody.</summary>
    public RunningProgram Start(params string[] arguments) => RunningProgram.Start("actid.dll", arguments, Environment);
}

/// <summary>Programs of this machine, run to their end.</summary>
internal static class Commands
{
    public static async Task RunAsync(string program, params string[] arguments)
    {
        var (code, output) = await TryRunAsync(program, arguments);
        Assert.True(code == 0, $"{program} ended with {code}: {output}");
    }

    public static Task<(int Code, string Output)> TryRunAsync(string program, params string[] arguments) => TryRunAsync(program, "", arguments);

    public static async Task<(int Code, string Output)> TryRunAsync(string program, string input, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await error + await output);
    }
}
