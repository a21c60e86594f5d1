using Activate.Identity.Data;
using Activate.Identity.Data.Devices;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>What stands on somebody's sign-ins in browsers.</summary>
internal static class SignIns
{
    /// <summary>Ends browser sessions, sign-ins that wait for their second step, and what a browser has allowed but nobody has fetched yet. How many sessions there were.</summary>
    public static async Task<int> EndAsync(ActivateDbContext database, Guid userId, CancellationToken cancellationToken)
    {
        await database.AuthorizationCodes.Where(code => code.UserId == userId).ExecuteDeleteAsync(cancellationToken);
        await database.PendingSignIns.Where(pending => pending.UserId == userId).ExecuteDeleteAsync(cancellationToken);
        await database.DeviceRequests.Where(request => request.DecidedBy == userId && request.Status != DeviceRequestStatus.Redeemed).ExecuteDeleteAsync(cancellationToken);
        return await database.BrowserSessions.Where(session => session.UserId == userId).ExecuteDeleteAsync(cancellationToken);
    }
}
