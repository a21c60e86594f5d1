using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Data.Accounts;

public static class Turns
{
    /// <summary>
    /// Locks a user's row until the transaction ends: of two nodes that both see room for one more credential, one waits for the other. In a transaction only.
    /// </summary>
    /// <returns>0 when the user is gone.</returns>
    public static Task<int> TakeTurnAsync(this ActivateDbContext database, Guid userId, CancellationToken cancellationToken) =>
        database.Users.Where(u => u.Id == userId).ExecuteUpdateAsync(set => set.SetProperty(u => u.CredentialsVersion, u => u.CredentialsVersion + 1), cancellationToken);

    /// <summary>The same for what an organization has: locks its row and changes nothing. In a transaction only.</summary>
    public static Task TakeTurnOfOrganizationAsync(this ActivateDbContext database, Guid organizationId, CancellationToken cancellationToken) =>
        database.Organizations.Where(o => o.Id == organizationId).ExecuteUpdateAsync(set => set.SetProperty(o => o.PolicyVersion, o => o.PolicyVersion), cancellationToken);
}
