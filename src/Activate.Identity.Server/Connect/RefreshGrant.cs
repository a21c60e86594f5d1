using Activate.Identity.Core;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Refresh tokens (RFC 6749 §6, RFC 9700 §4.14): the place in the chain moves on by one conditional UPDATE. Who comes a moment later with the same token gets the same
/// next one; who comes later than that ends the chain.
/// </summary>
internal sealed class RefreshGrant(ActivateDbContext database, RefreshChains chains, PolicyReader policies, GrantIssuer grants, ServerKeys keys, TimeProvider clock)
{
    /// <summary>The grant of a refresh token that may be redeemed now by this client (with owner and organization), and the token.</summary>
    public async Task<(TokenGrant Grant, RefreshToken Token)?> ReadAsync(string text, string clientId, CancellationToken cancellationToken)
    {
        if (!RefreshToken.TryParse(text, keys.HashCode, out var token) || await FindAsync(token, clientId, cancellationToken) is not { } grant)
            return null;
        switch (Decide(token, grant))
        {
            case RefreshVerdict.Redeem or RefreshVerdict.Again:
                return (grant, token);
            case RefreshVerdict.Replayed:
                await grants.EndReplayedAsync(grant.Id, AuditTypes.RefreshTokenReplayed, cancellationToken);
                return null;
            default:
                return null;
        }
    }

    /// <summary>
    /// For revocation: the grant of a refresh token of this client, whether or not it is the latest, and whether or not owner and organization are in standing: with them the chain would
    /// live again.
    /// </summary>
    public async Task<TokenGrant?> FindAsync(string text, string clientId, CancellationToken cancellationToken) =>
        RefreshToken.TryParse(text, keys.HashCode, out var token) && await chains.FindAsync(database, token.GrantId, cancellationToken) is { Grant: { RefreshPlace: not null } grant }
            && grant.ClientId == clientId ? grant : null;

    /// <summary>Moves the chain on and issues its next tokens. Null when the chain ended meanwhile.</summary>
    /// <param name="grant">As it was read.</param>
    /// <param name="token">The token that came.</param>
    /// <param name="application">The client.</param>
    /// <param name="scopes">Asked for; null: all that were granted.</param>
    /// <param name="resources">Asked for; null: all that were granted.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Standing?> RedeemAsync(
        TokenGrant grant, RefreshToken token, Application application, IReadOnlyList<string>? scopes, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        var owner = grant.Owner!;
        var policy = await policies.ReadAsync(owner.OrganizationId, cancellationToken);
        if (BuiltInApplications.IsBarred(policy.Effective, application))
            return null;
        var now = clock.Now();
        var (place, next) = (token.Place, token.Place + 1);
        if (grant.RefreshPlace == place)
        {
            // Another was faster, with the same token and at this moment: then the chain stands where this one would have put it.
            if (!await chains.MoveAsync(grant.Id, place, now, cancellationToken) && !await database.TokenGrants.AnyAsync(g => g.Id == grant.Id && g.RefreshPlace == next, cancellationToken))
                return null;
        }

        grant.RefreshPlace = next;
        // Neither what the role has lost nor what the registration has.
        var granted = Scopes.AllowedTo(owner.Role, scopes ?? Scopes.Split(grant.Scopes))
            .Where(scope => scope is Scopes.OpenId or Scopes.OfflineAccess || application.MayAskFor(scope));
        return new Standing(owner, grant, grants.Tokens(application, owner, grant, Scopes.Join(granted), resources is null ? grant.Resources : Scopes.Join(resources), now));
    }

    private async Task<TokenGrant?> FindAsync(RefreshToken token, string clientId, CancellationToken cancellationToken)
    {
        if (await chains.FindAsync(database, token.GrantId, cancellationToken) is not
            { Grant: { RefreshPlace: not null, Owner: { Organization.Suspended: false } owner } grant, Cuts: var cuts } || owner.IsStoppedAt(clock.GetUtcNow().UtcDateTime) || grant.ClientId != clientId)
            return null;
        cuts.ApplyTo([grant]);
        return grant;
    }

    private RefreshVerdict Decide(RefreshToken token, TokenGrant grant)
    {
        var end = grant.IdleEndsAt is { } idle && idle < grant.ExpiresAt ? idle : grant.ExpiresAt;
        return RefreshRule.Decide(token.Place, grant.RefreshPlace!.Value, grant.RefreshedAt, end, clock.GetUtcNow().UtcDateTime);
    }
}
