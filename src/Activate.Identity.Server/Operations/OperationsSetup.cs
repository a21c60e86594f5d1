using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Operations;

/// <summary>Running the server: what it refuses to run with, its commands, and how it stops.</summary>
public static class OperationsSetup
{
    public static void AddOperations(this WebApplicationBuilder builder)
    {
        RefuseOldLibraries(LibraryFloors.All);
        if (builder.Environment.IsProduction())
            ExampleSecrets.Refuse(builder.Configuration);
        Drain.Add(builder);
        // Tells systemd when the server is ready, and when it stops; does nothing elsewhere.
        builder.Services.AddSystemd();
    }

    internal static void RefuseOldLibraries(IEnumerable<LibraryFloor> floors)
    {
        if (LibraryFloors.Violations(floors).ToList() is { Count: > 0 } old)
            throw new StartupException($"Libraries with known holes: {string.Join("; ", old)}. Update the .NET runtime or the server.");
    }
}
