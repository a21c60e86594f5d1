using Activate.Identity.Core;
using Activate.Identity.Core.Expiration;
using BenchmarkDotNet.Attributes;

namespace Activate.Identity.Benchmarks.Expiration;

/// <summary>What every creation of a credential pays for its policy.</summary>
[MemoryDiagnoser]
public class PolicyBenchmarks
{
    private static readonly DateTime s_now = new(2026, 11, 23, 5, 0, 0, DateTimeKind.Utc);
    private static readonly Policy s_organization = Policy.Fresh with { ApiKeys = new ExpirationLimits(LifetimeUnit.Days, UserChoice: true, Maximum: 90, Default: 30) };

    [Benchmark(Description = "Decide, 60 days asked for")]
    public bool Decide() => ExpirationPolicy.Decide(s_organization.ApiKeys, new Optional<int?>(60), s_now, "expiresInDays").TryGet(out _, out _);

    [Benchmark(Description = "Strictest of two policies")]
    public Policy Strictest() => Policy.Strictest(s_organization, Policy.Unlimited);
}
