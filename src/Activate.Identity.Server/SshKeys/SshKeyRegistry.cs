using System.Security.Cryptography;
using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.SshKeys;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Mail;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Activate.Identity.Server.SshKeys;

/// <summary>Adds, renames and deletes SSH public keys, and remembers when each was added first. Page, REST and command line all end here.</summary>
public sealed class SshKeyRegistry(ActivateDbContext database, PolicyReader policies, PendingCuts cuts, AuditTrail audit, MailOutbox outbox, Letters letters, TimeProvider clock, IOptions<SshKeysOptions> options)
{
    internal static readonly Problem FingerprintInvalid = Problems.Invalid("fingerprint", "fingerprint_invalid",
        "A fingerprint is 'SHA256:' and 43 base64 characters, as 'ssh-keygen -l' shows it (URL-encoded where it is in a URL).");

    /// <summary>How many different keys are remembered of one user. None is forgotten for a new one: that would give its time back to whoever adds enough others.</summary>
    internal const int MostRemembered = 1000;

    /// <param name="actor">The owner-to-be.</param>
    /// <param name="name">1 to 64 characters, unique among the owner's SSH keys.</param>
    /// <param name="publicKey">One line of a .pub file.</param>
    /// <param name="expiresInDays">Absent: the default. Null: no expiration.</param>
    /// <param name="cancellationToken">Ends the wait; the key is then added or not, never half.</param>
    public Task<Result<SshKey>> AddAsync(AuditActor actor, string? name, string? publicKey, Optional<int?> expiresInDays, CancellationToken cancellationToken) =>
        AddAsync(actor, actor.UserId, name, publicKey, expiresInDays, cancellationToken);

