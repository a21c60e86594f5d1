using System.Reflection;
using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Tests;

/// <summary>Core is rules: what it may depend on is decided here, not in review.</summary>
public sealed class ArchitectureTests
{
    private static readonly Assembly s_core = typeof(Policy).Assembly;

    [Fact]
    public void Core_references_nothing_but_the_base_class_library()
    {
        var framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        Assert.NotEmpty(s_core.GetReferencedAssemblies());
        Assert.All(s_core.GetReferencedAssemblies(), name => Assert.True(
            name.Name!.StartsWith("System.", StringComparison.Ordinal) && File.Exists(Path.Combine(framework, name.Name + ".dll")), name.Name));
    }

    [Theory]
    [InlineData("System.Net.Http")]
    [InlineData("System.Net.Sockets")]
    [InlineData("System.Data.Common")]
    [InlineData("System.Diagnostics.Process")]
    [InlineData("System.IO.FileSystem")]
    public void Core_does_no_input_or_output(string assembly) => Assert.DoesNotContain(s_core.GetReferencedAssemblies(), name => name.Name == assembly);

    /// <summary>Without an expression there is none that an attacker's text could keep busy.</summary>
    [Fact, Trait("Case", "B3")]
    public void Core_runs_no_regular_expression() =>
        Assert.DoesNotContain(s_core.GetReferencedAssemblies(), name => name.Name == "System.Text.RegularExpressions");

    [Fact]
    public void A_namespace_is_a_folder_below_the_projects_name() =>
        Assert.All(s_core.GetExportedTypes(), type => Assert.Matches(@"^Activate\.Identity\.Core(\.[A-Za-z]+)?$", type.Namespace));
}
