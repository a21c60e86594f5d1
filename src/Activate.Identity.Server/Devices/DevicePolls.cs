using Activate.Identity.Core.Devices;
using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Devices;

/// <summary>
/// A poll that waits in time (RFC 8628 §3.5): one conditional UPDATE, which also says from when the next is in time. Thousands of devices do it every five seconds.
/// </summary>
internal sealed class DevicePolls(IServiceScopeFactory scopes, WriteQueue queue) : IAsyncDisposable
{
    internal static readonly string Sql =
        $"""
        UPDATE "DeviceRequests" SET "NextPollAt" = @now + "Interval" * 1000
        WHERE "Id" = @id AND "DeviceCodeHash" = @hash AND "ClientId" = @client AND "Status" = {(int)DeviceRequestStatus.Pending} AND "ExpiresAt" > @time AND "NextPollAt" <= @now
        """;

    private readonly QueuedWrite _write = new(scopes, queue, database => QueuedWrite.Update<DeviceRequest>(database, Sql,
        ("@now", nameof(DeviceRequest.NextPollAt)), ("@id", nameof(DeviceRequest.Id)), ("@hash", nameof(DeviceRequest.DeviceCodeHash)), ("@client", nameof(DeviceRequest.ClientId)),
        ("@time", nameof(DeviceRequest.ExpiresAt))), waitsForDisk: false);

    /// <summary>True: the request is pending, and this poll was in time. False: anything else.</summary>
    /// <param name="code">What the device polls with.</param>
    /// <param name="clientId">Who polls.</param>
    /// <param name="time">Now.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<bool> IsWaitingAsync(DeviceCode code, string clientId, DateTimeOffset time, CancellationToken cancellationToken) => await _write.RunAsync(
        command =>
        {
            command.Parameters[0].Value = time.ToUnixTimeMilliseconds();
            command.Parameters[1].Set(code.Id);
            command.Parameters[2].Value = code.Hash;
            command.Parameters[3].Value = clientId;
            command.Parameters[4].Value = time.UtcDateTime;
        },
        cancellationToken) == 1;

    public ValueTask DisposeAsync() => _write.DisposeAsync();
}
