using System.Globalization;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Tokens;

/// <summary>A generated token with its grant. The token exists only on its way to the owner.</summary>
public sealed record IssuedToken(TokenGrant Grant, string Token)
{
    public override string ToString() => $"token {Grant.Id}";
}

/// <summary>Makes generated tokens, and ends tokens and sessions.</summary>
public sealed class TokenIssuer(ActivateDbContext database, PolicyReader policies, AuditTrail audit, AccessTokenWriter writer, CredentialCache cache, ServerMeter meter, TimeProvider clock)
{
    /// <summary>Live generated tokens one user may have at a time.</summary>
    private const int MaximumPerUser = 200;

    /// <param name="actor">The owner-to-be.</param>
    /// <param name="giver">What the token may not exceed.</param>
    /// <param name="organizationSlug">Of the owner.</param>
    /// <param name="name">Null: named after the time.</param>
    /// <param name="expiresInHours">Absent: the default.</param>
    /// <param name="scopes">Null: <see cref="Scopes.Default"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<IssuedToken>> CreateAsync(
        AuditActor actor, ScopeGiver giver, string organizationSlug, string? name, Optional<int?> expiresInHours, IReadOnlyList<string>? scopes, CancellationToken cancellationToken,
        Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        var now = clock.Now();
        var policy = await policies.ReadAsync(actor.OrganizationId, cancellationToken);
        name ??= string.Create(CultureInfo.InvariantCulture, $"Token of {now:yyyy-MM-dd HH:mm:ss}Z");
        if (!CredentialName.Parse(name).TryGet(out var parsed, out var problem)
            || !ScopeRequest.Decide(scopes, giver, now).TryGet(out var granted, out problem)
            || !ExpirationPolicy.Decide(policy.Effective.Tokens, expiresInHours, now, "expiresInHours").TryGet(out var expiration, out problem))
            return problem;

        var grant = new TokenGrant
        {
            // The exact time, so that the newest comes first among those of one second.
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Kind = CredentialKind.Token,
            OwnerId = actor.UserId,
            ClientId = BuiltInApplications.Cli,
            Name = parsed,
            Scopes = granted,
            CreatedAt = now,
            ExpiresAt = expiration.ExpiresAt ?? throw new InvalidOperationException("A token always ends."),
            ExpiresBecause = expiration.Because,
            PolicyVersion = policy.Version,
        };
        var token = writer.Write(grant, organizationSlug);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(actor.UserId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        if (await database.TokenGrants.CountAsync(g => g.OwnerId == actor.UserId && g.Kind == CredentialKind.Token && g.ExpiresAt > now, cancellationToken) >= MaximumPerUser)
            return new Problem(ProblemKind.Conflict, "too_many_tokens", $"You have {MaximumPerUser} living tokens, the most one user may have. Delete some, or wait until they end.");
        database.TokenGrants.Add(grant);
        audit.Add(AuditTypes.TokenCreated, actor, grant.Id, name: grant.Name);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        meter.Issued(ServerMeter.Grant.GeneratedToken);
        return new IssuedToken(grant, token);
    }

    /// <summary>Ends a generated token or a session of the actor: at once on this node, within a second on the others.</summary>
    public async Task<Problem?> EndAsync(AuditActor actor, CredentialKind kind, Guid id, CancellationToken cancellationToken)
    {
        var grant = await database.TokenGrants.AsNoTracking().SingleOrDefaultAsync(g => g.Id == id && g.OwnerId == actor.UserId && g.Kind == kind, cancellationToken);
        if (grant is null)
            return Problems.NotFound;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.TokenGrants.Where(g => g.Id == id).ExecuteDeleteAsync(cancellationToken) == 0)
            return Problems.NotFound;
        audit.Add(kind == CredentialKind.Token ? AuditTypes.TokenDeleted : AuditTypes.SessionEnded, actor, id, grant.ClientId, name: grant.Name);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>Ends an access token that has no row: from now on it has one, until its own end.</summary>
    /// <param name="token">What it says.</param>
    /// <param name="actor">Whose it is; null: an application's own.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task EndUnlistedAsync(AccessTokenContent token, AuditActor? actor, CancellationToken cancellationToken)
    {
        var id = token.Id;
        if (await database.EndedTokens.AnyAsync(ended => ended.Id == id, cancellationToken))
            return;
        database.EndedTokens.Add(new EndedToken { Id = id, ExpiresAt = token.ExpiresAt });
        audit.Add(AuditTypes.TokenDeleted, actor, id, token.ClientId);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            // Somebody else ended it at the same moment.
            database.ChangeTracker.Clear();
        }

        cache.Forget();
    }
}
