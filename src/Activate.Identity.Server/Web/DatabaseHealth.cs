using Activate.Identity.Data;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Activate.Identity.Server.Web;

/// <summary>Ready means that the database answers a read.</summary>
internal sealed class DatabaseHealth(DatabasePulse pulse) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await pulse.RequireAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception exception) when (exception is DatabaseSilentException || DatabaseFaults.IsUnavailable(exception))
        {
            return HealthCheckResult.Unhealthy();
        }
    }
}
