using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Xml.Linq;

namespace Activate.Identity.AspNetCore.Tests;

/// <summary>The package that people install, made from what was built.</summary>
public sealed class PackageTests
{
    private static DirectoryInfo Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Activate.Identity.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The solution is not above the tests.");
        return folder;
    }

    private static async Task<Dictionary<string, byte[]>> PackAsync()
    {
        var target = Directory.CreateTempSubdirectory("activate-pack-");
        try
        {
            var configuration = typeof(ActivateIdentityOptions).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
            var start = new ProcessStartInfo("dotnet", ["pack", Path.Combine(Root().FullName, "src", "Activate.Identity.AspNetCore"), "--no-build", "-c", configuration, "-o", target.FullName, "-nologo"])
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            };
            // What is set for this test run is not meant for another build.
            foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
                start.Environment.Remove(name);
            using var pack = Process.Start(start)!;
            var output = pack.StandardOutput.ReadToEndAsync();
            var errors = pack.StandardError.ReadToEndAsync();
            await pack.WaitForExitAsync();
            Assert.True(pack.ExitCode == 0, await output + await errors);
            Assert.Single(target.GetFiles("*.snupkg"));
            using var package = ZipFile.OpenRead(Assert.Single(target.GetFiles("*.nupkg")).FullName);
            return package.Entries.ToDictionary(entry => entry.FullName, entry =>
            {
                using var memory = new MemoryStream();
                using var stream = entry.Open();
                stream.CopyTo(memory);
                return memory.ToArray();
            });
        }
        finally
        {
            target.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_package_holds_what_it_needs_and_describes_itself()
    {
        var files = await PackAsync();
        Assert.Superset(new HashSet<string>
        {
            "README.md", "lib/net10.0/Activate.Identity.AspNetCore.dll", "lib/net10.0/Activate.Identity.AspNetCore.xml", "lib/net10.0/Activate.Identity.Core.dll",
            "ref/net10.0/Activate.Identity.AspNetCore.dll", "ref/net10.0/Activate.Identity.AspNetCore.xml",
        }, files.Keys.ToHashSet());
        // Nothing of Core can be compiled against: it is not part of the frozen API.
        Assert.DoesNotContain("ref/net10.0/Activate.Identity.Core.dll", files.Keys);
        var nuspec = XDocument.Load(new MemoryStream(files["Activate.Identity.AspNetCore.nuspec"])).Root!;
        var space = nuspec.Name.Namespace;
        string? Value(string name) => nuspec.Element(space + "metadata")!.Element(space + name)?.Value;
        Assert.Equal(("Activate.Identity.AspNetCore", "MIT", "README.md"), (Value("id"), Value("license"), Value("readme")));
        Assert.Contains("API keys", Value("description"), StringComparison.Ordinal);
        // One dependency, and what is pinned below it; Core is inside.
        var dependencies = nuspec.Descendants(space + "dependency").Select(dependency => dependency.Attribute("id")!.Value).ToList();
        Assert.Contains("Microsoft.IdentityModel.JsonWebTokens", dependencies);
        Assert.All(dependencies, dependency => Assert.StartsWith("Microsoft.", dependency, StringComparison.Ordinal));
        Assert.Equal(["Microsoft.AspNetCore.App"], nuspec.Descendants(space + "frameworkReference").Select(reference => reference.Attribute("name")!.Value));
    }

    [Fact]
    public void Only_the_frozen_types_are_public() => Assert.Equal(
        ["ActivateIdentityClaims", "ActivateIdentityDefaults", "ActivateIdentityExtensions", "ActivateIdentityOptions", "RequireScopeAttribute"],
        typeof(ActivateIdentityOptions).Assembly.GetExportedTypes().Select(type => type.Name).Order(StringComparer.Ordinal));
}
