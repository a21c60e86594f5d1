using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Clusters;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Clusters;

/// <summary>A cluster with the key of its service account, which exists only on its way to the administrator.</summary>
public sealed record RegisteredCluster(Cluster Cluster, IssuedApiKey Key);

/// <summary>Registers clusters: each gets a service account of its own, whose key may look up SSH keys and nothing else.</summary>
public sealed class ClusterRegistry(ActivateDbContext database, UserRegistry users, ApiKeyIssuer keys, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    /// <param name="actor">The administrator.</param>
    /// <param name="name">1 to 64 characters, unique in the organization.</param>
    /// <param name="address">Where people log in: a host name or an IP address.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<RegisteredCluster>> CreateAsync(AuditActor actor, string? name, string? address, CancellationToken cancellationToken)
    {
        if (!CredentialName.Parse(name).TryGet(out var parsed, out var problem) || !ClusterAddress.Parse(address).TryGet(out var host, out problem))
            return problem;

        var id = Guid.CreateVersion7(clock.GetUtcNow());
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // Half of a fresh UUID: a name that nobody else has, and that no Unix account has either.
        if (!(await users.CreateAsync(actor.OrganizationId, $"cluster-{id.ToString("N")[^16..]}", email: null, password: null, Role.Member, isOperator: false, UserKind.ServiceAccount, cancellationToken))
            .TryGet(out var serviceAccount, out problem))
            return problem;
        var cluster = new Cluster
        {
            Id = id,
            OrganizationId = actor.OrganizationId,
            Name = parsed,
            NormalizedName = CredentialName.Normalize(parsed),
            Address = host,
            ServiceAccountId = serviceAccount.Id,
            CreatedAt = clock.Now(),
        };
        database.Clusters.Add(cluster);
        var issued = await keys.AddForClusterAsync(serviceAccount, parsed, cancellationToken);
        audit.Add(AuditTypes.ClusterCreated, actor, cluster.Id, detail: $"{cluster.Name} at {cluster.Address}");
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return new Problem(ProblemKind.Conflict, "name_taken", "Your organization already has a cluster of that name. Choose another name, or delete the old one first.", "name");
        }

        await transaction.CommitAsync(cancellationToken);
        return new RegisteredCluster(cluster, issued);
    }

    /// <summary>Deletes a cluster with its service account: its key works nowhere from now on.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        var cluster = await database.Clusters.AsNoTracking().SingleOrDefaultAsync(c => c.Id == id && c.OrganizationId == actor.OrganizationId, cancellationToken);
        if (cluster is null)
            return Problems.NotFound;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.Clusters.Where(c => c.Id == id).ExecuteDeleteAsync(cancellationToken);
        await database.Users.Where(u => u.Id == cluster.ServiceAccountId && u.Kind == UserKind.ServiceAccount).ExecuteDeleteAsync(cancellationToken);
        audit.Add(AuditTypes.ClusterDeleted, actor, id, detail: cluster.Name);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }
}
