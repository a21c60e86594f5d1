using Xunit;

namespace Activate.Identity.Testing;

/// <summary>Tests that need a tool of the machine skip with the reason when it is missing, and fail instead when REQUIRE_ALL_TESTS=1.</summary>
public static class Tools
{
    public static bool AllRequired => Environment.GetEnvironmentVariable("REQUIRE_ALL_TESTS") == "1";

    /// <summary>LONG=1 runs races and soaks in full size.</summary>
    public static bool FullSize => Environment.GetEnvironmentVariable("LONG") == "1";

    /// <summary>The working copy that the tests were built from.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The first of the paths that exists; otherwise the test is skipped, or fails when all tests are required.</summary>
    public static string Require(string what, params string[] paths)
    {
        if (paths.FirstOrDefault(File.Exists) is { } path)
            return path;
        Missing($"{what} is not installed (looked for {string.Join(", ", paths)}).");
        return "";
    }

    public static void Missing(string reason)
    {
        if (AllRequired)
            Assert.Fail($"{reason} REQUIRE_ALL_TESTS=1 asks for it.");
        Assert.Skip(reason);
    }

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "Activate.Identity.sln")) ? folder : Find(Path.GetDirectoryName(folder.TrimEnd(Path.DirectorySeparatorChar)) ?? throw new DirectoryNotFoundException("The tests run outside the repository."));
}
