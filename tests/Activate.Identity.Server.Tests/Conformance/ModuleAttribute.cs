using System.Runtime.CompilerServices;

namespace Activate.Identity.Server.Tests.Conformance;

/// <summary>A test that does what a module of the OpenID conformance suite does, under that module's name.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ModuleAttribute : FactAttribute
{
    public ModuleAttribute(string name, [CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line) => DisplayName = Name = name;

    public string Name { get; }
}
