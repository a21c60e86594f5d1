namespace Activate.Identity.Cli;

/// <summary>What scripts branch on. Part of the public contract.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int NotSignedIn = 3;
    public const int Refused = 4;

    /// <summary>Ended by Ctrl-C: 128 + SIGINT, as every shell expects.</summary>
    public const int Interrupted = 130;
}
