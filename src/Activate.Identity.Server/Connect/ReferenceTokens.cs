using System.Text;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Two changes to OpenIddict's tokens. Their ids are stored as an HMAC with a ring key. And when it revokes an authorization, because a code came twice,
/// the grants that stand on it end too, so that the access tokens of the first use die with it.
/// </summary>
public sealed class ReferenceTokens(
    IOpenIddictTokenCache<Token> cache, ILogger<OpenIddictTokenManager<Token>> logger, IOptionsMonitor<OpenIddictCoreOptions> options, IOpenIddictTokenStore<Token> store,
    ServerKeys keys, ActivateDbContext database, CredentialCache credentials, AuditTrail audit, TimeProvider clock)
    : OpenIddictTokenManager<Token>(cache, logger, options, store)
{
    protected override ValueTask<string> ObfuscateReferenceIdAsync(string identifier, CancellationToken cancellationToken = default) =>
        new(Convert.ToBase64String(keys.HashCode(Encoding.UTF8.GetBytes(identifier))));

    public override async ValueTask<long> RevokeByAuthorizationIdAsync(string identifier, CancellationToken cancellationToken = default)
    {
        var authorization = Guid.Parse(identifier);
        // OpenIddict marks the authorization changed along with a token that it failed to redeem: saved with our audit event, that would undo the revocation.
        database.ChangeTracker.Clear();
        // First the authorization, then its grants: a grant that is being made in between finds the authorization revoked (CodeGrant).
        await database.Set<Authorization>().Where(a => a.Id == authorization)
            .ExecuteUpdateAsync(set => set.SetProperty(a => a.Status, OpenIddictConstants.Statuses.Revoked)
                .SetProperty(a => a.ConcurrencyToken, Guid.CreateVersion7(clock.GetUtcNow()).ToString()), cancellationToken);
        var ended = await database.TokenGrants.AsNoTracking().Where(g => g.AuthorizationId == authorization).Include(g => g.Owner).ToListAsync(cancellationToken);
        await database.TokenGrants.Where(g => g.AuthorizationId == authorization).ExecuteDeleteAsync(cancellationToken);
        credentials.Forget();
        foreach (var grant in ended)
            audit.Add(AuditTypes.AuthorizationCodeReplayed, new AuditActor(grant.OwnerId, grant.Owner!.OrganizationId, grant.Id), grant.Id, grant.ClientId, grant.Name, succeeded: false);
        await database.SaveChangesAsync(cancellationToken);
        return await base.RevokeByAuthorizationIdAsync(identifier, cancellationToken);
    }
}
