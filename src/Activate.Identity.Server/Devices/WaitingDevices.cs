using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Devices;

/// <summary>Whether more device requests may wait to be decided: without a limit anybody could fill the table.</summary>
internal sealed class WaitingDevices(IServiceScopeFactory scopes, RateLimits limits, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>For one address: a login node has many users.</summary>
    private const int MostPerAddress = 200;

    private const int MostInAll = 20_000;

    /// <summary>How old the answer may be whether there are too many in all: it takes twenty thousand steps, and a thousand more or less do no harm.</summary>
    private static readonly TimeSpan s_countedFor = TimeSpan.FromSeconds(1);

    private readonly PreparedRead<WaitingAt, object> _ofAddress = new(scopes, LastOfAddress, new WaitingAt("", default), static (_, _) => true, WaitingAt.Value);
    private readonly PreparedRead<WaitingAt, object> _inAll = new(scopes, LastInAll, new WaitingAt("", default), static (_, _) => true, WaitingAt.Value);
    private readonly Lock _turn = new();
    private (long At, Task<bool> Full)? _counted;

    /// <param name="address">Where the request came from; null: not by TCP.</param>
    /// <param name="now">UTC.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<bool> AreTooManyAsync(string? address, DateTime now, CancellationToken cancellationToken) =>
        limits.Enabled && ((address is not null && await _ofAddress.ReadAsync(new WaitingAt(address, now), cancellationToken) is not null) || await InAll(now).WaitAsync(cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await _ofAddress.DisposeAsync();
        await _inAll.DisposeAsync();
    }

    internal static IQueryable LastOfAddress(ActivateDbContext database, WaitingAt at) =>
        Waiting(database, at).Where(request => request.Address == at.Address).OrderBy(request => request.ExpiresAt).Select(request => request.Id).Skip(MostPerAddress - 1).Take(1);

    internal static IQueryable LastInAll(ActivateDbContext database, WaitingAt at) =>
        Waiting(database, at).OrderBy(request => request.ExpiresAt).Select(request => request.Id).Skip(MostInAll - 1).Take(1);

    private static IQueryable<DeviceRequest> Waiting(ActivateDbContext database, WaitingAt at) =>
        database.DeviceRequests.AsNoTracking().Where(request => request.ExpiresAt > at.Now && request.Status == DeviceRequestStatus.Pending);

    /// <summary>Those who come while it is read wait for the same answer.</summary>
    private Task<bool> InAll(DateTime now)
    {
        lock (_turn)
        {
            if (_counted is not var (at, full) || full.IsFaulted || clock.GetElapsedTime(at) >= s_countedFor)
                _counted = (clock.GetTimestamp(), full = CountAsync());
            return full;
        }

        async Task<bool> CountAsync() => await _inAll.ReadAsync(new WaitingAt("", now), CancellationToken.None) is not null;
    }
}

/// <summary>Who asks how many wait, and when.</summary>
internal readonly record struct WaitingAt(string Address, DateTime Now)
{
    /// <summary>The value of a parameter of the queries above, which EF Core names after the member it comes from. Those without a member are the limits, which stay.</summary>
    public static object? Value(WaitingAt at, string parameter) =>
        parameter.EndsWith(nameof(Address), StringComparison.Ordinal) ? at.Address
        : parameter.EndsWith(nameof(Now), StringComparison.Ordinal) ? at.Now
        : null;
}
