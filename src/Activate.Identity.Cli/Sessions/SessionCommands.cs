using System.CommandLine;
using Activate.Identity.Cli.Output;

namespace Activate.Identity.Cli.Sessions;

/// <summary><c>actid session list | delete</c>: where you are signed in.</summary>
internal static class SessionCommands
{
    private const string Path = "/sessions";

    public static Command Create(Actid actid) => actid.Group("session", "Where you are signed in: device logins and connected applications",
        ["actid session list", "actid session delete 01993a52-7c1e-7b3a-9f04-3c5de2a1b870"],
        actid.Command("list", "List your device logins and connected applications", ["actid session list", "actid session list -o json"], [],
            (call, cancellation) => Lists.ShowAsync(call, Path, "No sessions. Start one: actid auth login", cancellation)),
        Deletion.Command(actid, "the session", Path, "End a device login or disconnect an application", "Whoever uses it is signed out at once.",
            "actid session delete 01993a52-7c1e-7b3a-9f04-3c5de2a1b870"));
}
