using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Activate.Identity.Core;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.SshCertificates;
using Activate.Identity.Core.SshKeys;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Clusters;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Connect;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;
using Row = Activate.Identity.Data.SshCertificates.SshCertificate;

namespace Activate.Identity.Server.SshCertificates;

/// <summary>A certificate as it was issued, and for which cluster.</summary>
public sealed record IssuedCertificate(Row Row, Cluster Cluster, SshCertificate Content, string Text)
{
    public override string ToString() => $"certificate {Row.Id}";
}

/// <summary>
/// Issues SSH certificates, which open one account on one cluster until the session they come from ends at the latest. Only a sign-in of a person on the command line gets one:
/// an API key, a generated token or an application must not become a login.
/// </summary>
public sealed class SshCertificateIssuer(ActivateDbContext database, PolicyReader policies, CertificateAuthorityRegistry authorities, AuditTrail audit, TimeProvider clock)
{
    /// <summary>Living certificates one user may have at a time.</summary>
    private const int MaximumPerUser = 200;

    private static readonly Problem s_sessionRequired = new(ProblemKind.Refused, "session_required",
        "No key becomes a login: an SSH certificate is for a person who signed in on the command line. Sign in with 'actid auth login', and ask again.");

    private static readonly Problem s_unknown = Problems.Invalid("cluster", "cluster_unknown", "Your organization has no such cluster. Name it by its address, its name or its id.");

    private static readonly Problem s_ambiguous = Problems.Invalid("cluster", "cluster_ambiguous", "Several clusters have this address. Name one by its name or its id.");

    private static readonly Problem s_notAdmitted = new(ProblemKind.Refused, "cluster_not_allowed", "You may not log in to this cluster. An administrator of your organization decides who may.", "cluster");

    private static readonly Problem s_noAccount = new(ProblemKind.Refused, "cluster_account_missing",
        "On this cluster the account of your username belongs to somebody else, and you have no other. An administrator can say which account is yours.", "cluster");

    private static readonly Problem s_tooMany = new(ProblemKind.Conflict, "too_many_ssh_certificates",
        $"You have {MaximumPerUser} living SSH certificates, the most one user may have. Delete some, or wait until they end.");

    /// <param name="caller">The session.</param>
    /// <param name="publicKey">What is certified.</param>
    /// <param name="cluster">An id, a name or an address.</param>
    /// <param name="expiresInHours">Absent: the default.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<IssuedCertificate>> IssueAsync(Caller caller, string? publicKey, string? cluster, Optional<int?> expiresInHours, CancellationToken cancellationToken)
    {
        if (caller is not { Kind: CredentialKind.Session, ClientId: BuiltInApplications.Cli, Exchanged: false, UserKind: UserKind.Person, ExpiresAt: { } sessionEndsAt })
            return s_sessionRequired;
        if (!SshPublicKey.Parse(publicKey).TryGet(out var key, out var problem)
            || !(await FindAsync(caller, cluster, cancellationToken)).TryGet(out var target, out problem)
            || !(await DecideAsync(caller, key, expiresInHours, sessionEndsAt, cancellationToken)).TryGet(out var expiration, out problem))
            return problem;

        using var authority = await authorities.SigningKeyAsync(caller.OrganizationId, cancellationToken);
        var now = clock.Now();
        var row = new Row
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Serial = NewSerial(),
            GrantId = caller.CredentialId,
            ClusterId = target.Cluster.Id,
            Account = target.Account,
            Fingerprint = SHA256.HashData(key.Blob.Span),
            CreatedAt = now,
            ExpiresAt = expiration.ExpiresAt ?? throw new InvalidOperationException("A certificate always ends."),
            ExpiresBecause = expiration.Because,
        };
        var content = new SshCertificate
        {
            Key = key,
            Serial = row.Serial,
            KeyId = $"{caller.Username} {caller.CredentialId}",
            Principals = [new CertificatePrincipal(target.Account, target.Cluster.Id).ToString()],
            ValidAfter = now - CertificateAuthoritySchedule.ClockSkew,
            ValidBefore = row.ExpiresAt,
        };

        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnAsync(caller.UserId, cancellationToken);
        // Locks the session, too: one that is being ended at this moment is gone before, or takes the certificate along.
        if (await database.TokenGrants.Where(grant => grant.Id == caller.CredentialId).ExecuteUpdateAsync(set => set.SetProperty(grant => grant.Name, grant => grant.Name), cancellationToken) == 0)
            return Problems.InvalidCredential;
        if (await database.SshCertificates.CountAsync(c => c.Grant!.OwnerId == caller.UserId && c.ExpiresAt > now, cancellationToken) >= MaximumPerUser)
            return s_tooMany;
        database.SshCertificates.Add(row);
        audit.Add(AuditTypes.SshCertificateIssued, caller.ToActor(), row.Id, caller.ClientId, detail: string.Create(CultureInfo.InvariantCulture,
            $"serial {row.Serial}, session {row.GrantId}, {key.Fingerprint}, until {row.ExpiresAt:yyyy-MM-dd'T'HH:mm:ss'Z'}, for {target.Cluster.Name}"));
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new IssuedCertificate(row, target.Cluster, content, content.Sign(authority, RandomNumberGenerator.GetBytes(SshCertificate.NonceLength)));
    }

    /// <summary>Certificates that live, newest first.</summary>
    public Task<List<Row>> ListAsync(Guid userId, PageQuery page, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        return database.SshCertificates.AsNoTracking().Where(c => c.Grant!.OwnerId == userId && c.ExpiresAt > now && (page.After == null || c.Id.CompareTo(page.After.Value) < 0))
            .OrderByDescending(c => c.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
    }

    /// <summary>Ends a certificate of the actor: a cluster that can ask us lets it in no more.</summary>
    public async Task<Problem?> EndAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await database.SshCertificates.Where(c => c.Id == id && c.Grant!.OwnerId == actor.UserId).ExecuteDeleteAsync(cancellationToken) == 0)
            return Problems.NotFound;
        audit.Add(AuditTypes.SshCertificateEnded, actor, id);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return null;
    }

    /// <summary>The cluster that was named, and the caller's account there; a name counts before an address, as a cluster may be called like another one's host.</summary>
    private async Task<Result<Target>> FindAsync(Caller caller, string? word, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(word) || word.Length > ClusterAddress.LongestName || !CredentialName.IsPrintable(word))
            return s_unknown;
        var (hasId, name, address) = (Guid.TryParse(word, out var id), CredentialName.Normalize(word), word.ToLowerInvariant());
        var own = database.Clusters.AsNoTracking().Where(c => c.OrganizationId == caller.OrganizationId);
        List<Cluster> found = await own.SingleOrDefaultAsync(c => hasId ? c.Id == id : c.NormalizedName == name, cancellationToken) is { } named ? [named] : [];
        if (found.Count == 0)
