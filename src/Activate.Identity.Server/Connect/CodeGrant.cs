using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Authorization codes (RFC 6749 §4.1): made once a person has allowed, redeemed by one conditional UPDATE. A code that comes again after its redemption ends what it
/// was redeemed for; of many redemptions at the same moment one wins.
/// </summary>
internal sealed class CodeGrant(ActivateDbContext database, PolicyReader policies, GrantIssuer grants, TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>A code as it is given out; what is stored is its hash.</summary>
    public static (string Code, byte[] Hash) New()
    {
        var code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (code, Hash(code));
    }

    /// <summary>The code if it may be redeemed now by this client.</summary>
    public async Task<AuthorizationCode?> ReadAsync(string code, string clientId, CancellationToken cancellationToken)
    {
        var hash = Hash(code);
        var row = await database.AuthorizationCodes.AsNoTracking().SingleOrDefaultAsync(c => c.Hash == hash, cancellationToken);
        if (row is null || row.ClientId != clientId)
            return null;
        if (row.GrantId is { } grant)
        {
            await grants.EndReplayedAsync(grant, AuditTypes.AuthorizationCodeReplayed, cancellationToken);
            return null;
        }

        return row.ExpiresAt > clock.GetUtcNow().UtcDateTime ? row : null;
    }

    /// <summary>Redeems a code that was read. Null when the person may not sign in any more, or another redemption was faster.</summary>
    public async Task<Standing?> RedeemAsync(AuthorizationCode code, Application application, IReadOnlyList<string>? resources, CancellationToken cancellationToken)
    {
        var user = await database.Users.AsNoTracking().Include(u => u.Organization).SingleOrDefaultAsync(u => u.Id == code.UserId, cancellationToken);
        if (user is null || user.IsStoppedAt(clock.Now()) || user.Organization!.Suspended)
            return null;
        var policy = await policies.ReadAsync(user.OrganizationId, cancellationToken);
        var builtIn = application.ClientId == BuiltInApplications.Cli;
        if ((builtIn && !policy.Effective.DeviceLogin) || BuiltInApplications.IsBarred(policy.Effective, application))
            return null;
        var standing = grants.Begin(new GrantStart(application, user, Scopes.Join(Scopes.AllowedTo(user.Role, Scopes.Split(code.Scopes))), policy)
        {
            Resources = code.Resources,
            FirstResources = resources is null ? null : Scopes.Join(resources),
            Claims = code.Claims,
            Methods = code.Methods,
            AuthenticatedAt = code.AuthenticatedAt,
            Name = code.DeviceName,
            Hours = code.LifetimeHours,
            Interactive = builtIn && Scopes.Split(code.Scopes).Contains(Scopes.CredentialsWrite),
        });
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var redeemed = await database.AuthorizationCodes.Where(c => c.Id == code.Id && c.GrantId == null)
            .ExecuteUpdateAsync(set => set.SetProperty(c => c.GrantId, standing.Grant.Id), cancellationToken);
        if (redeemed == 0)
            return null;
        await grants.AddAsync(standing, device: builtIn, cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return standing;
    }

    private static byte[] Hash(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));
}
