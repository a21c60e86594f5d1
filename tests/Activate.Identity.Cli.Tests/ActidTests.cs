using System.Diagnostics;
using System.Text.RegularExpressions;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests;

/// <summary>The program as a whole: help, version, completion, wrong usage.</summary>
public sealed class ActidTests : IDisposable
{
    private readonly Terminal _terminal = new();

    public void Dispose() => _terminal.Dispose();

    public static TheoryData<string> Commands =>
    [
        "", "auth", "auth login", "auth token", "auth apikey", "auth status", "auth logout", "api-key", "api-key list", "api-key create", "api-key rename", "api-key rotate",
        "api-key delete", "api-key limit", "service-account", "service-account list", "service-account create", "service-account update", "service-account disable", "service-account enable",
        "service-account delete", "service-account key", "service-account key list", "service-account key create", "service-account key rotate", "service-account key delete", "token", "token list", "token create", "token delete", "session", "session list", "session delete", "api", "context", "context list", "context use",
        "completion", "completion bash", "completion zsh", "completion fish",
    ];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Every_command_has_help_with_an_example_and_the_global_options(string command)
    {
        var outcome = await _terminal.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);

        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        Assert.Matches($@"Examples:\r?\n  .*actid {command}", outcome.Out);
        Assert.Contains("-o, --output <table|json>", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("--server <URL>", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("--context <NAME>", outcome.Out, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task No_command_takes_a_secret_on_the_command_line(string command)
    {
        var help = (await _terminal.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"])).Out;

        Assert.DoesNotMatch(new Regex("--(token|key|api-key|password|secret)\\b"), help);
    }

    [Theory]
    [InlineData("")]
    [InlineData("auth")]
    [InlineData("bogus")]
    [InlineData("auth login --bogus")]
    [InlineData("auth status extra")]
    [InlineData("auth status -o xml")]
    [InlineData("api-key create")]
    [InlineData("api-key create x --days many")]
    [InlineData("api GET")]
    public async Task Wrong_usage_is_exit_2_with_a_word_on_stderr_only(string line)
    {
        var outcome = await _terminal.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.StartsWith("error: ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("--help", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain('\uFFFD', outcome.Error);
    }

    [Theory]
    [InlineData("actid au", "auth")]
    [InlineData("actid auth lo", "login logout")]
    [InlineData("actid auth login --", "--browser --no-browser")]
    [InlineData("actid api-key list -o ", "json table")]
    [InlineData("actid token create --scope cred", "credentials:read")]
    [InlineData("actid completion ", "bash")]
    public async Task The_shell_is_told_what_can_come_next(string line, string expected)
    {
        var outcome = await _terminal.RunAsync($"[suggest:{line.Length}]", line);

        Assert.Equal(0, outcome.Code);
        Assert.Subset(outcome.Out.Split('\n').Select(word => word.Trim()).ToHashSet(), expected.Split(' ').ToHashSet());
    }

    [Fact]
    public async Task Contexts_are_completed_from_what_is_kept()
    {
        _terminal.Contexts.Write("work", new Cli.Contexts.StoredContext { Server = "https://id.example.org", Kind = "token", Credential = "x" });

        Assert.Contains("work", (await _terminal.RunAsync("[suggest:18]", "actid context use ")).Out, StringComparison.Ordinal);
        Assert.Contains("work", (await _terminal.RunAsync("[suggest:28]", "actid auth status --context ")).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auth log", "login logout")]
    [InlineData("token create --scope credentials:r", "read")]
    public async Task The_bash_script_completes(string typed, string expected)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash.");
        var script = (await _terminal.RunAsync("completion", "bash")).Out;
        var start = new ProcessStartInfo("/bin/bash", ["-c", $"""
            PATH="{AppContext.BaseDirectory}:$PATH"
            {script}
            COMP_LINE='actid {typed}' COMP_POINT={typed.Length + 6}
            _actid
            echo "{'$'}{'{'}COMPREPLY[*]{'}'}"
            """]) { RedirectStandardOutput = true };
        using var bash = Process.Start(start)!;

        Assert.Equal(expected, (await bash.StandardOutput.ReadToEndAsync()).Trim());
    }

    [Fact]
    public async Task The_program_says_its_version()
    {
        using var process = _terminal.Start("--version");

        Assert.Matches(@"^\d+\.\d+\.\d+", await process.StandardOutput.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public async Task A_process_hands_its_exit_code_and_streams_to_the_shell()
    {
        using var process = _terminal.Start("auth", "status");
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();

        Assert.Equal((3, ""), (process.ExitCode, await output));
        Assert.StartsWith("error: Not signed in.", await error, StringComparison.Ordinal);
    }
}