#pragma warning disable CA1304, CA1311, CA1862 // The database lowers it, and addresses are ASCII.
            found = await own.Where(c => c.Address.ToLower() == address).OrderBy(c => c.Id).Take(2).ToListAsync(cancellationToken);
#pragma warning restore CA1304, CA1311, CA1862
        if (found is not [var cluster])
            return found.Count == 0 ? s_unknown : s_ambiguous;
        var accounts = database.ClusterAccounts.Where(a => a.ClusterId == cluster.Id);
        var isListed = cluster.AccessMode == ClusterAccessMode.Users && await database.ClusterUsers.AnyAsync(u => u.ClusterId == cluster.Id && u.UserId == caller.UserId, cancellationToken);
        if (!ClusterAccess.Admits(cluster.AccessMode, cluster.AllowedRoles, caller.Role, isListed))
            return s_notAdmitted;
        var mapped = await accounts.Where(a => a.UserId == caller.UserId).Select(a => a.UnixName).SingleOrDefaultAsync(cancellationToken);
        return CertificatePrincipal.AccountOf(caller.Username, mapped, await accounts.AnyAsync(a => a.UnixName == caller.Username, cancellationToken)) is { } account
            ? new Target(cluster, account)
            : s_noAccount;
    }

    private async Task<Result<Core.Expiration.Expiration>> DecideAsync(Caller caller, SshPublicKey key, Optional<int?> expiresInHours, DateTime sessionEndsAt, CancellationToken cancellationToken)
    {
        var policy = (await policies.ReadAsync(caller.OrganizationId, cancellationToken)).Effective;
        var (now, fingerprint) = (clock.Now(), SHA256.HashData(key.Blob.Span));
        var known = await database.KnownSshKeys.AsNoTracking().SingleOrDefaultAsync(k => k.OwnerId == caller.UserId && k.Fingerprint == fingerprint, cancellationToken);
        // A key that is there, too, and that a policy ends.
        var ended = await database.SshKeys.Where(k => k.OwnerId == caller.UserId && k.Fingerprint == fingerprint && k.ExpiresBecause == ExpiresBecause.Policy).Select(k => k.ExpiresAt)
            .SingleOrDefaultAsync(cancellationToken);
        return SshCertificateExpiration.Decide(
            policy.Tokens, policy.SshKeys, expiresInHours, now, known?.FirstAddedAt ?? now, SshKeyExpiration.Earliest(known?.PolicyEndsAt, ended), sessionEndsAt, "expiresInHours");
    }

    /// <summary>63 random bits, as the column is signed; 0 stands for "no serial". Random, so that it tells nobody how many there are; unique by its index.</summary>
    private static long NewSerial()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        long serial;
        do
        {
            RandomNumberGenerator.Fill(bytes);
            serial = BinaryPrimitives.ReadInt64BigEndian(bytes) & long.MaxValue;
        }
        while (serial == 0);
        return serial;
    }

    private sealed record Target(Cluster Cluster, string Account);
}
