using Activate.Identity.Data;
using Activate.Identity.Data.Credentials;
using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Organizations;

/// <summary>The cuts of an organization whose rows are still being rewritten: what was read of a credential is put right by them.</summary>
public sealed class PendingCuts(ActivateDbContext database)
{
    /// <summary>Usually none.</summary>
    public Task<List<PolicyCut>> ReadAsync(Guid organizationId, CancellationToken cancellationToken) =>
        database.PolicyCuts.AsNoTracking().Where(cut => cut.OrganizationId == organizationId && cut.DoneAt == null).OrderBy(cut => cut.Version).ToListAsync(cancellationToken);

    /// <summary>Gives credentials that were read, not tracked, the ends they have.</summary>
    public async Task<List<T>> ApplyAsync<T>(Guid organizationId, List<T> credentials, CancellationToken cancellationToken) where T : IGoverned
    {
        if (credentials.Count > 0)
            (await ReadAsync(organizationId, cancellationToken)).ApplyTo(credentials);
        return credentials;
    }
}

internal static class PendingCutsExtensions
{
    public static void ApplyTo<T>(this IReadOnlyList<PolicyCut> cuts, IReadOnlyList<T> credentials) where T : IGoverned
    {
        foreach (var cut in cuts)
        {
            foreach (var credential in credentials)
                cut.ApplyTo(credential);
        }
    }
}