    /// <summary>The same for somebody else of the actor's organization: an administrator brings in the keys of people who were invited and have not come yet.</summary>
    internal async Task<Result<SshKey>> AddAsync(AuditActor actor, Guid ownerId, string? name, string? publicKey, Optional<int?> expiresInDays, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var policy = await policies.ReadAsync(actor.OrganizationId, cancellationToken);
        // The key first: whoever pasted a private key is to hear of that, whatever else is wrong.
        if (!SshPublicKey.Parse(publicKey).TryGet(out var parsedKey, out var problem) || !CredentialName.Parse(name).TryGet(out var parsedName, out problem))
            return problem;
        var fingerprint = SHA256.HashData(parsedKey.Blob.Span);

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(ownerId, cancellationToken);
        await ForgetUnlistedAsync(database, key => key.OwnerId == ownerId, now, cancellationToken);
        var memory = await database.KnownSshKeys.SingleOrDefaultAsync(f => f.OwnerId == ownerId && f.Fingerprint == fingerprint, cancellationToken);
        var same = await cuts.ApplyAsync(actor.OrganizationId,
            await database.SshKeys.AsNoTracking().Where(k => k.OwnerId == ownerId && k.Fingerprint == fingerprint).ToListAsync(cancellationToken), cancellationToken);
        if (same is [var present])
        {
            if (!(present.ExpiresAt <= now))
                return new Problem(ProblemKind.Conflict, "ssh_key_exists", $"You have this key already, under the name '{present.Name}'. Delete that one first, or use another key.", "publicKey");
            // Without a memory of it an administrator has allowed it again.
            if (memory is not null && present.ExpiresBecause == ExpiresBecause.Policy)
                return SshKeyExpiration.EndedByPolicy;
            await database.SshKeys.Where(k => k.Id == present.Id).ExecuteDeleteAsync(cancellationToken);
        }

        var firstAddedAt = memory?.FirstAddedAt ?? now;
        if (memory?.PolicyEndsAt <= now)
            return SshKeyExpiration.EndedByPolicy;
        var limits = policy.Effective.SshKeys;
        if (!SshKeyExpiration.Decide(limits, expiresInDays, now, firstAddedAt, memory?.PolicyEndsAt, "expiresInDays").TryGet(out var expiration, out problem))
            return problem;
        // Those that have ended are listed for a while, and take no place.
        if (await database.SshKeys.CountAsync(k => k.OwnerId == ownerId && (k.ExpiresAt == null || k.ExpiresAt > now), cancellationToken) >= options.Value.MaximumPerUser)
            return new Problem(ProblemKind.Conflict, "too_many_keys", $"You have {options.Value.MaximumPerUser} SSH keys, the most one user may have. Delete one that is no longer used.");

        if (memory is null && await database.KnownSshKeys.CountAsync(f => f.OwnerId == ownerId, cancellationToken) >= MostRemembered)
        {
            return new Problem(ProblemKind.Conflict, "too_many_known_keys",
                $"You have added {MostRemembered} different SSH keys, the most that are remembered of one user. Add one that you had before, or ask an administrator to allow old ones again: that forgets them.", "publicKey");
        }

        if (memory is null)
            database.KnownSshKeys.Add(memory = new KnownSshKey { OwnerId = ownerId, Fingerprint = fingerprint, FirstAddedAt = firstAddedAt });
        // An end that the owner asked for is the owner's; any other at the policy's limit is the policy's. What is remembered already only ever gets earlier.
        if (expiration.Because != ExpiresBecause.Requested && expiration.ExpiresAt == SshKeyExpiration.Latest(limits, firstAddedAt))
            memory.PolicyEndsAt = SshKeyExpiration.Earliest(memory.PolicyEndsAt, expiration.ExpiresAt);
        var key = new SshKey
        {
            // The exact time, so that the newest comes first among those of one second.
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            OwnerId = ownerId,
            Name = parsedName,
            NormalizedName = CredentialName.Normalize(parsedName),
            Fingerprint = fingerprint,
            Algorithm = parsedKey.Algorithm,
            PublicKey = parsedKey.Text,
            CreatedAt = now,
            FirstAddedAt = firstAddedAt,
            ExpiresAt = expiration.ExpiresAt,
            ExpiresBecause = expiration.Because,
            PolicyVersion = policy.Version,
        };
        database.SshKeys.Add(key);
        audit.Add(AuditTypes.SshKeyAdded, actor, key.Id, detail: parsedKey.Fingerprint, name: key.Name);
        // Who was invited with keys hears of them by the invitation.
        if (ownerId == actor.UserId)
            await outbox.NotifyAsync(ownerId, letters.SshKeyAdded(key, parsedKey.Fingerprint), cancellationToken);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return Problems.NameTaken("name", "an SSH key");
        }

