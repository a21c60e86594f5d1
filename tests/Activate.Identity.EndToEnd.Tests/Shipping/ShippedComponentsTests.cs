using System.Text.Json;
using System.Xml.Linq;

namespace Activate.Identity.EndToEnd.Tests.Shipping;

/// <summary>Nothing is shipped that docs/third-party.md does not name with its licence. ACTIVATE_WRITE_DOCS=1 writes the list anew.</summary>
public sealed class ShippedComponentsTests
{
    private const string Document = "docs/third-party.md";

    private const string Head = """
        # What others wrote

        Every package in the published server and in `actid`, with the licence that it declares. The .NET runtime and ASP.NET Core (MIT) come with them. Style sheets and scripts of the pages are
        ours; `/docs` shows Scalar's reference, which is in its package. The tests fail when something is shipped that is not listed: `ACTIVATE_WRITE_DOCS=1` with
        `ShippedComponentsTests` writes this page.

        | package | licence | in |
        |---|---|---|

        """;

    [Fact, Trait("Case", "X3")]
    public void Every_package_that_is_shipped_is_listed_with_its_licence()
    {
        var programs = new Dictionary<string, string> { ["server"] = "Activate.Identity.Server.deps.json", ["actid"] = "actid.deps.json" };
        var shipped = programs.SelectMany(program => Packages(program.Value).Select(package => (package.Name, package.Version, Program: program.Key))).GroupBy(package => package.Name, StringComparer.OrdinalIgnoreCase);
        var text = Head + string.Concat(shipped.OrderBy(package => package.Key, StringComparer.OrdinalIgnoreCase)
            .Select(package => $"| {package.Key} | {Licence(package.First().Name, package.First().Version)} | {string.Join(", ", package.Select(one => one.Program).Distinct())} |\n"));
        var file = Path.Combine(Repository.Root, Document);
        if (Environment.GetEnvironmentVariable("ACTIVATE_WRITE_DOCS") == "1")
            File.WriteAllText(file, text);
        Assert.Equal(text, File.ReadAllText(file));
    }

    /// <summary>Packages of which something lies beside the program when it runs.</summary>
    private static IEnumerable<(string Name, string Version)> Packages(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, file)));
        var packages = document.RootElement.GetProperty("libraries").EnumerateObject().Where(library => library.Value.GetProperty("type").GetString() == "package").Select(library => library.Name).ToHashSet();
        return
        [
            .. from library in document.RootElement.GetProperty("targets").EnumerateObject().Single().Value.EnumerateObject()
               where packages.Contains(library.Name) && (library.Value.TryGetProperty("runtime", out _) || library.Value.TryGetProperty("runtimeTargets", out _) || library.Value.TryGetProperty("native", out _))
               let at = library.Name.IndexOf('/')
               select (library.Name[..at], library.Name[(at + 1)..]),
        ];
    }

    private static string Licence(string name, string version)
    {
        var cache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");
        var folder = Path.Combine(cache, name.ToLowerInvariant(), version.ToLowerInvariant());
        var metadata = XDocument.Load(Path.Combine(folder, $"{name.ToLowerInvariant()}.nuspec")).Root!.Elements().First();
        XElement? Element(string of) => metadata.Elements().FirstOrDefault(element => element.Name.LocalName == of);
        var licence = Element("license");
        var said = licence?.Attribute("type")?.Value switch
        {
            "expression" => licence.Value,
            "file" => File.ReadLines(Path.Combine(folder, licence.Value)).Select(line => line.Trim()).First(line => line.Length > 0),
            _ => Element("licenseUrl")?.Value,
        };
        Assert.False(string.IsNullOrEmpty(said), $"{name} {version} declares no licence: it must not be shipped.");
        return said;
    }
}
