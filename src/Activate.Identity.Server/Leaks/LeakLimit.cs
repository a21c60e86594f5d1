using System.Net;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Leaks;

/// <summary>
/// How many reports an address may send to this node within a minute. In memory and bounded: a flood from many addresses must fill neither the memory nor the database,
/// and where there are too many addresses to tell apart, those that come last share one count.
/// </summary>
internal sealed class LeakLimit(TimeProvider clock, RateLimits limits)
{
    public const int MostReports = 60;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int MostAddresses = 10_000;

    private readonly Dictionary<IPAddress, int> _taken = [];
    private readonly Lock _turn = new();
    private long _since = clock.GetTimestamp();

    public bool TryTake(IPAddress? address)
    {
        if (!limits.Enabled)
            return true;
        var who = RemoteAddresses.NetworkOf(address);
        lock (_turn)
        {
            if (clock.GetElapsedTime(_since) >= Window)
            {
                _taken.Clear();
                _since = clock.GetTimestamp();
            }

            if (_taken.Count >= MostAddresses && !_taken.ContainsKey(who))
                who = IPAddress.None;
            var taken = _taken.GetValueOrDefault(who);
            _taken[who] = taken + 1;
            return taken < MostReports;
        }
    }
}
