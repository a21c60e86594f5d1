using System.Data;
using System.Data.Common;
using System.Security.Cryptography;
using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Devices;

/// <summary>
/// A poll that waits in time (RFC 8628 §3.5): one conditional UPDATE, which also says from when the next is in time. Thousands of devices do it every five seconds.
/// Plain SQL of all three databases.
/// </summary>
internal sealed class DevicePolls(IServiceScopeFactory scopes) : IAsyncDisposable
{
    private static readonly string s_sql =
        $"""
        UPDATE "DeviceRequests" SET "NextPollAt" = @now + "Interval" * 1000
        WHERE "DeviceCodeHash" = @hash AND "ClientId" = @client AND "Status" = {(int)DeviceRequestStatus.Pending} AND "ExpiresAt" > @time AND "NextPollAt" <= @now
        """;

    private readonly PreparedCommand _command = new(scopes, database =>
    {
        var command = database.Database.GetDbConnection().CreateCommand();
#pragma warning disable CA2100 // A constant.
        command.CommandText = s_sql;
#pragma warning restore CA2100
        foreach (var (name, type, size) in new[] { ("@now", DbType.Int64, 0), ("@hash", DbType.Binary, SHA256.HashSizeInBytes), ("@client", DbType.String, 100), ("@time", DbType.DateTime, 0) })
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.DbType) = (name, type);
            if (size > 0)
                parameter.Size = size;
            command.Parameters.Add(parameter);
        }

        return command;
    });

    /// <summary>True: the request is pending, and this poll was in time. False: anything else.</summary>
    /// <param name="hash">SHA-256 of the device code.</param>
    /// <param name="clientId">Who polls.</param>
    /// <param name="time">Now.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<bool> IsWaitingAsync(byte[] hash, string clientId, DateTimeOffset time, CancellationToken cancellationToken) => await _command.RunAsync(
        command =>
        {
            command.Parameters[0].Value = time.ToUnixTimeMilliseconds();
            command.Parameters[1].Value = hash;
            command.Parameters[2].Value = clientId;
            command.Parameters[3].Value = time.UtcDateTime;
        },
        static async (command, cancellation) => await command.ExecuteNonQueryAsync(cancellation), repeatable: false, cancellationToken) == 1;

    public ValueTask DisposeAsync() => _command.DisposeAsync();
}
