using Activate.Identity.Data;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Clusters;

/// <summary>The accounts that hold clusters' keys, for lists of credentials: their usernames say nothing to anybody.</summary>
internal static class NamedClusters
{
    /// <summary>The names of an organization's clusters, by the usernames of their accounts.</summary>
    public static Task<Dictionary<string, string>> ClusterAccountsAsync(this ActivateDbContext database, Guid organizationId, CancellationToken cancellationToken) =>
        database.Clusters.AsNoTracking().Where(cluster => cluster.OrganizationId == organizationId)
            .Select(cluster => new { Account = cluster.ServiceAccount!.UserName!, cluster.Name }).ToDictionaryAsync(cluster => cluster.Account, cluster => cluster.Name, cancellationToken);
}
