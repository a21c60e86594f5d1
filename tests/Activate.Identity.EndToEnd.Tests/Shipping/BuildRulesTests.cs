using System.Text.Json;

namespace Activate.Identity.EndToEnd.Tests.Shipping;

/// <summary>What the build itself refuses, tried on a project of a few lines under the repository's own rules.</summary>
public sealed class BuildRulesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("activate-build-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact, Trait("Case", "X5")]
    public async Task Calls_that_are_banned_fail_the_build()
    {
        Write("Planted", """
            public static class Planted
            {
                public static System.DateTime Clock() => System.DateTime.UtcNow;
                public static int Chance() => new System.Random().Next();
                public static System.Guid Id() => System.Guid.NewGuid();
                public static string? Fine(string text) => text.Trim();
            }
            """);
        var (code, output) = await RunAsync("build", "Planted.csproj", "-v", "q", "-nologo");
        Assert.NotEqual(0, code);
        foreach (var call in (string[])["DateTime.UtcNow", "Random", "Guid.NewGuid"])
            Assert.Contains(output.Split('\n'), line => line.Contains("error RS0030", StringComparison.Ordinal) && line.Contains(call, StringComparison.Ordinal));
        Assert.DoesNotContain("Trim", output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "X2")]
    public async Task A_package_that_is_not_the_one_of_the_lock_file_fails_the_restore()
    {
        Write("Locked", "internal static class Nothing;");
        var (code, output) = await RunAsync("restore", "Locked.csproj");
        Assert.True(code == 0, output);
        var locks = Path.Combine(_folder, "packages.lock.json");
        var text = await File.ReadAllTextAsync(locks, TestContext.Current.CancellationToken);
        (code, output) = await RunAsync("restore", "Locked.csproj", "--locked-mode", "--force");
        Assert.True(code == 0, output);

        var hash = JsonDocument.Parse(text).RootElement.GetProperty("dependencies").EnumerateObject().First().Value.EnumerateObject().First().Value.GetProperty("contentHash").GetString()!;
        await File.WriteAllTextAsync(locks, text.Replace(hash, $"{(hash[0] == 'A' ? 'B' : 'A')}{hash[1..]}", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        (code, output) = await RunAsync("restore", "Locked.csproj", "--locked-mode", "--force");
        Assert.NotEqual(0, code);
        Assert.Contains("NU1403", output, StringComparison.Ordinal);
    }

    [Fact, Trait("Case", "X2")]
    public void Every_project_and_every_npm_package_is_pinned_by_a_hash()
    {
        foreach (var project in Directory.GetFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories).Where(file => !file.Contains("/artifacts/", StringComparison.Ordinal)))
            Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")), project);
        using var npm = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests/Activate.Identity.EndToEnd.Tests/Clients/package-lock.json")));
        var packages = npm.RootElement.GetProperty("packages").EnumerateObject().Where(package => package.Name.Length > 0).ToList();
        Assert.NotEmpty(packages);
        Assert.All(packages, package => Assert.StartsWith("sha512-", package.Value.GetProperty("integrity").GetString(), StringComparison.Ordinal));
        // What runs there is what was looked at: no package of it may run scripts when it is installed.
        Assert.Contains("--ignore-scripts", File.ReadAllText(Path.Combine(Repository.Root, ".ci/run")), StringComparison.Ordinal);
    }

    private void Write(string name, string code)
    {
        foreach (var file in (string[])["Directory.Build.props", "Directory.Packages.props", "BannedSymbols.txt", "global.json", ".editorconfig"])
            File.Copy(Path.Combine(Repository.Root, file), Path.Combine(_folder, file));
        File.WriteAllText(Path.Combine(_folder, $"{name}.csproj"), """<Project Sdk="Microsoft.NET.Sdk" />""");
        File.WriteAllText(Path.Combine(_folder, $"{name}.cs"), code);
    }

    /// <summary>The SDK's command for one of the projects, by a build that leaves nothing running.</summary>
    private Task<(int Code, string Output)> RunAsync(string command, string project, params string[] arguments) =>
        Commands.TryRunAsync("dotnet", [command, Path.Combine(_folder, project), .. arguments, "--disable-build-servers"]);
}