        await transaction.CommitAsync(cancellationToken);
        return key;
    }

    public async Task<Result<SshKey>> RenameAsync(AuditActor actor, Guid id, string? name, CancellationToken cancellationToken)
    {
        if (!CredentialName.Parse(name).TryGet(out var parsed, out var problem))
            return problem;
        var now = clock.Now();
        var key = await SshKeysApi.Listed(actor.UserId, database, now).AsTracking().SingleOrDefaultAsync(k => k.Id == id, cancellationToken);
        if (key is null)
            return Problems.NotFound;
        await ForgetUnlistedAsync(database, other => other.OwnerId == actor.UserId && other.Id != id, now, cancellationToken);
        audit.Add(AuditTypes.SshKeyRenamed, actor, id, name: $"{key.Name} → {parsed}");
        key.Name = parsed;
        key.NormalizedName = CredentialName.Normalize(parsed);
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return Problems.NameTaken("name", "an SSH key");
        }

        database.Entry(key).State = EntityState.Detached;
        await cuts.ApplyAsync(actor.OrganizationId, [key], cancellationToken);
        return key;
    }

    /// <summary>Deletes a key: the next lookup on any node does not find it. That it was there, and how the policy ended it, is remembered.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(actor.UserId, cancellationToken);
        var rows = await cuts.ApplyAsync(actor.OrganizationId,
            await database.SshKeys.AsNoTracking().Where(k => k.Id == id && k.OwnerId == actor.UserId).ToListAsync(cancellationToken), cancellationToken);
        if (rows is not [var key])
            return Problems.NotFound;
        if (key.ExpiresBecause == ExpiresBecause.Policy)
            await RememberPolicyEndAsync(database, actor.UserId, key.Fingerprint, key.ExpiresAt, cancellationToken);
        await database.SshKeys.Where(k => k.Id == id).ExecuteDeleteAsync(cancellationToken);
        audit.Add(AuditTypes.SshKeyDeleted, actor, id, detail: SshFingerprint.Of(key.Fingerprint), name: key.Name);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>Lets the users of the actor's organization add a key again that had ended by policy: its clock begins anew. The usernames; none is a problem.</summary>
    public async Task<Result<IReadOnlyList<string>>> AllowAsync(AuditActor actor, string fingerprintText, CancellationToken cancellationToken)
    {
        if (!SshFingerprint.TryParse(fingerprintText, out var fingerprint))
            return FingerprintInvalid;
        var now = clock.Now();
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var known = await database.KnownSshKeys.Where(f => f.Fingerprint == fingerprint && f.Owner!.OrganizationId == actor.OrganizationId)
            .Select(f => new { f.OwnerId, Username = f.Owner!.UserName! }).ToListAsync(cancellationToken);
        var present = await cuts.ApplyAsync(actor.OrganizationId,
            await database.SshKeys.AsNoTracking().Where(k => k.Fingerprint == fingerprint && k.Owner!.OrganizationId == actor.OrganizationId).ToListAsync(cancellationToken), cancellationToken);
        // Not where the key still lives: there is nothing to allow, and its clock goes on.
        var ended = known.Where(f => !present.Any(k => k.OwnerId == f.OwnerId && !(k.ExpiresAt <= now))).ToList();
        if (ended.Count == 0)
            return Problems.NotFound;
        var owners = ended.Select(f => f.OwnerId).ToList();
        await database.KnownSshKeys.Where(f => f.Fingerprint == fingerprint && owners.Contains(f.OwnerId)).ExecuteDeleteAsync(cancellationToken);
        foreach (var owner in ended)
            audit.Add(AuditTypes.SshFingerprintAllowed, actor, owner.OwnerId, owner: owner.OwnerId, detail: SshFingerprint.Of(fingerprint));
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return ended.Select(f => f.Username).Order(StringComparer.Ordinal).ToList();
    }

    /// <summary>A key that the policy ended, and that goes, must not begin anew when it is added again.</summary>
    internal static Task RememberPolicyEndAsync(ActivateDbContext database, Guid ownerId, byte[] fingerprint, DateTime? end, CancellationToken cancellationToken) =>
        database.KnownSshKeys.Where(known => known.OwnerId == ownerId && known.Fingerprint == fingerprint)
            .ExecuteUpdateAsync(set => set.SetProperty(known => known.PolicyEndsAt, end), cancellationToken);

    /// <summary>Keys that ended so long ago that no list shows them must not keep a name or a place. How the policy ended them is remembered.</summary>
    internal static async Task ForgetUnlistedAsync(
        ActivateDbContext database, System.Linq.Expressions.Expression<Func<SshKey, bool>> which, DateTime now, CancellationToken cancellationToken)
    {
        var listedSince = now - CredentialNames.ListedAfterExpiry;
        var unlisted = database.SshKeys.Where(which).Where(k => k.ExpiresAt <= listedSince);
        await database.KnownSshKeys
            .Where(f => unlisted.Any(k => k.OwnerId == f.OwnerId && k.Fingerprint == f.Fingerprint && k.ExpiresBecause == ExpiresBecause.Policy))
            .ExecuteUpdateAsync(set => set.SetProperty(f => f.PolicyEndsAt, listedSince), cancellationToken);
        await unlisted.ExecuteDeleteAsync(cancellationToken);
    }
}
