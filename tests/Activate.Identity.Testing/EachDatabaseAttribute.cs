using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace Activate.Identity.Testing;

/// <summary>Runs a theory on each of <see cref="TestDatabases.Each"/>: its last parameter is the database, those before it are given here.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class EachDatabaseAttribute(params object[] before) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. TestDatabases.Each.Select(provider => new TheoryDataRow([.. before, provider]))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
