using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;

namespace Activate.Identity.Server.Connect;

/// <summary>The grant behind an authorization code: made once the code is redeemed, which OpenIddict does by one conditional update.</summary>
public sealed class CodeGrant(ActivateDbContext database, PolicyReader policies, AuditTrail audit, AccessTokenWriter writer, TimeProvider clock)
{
    /// <summary>How long an application's access token lives. It may ask again for another.</summary>
    private const int Hours = 1;

    /// <summary>Owner and grant-to-be, when the owner is still in good standing.</summary>
    public async Task<Standing?> PrepareAsync(Guid userId, string clientId, IEnumerable<string> scopes, Guid authorizationId, DateTime? authenticatedAt, CancellationToken cancellationToken)
    {
        var user = await database.Users.AsNoTracking().Include(u => u.Organization).SingleOrDefaultAsync(u => u.Id == userId, cancellationToken);
        if (user is null || user.Disabled || user.Organization!.Suspended)
            return null;
        var now = clock.Now();
        var policy = await policies.ReadAsync(user.OrganizationId, cancellationToken);
        if (policy.Effective.Applications.Allowed == AllowedApplications.None)
            return null;
        var hours = Math.Min(Hours, policy.Effective.Tokens.Maximum ?? Hours);
        var name = await database.Applications.Where(a => a.ClientId == clientId).Select(a => a.DisplayName).SingleOrDefaultAsync(cancellationToken);
        return Standing.Of(user, new TokenGrant
        {
            Id = Guid.CreateVersion7(now),
            Kind = CredentialKind.Session,
            OwnerId = user.Id,
            ClientId = clientId,
            Name = name ?? clientId,
            Scopes = Scopes.Join(Scopes.AllowedTo(user.Role, scopes)),
            CreatedAt = now,
            ExpiresAt = now.AddHours(hours),
            ExpiresBecause = hours < Hours ? ExpiresBecause.Policy : ExpiresBecause.Default,
            PolicyVersion = policy.Version,
            AuthenticatedAt = authenticatedAt,
        }, writer);
    }

    /// <summary>Stores the grant. False when the authorization was revoked meanwhile, because the code came a second time.</summary>
    public async Task<bool> StoreAsync(Standing standing, CancellationToken cancellationToken)
    {
        var (owner, grant, _) = standing;
        database.TokenGrants.Add(grant);
        audit.Add(AuditTypes.SessionStarted, new AuditActor(owner.Id, owner.OrganizationId, grant.Id), grant.Id, grant.ClientId, grant.Name);
        await database.SaveChangesAsync(cancellationToken);
        return true;
    }
}
