using System.Text.RegularExpressions;

namespace Activate.Identity.EndToEnd.Tests.Shipping;

/// <summary>What is said about running the server elsewhere than in its code: a setting that is misspelt there would be ignored without a word.</summary>
public sealed partial class DeploymentTests
{
    [Fact, Trait("Case", "C7")]
    public void Every_setting_that_compose_the_unit_and_the_documents_name_is_one_of_docs_configuration()
    {
        var documented = Documented().ToList();
        Assert.True(documented.Count > 20, $"Only {documented.Count} settings were found in docs/configuration.md.");
        var named = Files().SelectMany(file => Variable().Matches(File.ReadAllText(file)).Select(match => (File: Path.GetRelativePath(Repository.Root, file), Name: match.Value.Replace("__", ":", StringComparison.Ordinal))))
            // Settings of the package for resource servers are in its own page.
            .Where(setting => !setting.Name.StartsWith("ActivateIdentity:", StringComparison.Ordinal)).ToList();
        Assert.Contains(named, setting => setting.File == "docker-compose.yml");
        Assert.Contains(named, setting => setting.File.EndsWith(".service", StringComparison.Ordinal));
        Assert.DoesNotContain(named, setting => !documented.Exists(known => setting.Name == known || setting.Name.StartsWith($"{known}:", StringComparison.Ordinal)));
    }

    private static IEnumerable<string> Files() =>
        Directory.GetFiles(Path.Combine(Repository.Root, "deploy")).Concat(Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories))
            .Append(Path.Combine(Repository.Root, "docker-compose.yml")).Append(Path.Combine(Repository.Root, "README.md"));

    /// <summary>The first cells of the table: <c>`Mail:Host`, `:Port`</c> are two.</summary>
    private static IEnumerable<string> Documented()
    {
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "docs/configuration.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal)))
        {
            var section = "";
            foreach (var name in Quoted().Matches(line.Split('|')[1]).Select(match => match.Groups[1].Value))
            {
                section = name.StartsWith(':') ? section : name.Split(':')[0];
                yield return name.StartsWith(':') ? section + name : name;
            }
        }
    }

    [GeneratedRegex(@"\b[A-Z][A-Za-z]+(__[A-Za-z0-9]+)+")]
    private static partial Regex Variable();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
