using Activate.Identity.Core;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Expiration;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.ApiKeys;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>A key with its secret, which exists only on its way to the owner.</summary>
public sealed record IssuedApiKey(ApiKey Key, ApiKeySecret Secret);

/// <summary>A key as it is wished for.</summary>
/// <param name="Name">1 to 64 characters, unique among the owner's keys.</param>
/// <param name="ExpiresInDays">Absent: the default. Null: no expiration.</param>
/// <param name="Scopes">Null: <see cref="Core.Scopes.Default"/>.</param>
/// <param name="AllowedAddresses">Null: it works from everywhere.</param>
public sealed record ApiKeyDraft(string? Name, Optional<int?> ExpiresInDays = default, IReadOnlyList<string>? Scopes = null, IReadOnlyList<string?>? AllowedAddresses = null);

/// <summary>
/// Makes, rotates, changes and deletes API keys, those of people and of service accounts alike. Page, REST and command line all end here. Who may act for a service account is the
/// question of whoever names it as the owner.
/// </summary>
public sealed class ApiKeyIssuer(
    ActivateDbContext database, PolicyReader policies, PendingCuts cuts, AuditTrail audit, CredentialCache cache, MailOutbox outbox, Letters letters, PublicOrigin origin, TimeProvider clock,
    ServerMeter meter, IOptions<ApiKeysOptions> options)
{
    private static readonly Problem s_expired = new(ProblemKind.Conflict, "key_expired", "The key has expired. A rotation never lengthens its life: make a new key.");

    /// <param name="actor">Who makes it.</param>
    /// <param name="giver">What the key may not exceed.</param>
    /// <param name="draft">What it is to be.</param>
    /// <param name="cancellationToken">Ends the wait; the key is then made or not, never half.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    /// <param name="serviceAccount">Whose key it is to be; null: the actor's.</param>
    public async Task<Result<IssuedApiKey>> CreateAsync(
        AuditActor actor, ScopeGiver giver, ApiKeyDraft draft, CancellationToken cancellationToken, Guid? form = null, Guid? serviceAccount = null)
    {
        var owner = serviceAccount ?? actor.UserId;
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        var now = clock.Now();
        var policy = await policies.ReadAsync(actor.OrganizationId, cancellationToken);
        if (!CredentialName.Parse(draft.Name).TryGet(out var parsed, out var problem)
            || !AddressesOf(draft.AllowedAddresses).TryGet(out var addresses, out problem)
            || !ScopeRequest.Decide(draft.Scopes, giver, now).TryGet(out var granted, out problem)
            || !ExpirationPolicy.Decide(policy.Effective.ApiKeys, draft.ExpiresInDays, now, "expiresInDays").TryGet(out var expiration, out problem))
            return problem;

        var issued = Make(owner, parsed, granted, expiration, policy.Version);
        var key = issued.Key;
        key.AllowedAddresses = addresses.Value;

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.TakeTurnAsync(owner, cancellationToken) == 0)
            return Problems.NotFound;
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        await DeleteForgottenAsync(owner, now, cancellationToken);
        // Those that have ended are listed for a while, and take no place.
        if (await database.ApiKeys.CountAsync(k => k.OwnerId == owner && (k.ExpiresAt == null || k.ExpiresAt > now), cancellationToken) >= options.Value.MaximumPerUser)
            return new Problem(ProblemKind.Conflict, "too_many_keys", $"{options.Value.MaximumPerUser} API keys are the most one user may have. Delete one that is no longer used.");
        database.ApiKeys.Add(key);
        audit.Add(AuditTypes.ApiKeyCreated, actor, key.Id, name: key.Name, owner: serviceAccount);
        await outbox.NotifyAsync(owner, letters.ApiKeyCreated(key), cancellationToken);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return Problems.NameTaken("name", "an API key");
        }

        await transaction.CommitAsync(cancellationToken);
        meter.Issued(ServerMeter.Grant.ApiKey);
        return issued;
    }

    /// <summary>The key of the service account behind a cluster, added to the context for the caller to save: it lives as long as the policy allows.</summary>
    internal async Task<IssuedApiKey> AddForClusterAsync(User serviceAccount, string name, CancellationToken cancellationToken)
    {
        var (policy, version) = await policies.ReadAsync(serviceAccount.OrganizationId, cancellationToken);
        var longest = policy.ApiKeys.UserChoice ? new Optional<int?>(policy.ApiKeys.Maximum) : default;
        if (!ExpirationPolicy.Decide(policy.ApiKeys, longest, clock.Now(), "expiresInDays").TryGet(out var expiration, out var problem))
            throw new InvalidOperationException($"The longest life that a policy allows was refused: {problem.Detail}");
        var issued = Make(serviceAccount.Id, name, Scopes.AuthorizedKeysRead, expiration, version);
        database.ApiKeys.Add(issued.Key);
        return issued;
    }

    private IssuedApiKey Make(Guid ownerId, string name, string scopes, Expiration expiration, int policyVersion)
    {
        var secret = ApiKeySecret.Generate(origin.Uri);
        return new IssuedApiKey(
            new ApiKey
            {
                // The exact time, so that the newest comes first among those of one second.
                Id = Guid.CreateVersion7(clock.GetUtcNow()),
                OwnerId = ownerId,
                Name = name,
                NormalizedName = CredentialName.Normalize(name),
                Scopes = scopes,
                Last4 = secret.Last4,
                CreatedAt = clock.Now(),
                ExpiresAt = expiration.ExpiresAt,
                ExpiresBecause = expiration.Because,
                PolicyVersion = policyVersion,
                Hashes = { new ApiKeyHash { Hash = secret.Hash() } },
            },
            secret);
    }

    /// <summary>A new secret for the same key: same id, scopes and end. The old secret works for the overlap.</summary>
    /// <param name="actor">The owner, or who acts for a service account.</param>
    /// <param name="giver">What the secret may not exceed, as for a new key; null when the key rotates itself.</param>
    /// <param name="id">The key.</param>
    /// <param name="overlapHours">0 to 168; null: 24.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="serviceAccount">Whose key it is; null: the actor's.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<IssuedApiKey>> RotateAsync(
        AuditActor actor, ScopeGiver? giver, Guid id, int? overlapHours, CancellationToken cancellationToken, Guid? serviceAccount = null, Guid? form = null)
    {
        var owner = serviceAccount ?? actor.UserId;
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        if (!SecretOverlap.Parse(overlapHours).TryGet(out var overlap, out var problem))
            return problem;
        var now = clock.Now();
        var end = now.AddHours(overlap);
        if (!(await FindAsync(actor, owner, id, cancellationToken)).TryGet(out var current, out problem))
            return problem;
        if (current.ExpiresAt <= now)
            return s_expired;
        // The answer holds a secret with all the key's scopes: whoever asks must be able to give them.
        if (giver is not null && ScopeRequest.Decide([.. Scopes.AllowedTo(giver.OwnerRole, Scopes.Split(current.Scopes))], giver, now).Problem is { } beyond)
            return beyond;

        var secret = ApiKeySecret.Generate(origin.Uri);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        // One pending rotation at a time: whoever changes the row first has it.
        var taken = await database.ApiKeys
            .Where(k => k.Id == id && k.OwnerId == owner && (k.ExpiresAt == null || k.ExpiresAt > now) && (k.RotationEndsAt == null || k.RotationEndsAt <= now))
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.RotationEndsAt, end).SetProperty(k => k.Last4, secret.Last4), cancellationToken);
        if (taken == 0)
            return await WhyNotRotatedAsync(actor, owner, id, now, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        await database.ApiKeyHashes.Where(h => h.ApiKeyId == id && h.EndsAt != null).ExecuteDeleteAsync(cancellationToken);
        await database.ApiKeyHashes.Where(h => h.ApiKeyId == id).ExecuteUpdateAsync(set => set.SetProperty(h => h.EndsAt, end), cancellationToken);
        database.ApiKeyHashes.Add(new ApiKeyHash { Hash = secret.Hash(), ApiKeyId = id });
        audit.Add(AuditTypes.ApiKeyRotated, actor, id, detail: $"overlap {overlap} h", owner: serviceAccount);
        await outbox.NotifyAsync(owner, letters.ApiKeyRotated(current.Name, secret.Last4, end), cancellationToken);
        await database.SaveChangesAsync(cancellationToken);
        if (!(await FindAsync(actor, owner, id, cancellationToken)).TryGet(out var key, out problem))
            return problem;
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        meter.Issued(ServerMeter.Grant.ApiKeyRotation);
        return new IssuedApiKey(key, secret);
    }

    /// <summary>Gives a key another name, or other addresses from which it may be used. A secret that is in use goes on under the new rule at once.</summary>
    /// <param name="actor">The owner, or who acts for a service account.</param>
    /// <param name="id">The key.</param>
    /// <param name="name">Null: as it is, where addresses are given.</param>
    /// <param name="allowedAddresses">Absent: as it is. Null: from everywhere.</param>
    /// <param name="cancellationToken">Ends the wait; all or nothing is changed.</param>
    /// <param name="serviceAccount">Whose key it is; null: the actor's.</param>
    public async Task<Result<ApiKey>> ChangeAsync(
        AuditActor actor, Guid id, string? name, Optional<IReadOnlyList<string>?> allowedAddresses, CancellationToken cancellationToken, Guid? serviceAccount = null)
    {
        var owner = serviceAccount ?? actor.UserId;
        string? newName = null;
        if ((name is not null || !allowedAddresses.IsPresent) && !CredentialName.Parse(name).TryGet(out newName, out var problem))
            return problem;
        if (!AddressesOf(allowedAddresses.Value).TryGet(out var addresses, out problem))
            return problem;
        var now = clock.Now();
        var key = await ApiKeysApi.Listed(owner, database, now).AsTracking().SingleOrDefaultAsync(k => k.Id == id, cancellationToken);
        if (key is null)
            return Problems.NotFound;
        await DeleteForgottenAsync(owner, now, cancellationToken);
        if (newName is not null)
        {
            audit.Add(AuditTypes.ApiKeyRenamed, actor, id, name: $"{key.Name} → {newName}", owner: serviceAccount);
            key.Name = newName;
            key.NormalizedName = CredentialName.Normalize(newName);
        }

        if (allowedAddresses.IsPresent && key.AllowedAddresses != addresses.Value)
        {
            audit.Add(AuditTypes.ApiKeyAddressesChanged, actor, id, name: key.Name, owner: serviceAccount, change: AuditChange.Of("allowedAddresses", key.AllowedAddresses, addresses.Value));
            key.AllowedAddresses = addresses.Value;
        }

        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return Problems.NameTaken("name", "an API key");
        }

        cache.Forget();
        return await FindAsync(actor, owner, id, cancellationToken);
    }

    /// <summary>Deletes a key with all its secrets. It works nowhere from now on: at once on this node, within a second on the others.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken, Guid? serviceAccount = null)
    {
        var owner = serviceAccount ?? actor.UserId;
        var name = await database.ApiKeys.Where(k => k.Id == id && k.OwnerId == owner).Select(k => k.Name).SingleOrDefaultAsync(cancellationToken);
        if (name is null)
            return Problems.NotFound;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.ApiKeys.Where(k => k.Id == id && k.OwnerId == owner).ExecuteDeleteAsync(cancellationToken) == 0)
            return Problems.NotFound;
        audit.Add(AuditTypes.ApiKeyDeleted, actor, id, name: name, owner: serviceAccount);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    /// <summary>Keys that ended so long ago that no list shows them must not keep a name or a place.</summary>
    private Task<int> DeleteForgottenAsync(Guid owner, DateTime now, CancellationToken cancellationToken)
    {
        var listedSince = now - CredentialNames.ListedAfterExpiry;
        return database.ApiKeys.Where(k => k.OwnerId == owner && k.ExpiresAt <= listedSince).ExecuteDeleteAsync(cancellationToken);
    }

    /// <summary>The list as it is stored; null: everywhere.</summary>
    private static Result<Optional<string?>> AddressesOf(IReadOnlyList<string?>? ranges) =>
        ranges is null ? new Optional<string?>(null) : AllowedAddresses.Parse(ranges).TryGet(out var addresses, out var problem) ? new Optional<string?>(addresses.ToString()) : problem;

    /// <summary>The owner's key as it is now, not tracked.</summary>
    internal async Task<Result<ApiKey>> FindAsync(AuditActor actor, Guid owner, Guid id, CancellationToken cancellationToken)
    {
        var rows = await database.ApiKeys.AsNoTracking().Where(k => k.Id == id && k.OwnerId == owner).ToListAsync(cancellationToken);
        return await cuts.ApplyAsync(actor.OrganizationId, rows, cancellationToken) is [var key] ? key : Problems.NotFound;
    }

    private async Task<Problem> WhyNotRotatedAsync(AuditActor actor, Guid owner, Guid id, DateTime now, CancellationToken cancellationToken)
    {
        if (!(await FindAsync(actor, owner, id, cancellationToken)).TryGet(out var key, out var problem))
            return problem;
        return key.ExpiresAt <= now
            ? s_expired
            : new Problem(ProblemKind.Conflict, "rotation_pending", $"A rotation is under way until {key.RotationEndsAt:yyyy-MM-dd HH:mm:ss}Z, while the old secret still works. Wait for its end, or delete the key.");
    }
}
