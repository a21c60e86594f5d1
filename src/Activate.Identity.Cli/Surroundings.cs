using System.Diagnostics;
using System.Text;

namespace Activate.Identity.Cli;

/// <summary>Everything a command takes from the process it runs in: streams, environment, clock, browser. Tests pass their own.</summary>
internal sealed class Surroundings
{
    public required TextReader In { get; init; }
    public required TextWriter Out { get; init; }
    public required TextWriter Error { get; init; }

    /// <summary>The bytes under <see cref="Out"/>, for answers that are handed on as they came.</summary>
    public required Stream OutBytes { get; init; }

    public required bool InIsTerminal { get; init; }
    public required bool OutIsTerminal { get; init; }
    public required bool ErrorIsTerminal { get; init; }
    public required TimeProvider Time { get; init; }
    public required string HostName { get; init; }
    public required Func<string, string?> Variable { get; init; }

    /// <summary>Reads a line from the terminal without showing it.</summary>
    public required Func<string> ReadHidden { get; init; }

    /// <summary>Shows a page to the user; false when that could not be started.</summary>
    public required Func<Uri, bool> OpenBrowser { get; init; }

    /// <summary>Runs this program once more, with these arguments, and does not wait for it.</summary>
    public required Action<IReadOnlyList<string>> Detach { get; init; }

    /// <summary>An environment variable, where an empty one counts as absent.</summary>
    public string? Setting(string name) => Variable(name) is { Length: > 0 } value ? value : null;

    public static Surroundings OfThisProcess()
    {
        var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var output = Console.OpenStandardOutput();
        return new Surroundings
        {
            In = Console.In,
            Out = new StreamWriter(output, utf8) { AutoFlush = true },
            Error = Console.Error,
            OutBytes = output,
            InIsTerminal = !Console.IsInputRedirected,
            OutIsTerminal = !Console.IsOutputRedirected,
            ErrorIsTerminal = !Console.IsErrorRedirected,
            Time = TimeProvider.System,
            HostName = Environment.MachineName,
            Variable = Environment.GetEnvironmentVariable,
            ReadHidden = ReadHiddenLine,
            OpenBrowser = StartBrowser,
            Detach = StartDetached,
        };
    }

    /// <summary>With streams of its own, which end when we do: nobody who waits for ours waits for it.</summary>
    private static void StartDetached(IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath ?? throw Failure.Failed("This program does not know where it is.");
        // Not published, it is run by dotnet.
        string[] own = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Path.Combine(AppContext.BaseDirectory, "actid.dll")] : [];
        using var process = Process.Start(new ProcessStartInfo(program, [.. own, .. arguments])
        {
            UseShellExecute = false, WorkingDirectory = "/", RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        });
    }

    private static string ReadHiddenLine()
    {
        var line = new StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            if (key.Key is ConsoleKey.Enter || key.KeyChar is '\r' or '\n')
                break;
            if (key.Key is ConsoleKey.Backspace)
                line.Length = Math.Max(0, line.Length - 1);
            else if (key is { Key: ConsoleKey.D, Modifiers: ConsoleModifiers.Control })
                break;
            else if (!char.IsControl(key.KeyChar))
                line.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return line.ToString();
    }

    private static bool StartBrowser(Uri page)
    {
        try
        {
            var start = OperatingSystem.IsWindows()
                ? new ProcessStartInfo(page.AbsoluteUri) { UseShellExecute = true }
                // An argument list, never a command line: the address came from a server. Its chatter stays out of ours.
                : new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : "xdg-open", [page.AbsoluteUri])
                {
                    UseShellExecute = false,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                };
            using var process = Process.Start(start);
            return true;
        }
        catch (Exception problem) when (problem is System.ComponentModel.Win32Exception or InvalidOperationException or IOException)
        {
            return false;
        }
    }
}
