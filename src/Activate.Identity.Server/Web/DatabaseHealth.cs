using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Activate.Identity.Server.Web;

/// <summary>Ready means that the database answers a read.</summary>
internal sealed class DatabaseHealth(ActivateDbContext database) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await database.ServerKeys.AnyAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (DatabaseFaults.IsUnavailable(exception))
        {
            return HealthCheckResult.Unhealthy();
        }
    }
}
