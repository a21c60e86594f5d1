namespace Activate.Identity.Cli;

/// <summary>
/// The command ends here, with this line on stderr and this exit code. An exception, unlike in the server, because there is exactly one place that answers it
/// (<see cref="Actid.RunAsync"/>) and nothing in between that could do anything else. The message never holds a secret.
/// </summary>
internal sealed class Failure(int exitCode, string message, params IReadOnlyList<string> details) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    /// <summary>Further lines: one per field that is wrong, or what to do next.</summary>
    public IReadOnlyList<string> Details { get; } = details;

    public static Failure Usage(string message, params IReadOnlyList<string> details) => new(ExitCodes.WrongUsage, message, details);

    public static Failure NotSignedIn(string message, params IReadOnlyList<string> details) => new(ExitCodes.NotSignedIn, message, details);

    public static Failure Failed(string message, params IReadOnlyList<string> details) => new(ExitCodes.Failed, message, details);
}
