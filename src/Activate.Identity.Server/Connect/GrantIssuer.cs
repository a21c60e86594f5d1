using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Keys;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Connect;

/// <summary>What a grant for an application begins with.</summary>
/// <param name="Application">The client.</param>
/// <param name="Owner">With organization, in good standing.</param>
/// <param name="Scopes">Allowed, space-separated.</param>
/// <param name="Policy">The owner's.</param>
internal sealed record GrantStart(Application Application, User Owner, string Scopes, Organizations.OrganizationPolicy Policy)
{
    public string? Resources { get; init; }
    /// <summary>Of the resources, those that the first access token is for; null: all. A refresh may ask for others of them (RFC 8707 §2.2).</summary>
    public string? FirstResources { get; init; }
    public string? Claims { get; init; }
    public string? Methods { get; init; }
    public DateTime? AuthenticatedAt { get; init; }
    public string? Name { get; init; }
    /// <summary>The lifetime that a command line wishes; applications have none.</summary>
    public int? Hours { get; init; }
    public bool Interactive { get; init; }
}

/// <summary>
/// Makes, renews and ends grants: one row for each sign-in to an application, on which its tokens stand. Access tokens of applications have no row; they end with the
/// grant. The command line's session is its one access token, known by its hash.
/// </summary>
internal sealed class GrantIssuer(
    ActivateDbContext database, AuditTrail audit, AccessTokenWriter writer, ServerKeys keys, CredentialCache cache, MailOutbox outbox, Letters letters, PublicOrigin origin, TimeProvider clock,
    IHttpContextAccessor http)
{
    /// <summary>How long an application's access token lives. It may ask for another.</summary>
    public const int AccessTokenHours = 1;

    /// <summary>A grant that is not stored yet, and its tokens.</summary>
    public Standing Begin(GrantStart start)
    {
        var now = clock.Now();
        var renewed = start.Application.ClientId != BuiltInApplications.Cli && Scopes.Split(start.Scopes).Contains(Scopes.OfflineAccess);
        var (end, because) = End(start, renewed, now);
        var grant = new TokenGrant
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Kind = CredentialKind.Session,
            OwnerId = start.Owner.Id,
            ClientId = start.Application.ClientId!,
            Name = start.Name ?? start.Application.DisplayName ?? start.Application.ClientId!,
            Scopes = start.Scopes,
            CreatedAt = now,
            ExpiresAt = end,
            ExpiresBecause = because,
            PolicyVersion = start.Policy.Version,
            RefreshPlace = renewed ? 1 : null,
            IdleEndsAt = renewed ? now + RefreshRule.Idle : null,
            Resources = renewed ? start.Resources : start.FirstResources ?? start.Resources,
            Claims = start.Claims,
            Methods = start.Methods,
            AuthenticatedAt = start.AuthenticatedAt,
            Interactive = start.Interactive,
        };
        return new Standing(start.Owner, grant, start.Application.ClientId == BuiltInApplications.Cli
            ? new IssuedTokens(writer.Write(grant, start.Owner.Organization!.Slug), grant.Scopes, grant.ExpiresAt)
            : Tokens(start.Application, start.Owner, grant, grant.Scopes, start.FirstResources ?? grant.Resources, now));
    }

    /// <summary>The tokens of an application's grant at the place in its chain that it has now.</summary>
    /// <param name="application">The client.</param>
    /// <param name="owner">With organization.</param>
    /// <param name="grant">The grant.</param>
    /// <param name="scopes">All or some of the grant's.</param>
    /// <param name="resources">All or some of the grant's.</param>
    /// <param name="now">The time.</param>
    public IssuedTokens Tokens(Application application, User owner, TokenGrant grant, string scopes, string? resources, DateTime now)
    {
        var end = now.AddHours(AccessTokenHours);
        end = grant.IsRenewed && end < grant.ExpiresAt ? end : grant.ExpiresAt;
        var access = writer.Write(new AccessTokenContent(Guid.CreateVersion7(clock.GetUtcNow()), owner.Id.ToString(), grant.ClientId, scopes,
            Caller.AudiencesFor(Scopes.Split(scopes), resources, origin), now, end, owner.Organization!.Slug)
        {
            GrantId = grant.Id,
            Algorithm = application.SigningAlgorithm ?? SecurityAlgorithms.RsaSha256,
        });
        return new IssuedTokens(access, scopes, end, grant.RefreshPlace is { } place ? RefreshToken.At(grant.Id, place, keys.HashCode) : null);
    }

    /// <summary>
    /// Adds a grant and its audit event to what the caller saves, and where it is a device's that its owner does not know yet, the mail that tells them: people log in from the same machine
    /// every day, and a mail each time would be read by nobody.
    /// </summary>
    /// <param name="standing">The grant with its owner.</param>
    /// <param name="device">A device's login; an application's is told of when it is allowed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task AddAsync(Standing standing, bool device, CancellationToken cancellationToken)
    {
        var (owner, grant, _) = standing;
        var address = http.HttpContext?.RemoteAddress();
        grant.StartedFrom = address;
        if (device && outbox.IsOn && !await database.TokenGrants.AnyAsync(
                g => g.OwnerId == owner.Id && g.Kind == CredentialKind.Session && g.ClientId == grant.ClientId && g.Name == grant.Name && g.StartedFrom == address, cancellationToken))
            outbox.Notify(owner.Id, owner.UserName!, owner.Email, letters.DeviceLogin(grant.Name, grant.ExpiresAt));
        database.TokenGrants.Add(grant);
        audit.Add(Data.Audit.AuditTypes.SessionStarted, new AuditActor(owner.Id, owner.OrganizationId, grant.Id), grant.Id, grant.ClientId, name: grant.Name);
    }

    /// <summary>Ends a grant because one of its codes or refresh tokens came a second time: everything that stands on it ends at once.</summary>
    public async Task EndReplayedAsync(Guid grantId, string auditType, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var grant = await database.TokenGrants.AsNoTracking().Include(g => g.Owner).SingleOrDefaultAsync(g => g.Id == grantId, cancellationToken);
        if (grant is null || await database.TokenGrants.Where(g => g.Id == grantId).ExecuteDeleteAsync(cancellationToken) == 0)
            return;
        audit.Add(auditType, new AuditActor(grant.OwnerId, grant.Owner!.OrganizationId, grant.Id), grant.Id, grant.ClientId, name: grant.Name, succeeded: false);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
    }

    /// <summary>How long a login of the command line lasts that begins now.</summary>
    /// <param name="policy">The effective one.</param>
    /// <param name="hours">What was asked for; null: nothing.</param>
    public static int LoginHours(Policy policy, int? hours)
    {
        var maximum = policy.Tokens.Longest ?? Policy.LongestTokenHours;
        return Math.Min(Wished(policy, hours, maximum), maximum);
    }

    private static int Wished(Policy policy, int? hours, int maximum) => hours ?? policy.Tokens.Default ?? maximum;

    private static (DateTime End, ExpiresBecause Because) End(GrantStart start, bool renewed, DateTime now)
    {
        var policy = start.Policy.Effective;
        if (renewed)
        {
            return policy.Applications.RefreshMaximumDays is { } days && days <= RefreshRule.LongestDays
                ? (now.AddDays(days), ExpiresBecause.Policy)
                : (now.AddDays(RefreshRule.LongestDays), ExpiresBecause.Default);
        }

        // A lifetime that was allowed while there was a choice counts no more when there is none.
        var maximum = policy.Tokens.Longest ?? Policy.LongestTokenHours;
        if (start.Application.ClientId != BuiltInApplications.Cli && start.Hours is null)
            return maximum < AccessTokenHours ? (now.AddHours(maximum), ExpiresBecause.Policy) : (now.AddHours(AccessTokenHours), ExpiresBecause.Default);
        var wished = Wished(policy, start.Hours, maximum);
        return wished > maximum ? (now.AddHours(maximum), ExpiresBecause.Policy)
            : (now.AddHours(wished), policy.Tokens.UserChoice && start.Hours is not null ? ExpiresBecause.Requested : ExpiresBecause.Default);
    }
}
