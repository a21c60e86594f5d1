using Activate.Identity.Data;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>Renews the authorities of all organizations that have one, on schedule, and forgets retired ones. Every node does it; the second one finds nothing to do.</summary>
public sealed class CertificateAuthorityRotation(IServiceScopeFactory scopes, ILogger<CertificateAuthorityRotation> logger)
    : BackgroundRounds(TimeSpan.FromHours(1), "SSH certificate authorities were not all renewed; those known go on, and the next round tries anew", logger)
{
    protected override Task RoundAsync(CancellationToken cancellationToken) => RenewAsync(cancellationToken);

    /// <summary>One round over all organizations.</summary>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
        var registry = scope.ServiceProvider.GetRequiredService<CertificateAuthorityRegistry>();
        foreach (var organization in await database.SshCertificateAuthorities.Select(authority => authority.OrganizationId).Distinct().ToListAsync(cancellationToken))
        {
            await registry.RenewAsync(organization, cancellationToken);
            database.ChangeTracker.Clear();
        }
    }
}
