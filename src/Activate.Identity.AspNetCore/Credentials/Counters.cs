using System.Diagnostics.Metrics;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>The meter <c>Activate.Identity.AspNetCore</c>: checks answered from memory, and checks that had to be made, by outcome.</summary>
internal sealed class Counters
{
    public const string MeterName = "Activate.Identity.AspNetCore";

    private static readonly KeyValuePair<string, object?>[] s_outcomes = [.. Enum.GetNames<Outcome>().Select(name => new KeyValuePair<string, object?>("outcome", name.ToLowerInvariant()))];

    private readonly Counter<long> _repeated;
    private readonly Counter<long> _asked;

    public Counters(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _repeated = meter.CreateCounter<long>("activate_identity.cache.hits", "{request}", "Requests whose credential was checked less than the cache duration ago.");
        _asked = meter.CreateCounter<long>("activate_identity.checks", "{check}", "Credentials that were introspected, or verified offline.");
    }

    public void Repeated(Outcome outcome) => _repeated.Add(1, s_outcomes[(int)outcome]);

    public void Asked(Outcome outcome) => _asked.Add(1, s_outcomes[(int)outcome]);
}
