namespace Activate.Identity.Server.Connect;

/// <summary>Applications that every server has.</summary>
public static class BuiltInApplications
{
    /// <summary>The command line. Public; device grant; never gets a refresh token.</summary>
    public const string Cli = "activate-cli";
}
