using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Data;
using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>All who may log in to a cluster, as lines (<see cref="BundleLine"/>) in a file that has no name any more.</summary>
/// <param name="Serial">Of this content, over all nodes.</param>
/// <param name="Hash">SHA-256 of the content.</param>
/// <param name="Content">Read by offset (<see cref="RandomAccess"/>), by several at a time; the file is gone when nobody holds it.</param>
/// <param name="Length">In bytes.</param>
public sealed record ClusterBundle(long Serial, byte[] Hash, FileStream Content, long Length);

/// <summary>
/// The bundles that clusters keep for outages. A hundred thousand people make a file of some 50 MB, so it is made only when something has happened that can change it, which costs one
/// look at the audit log: whatever changes who may log in leaves an event in its transaction. Two nodes make the same file of the same rows; whichever first has another content than the
/// one before counts the serial up, and nobody who read earlier can. (docs/decisions/0016)
/// </summary>
public sealed class ClusterBundles(IServiceScopeFactory scopes, TimeProvider clock)
{
    /// <summary>Events that a slow transaction, or a node whose clock is behind, adds later than it says.</summary>
    private static readonly TimeSpan s_late = TimeSpan.FromMinutes(10);

    /// <summary>Made anew after so long whatever the log says.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromHours(1);

    /// <summary>A copy is older than this nowhere: made for an hour, and kept for an outage of a day at most.</summary>
    private static readonly TimeSpan s_usable = s_longest + TimeSpan.FromDays(1);

    private const int Chunk = 500;
    private const int Attempts = 5;

    /// <summary>Nobody's login depends on these, and some come with every minute. Any other event, also one that is not thought of yet, makes bundles anew.</summary>
    internal static readonly string[] Irrelevant =
    [
        AuditTypes.SignedIn, AuditTypes.SignInFailed, AuditTypes.LockedOut, AuditTypes.SignedOut, AuditTypes.ApiKeyCreated, AuditTypes.ApiKeyRenamed, AuditTypes.ApiKeyRotated,
        AuditTypes.ApiKeyDeleted, AuditTypes.ApiKeyUnused, AuditTypes.ApiKeyAddressesChanged, AuditTypes.TokenCreated, AuditTypes.TokenDeleted, AuditTypes.SessionStarted, AuditTypes.SessionEnded,
        AuditTypes.DeviceApproved, AuditTypes.DeviceDenied, AuditTypes.DeviceCodeWrong, AuditTypes.ApplicationAllowed, AuditTypes.ApplicationDenied, AuditTypes.ApplicationAuthenticationFailed,
        AuditTypes.AccessRefused,
        AuditTypes.SshCertificateIssued, AuditTypes.SshCertificateEnded, AuditTypes.PasswordChanged, AuditTypes.PasswordResetMailed, AuditTypes.PasswordReset, AuditTypes.EmailChangeAsked,
        AuditTypes.EmailChanged, AuditTypes.EmailConfirmed, AuditTypes.BrowserSessionsEnded, AuditTypes.SecondFactorAdded, AuditTypes.SecondFactorRemoved, AuditTypes.SecondFactorFailed,
        AuditTypes.PasskeyRenamed, AuditTypes.RecoveryCodesMade, AuditTypes.RecoveryCodeUsed, AuditTypes.IdentityProviderCreated,
    ];

    private readonly ConcurrentDictionary<Guid, Kept> _kept = new();

    /// <summary>The bundle of a cluster as it is now; null where others change it again and again at this very moment.</summary>
    public async Task<ClusterBundle?> ReadAsync(Guid organizationId, Guid clusterId, CancellationToken cancellationToken)
    {
        var kept = _kept.GetOrAdd(clusterId, _ => new Kept());
        // All login nodes of a cluster ask at once: one makes it, and all have it.
        await kept.Turn.WaitAsync(cancellationToken);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var database = scope.ServiceProvider.GetRequiredService<ActivateDbContext>();
            if (kept.Bundle is { } bundle && await IsCurrentAsync(database, organizationId, clusterId, kept, cancellationToken))
                return bundle;
            for (var attempt = 0; attempt < Attempts; attempt++)
            {
                if (await MakeAsync(database, scope.ServiceProvider.GetRequiredService<PendingCuts>(), organizationId, clusterId, kept, cancellationToken))
                    return kept.Bundle;
            }

            return null;
        }
        finally
        {
            kept.Turn.Release();
        }
    }

    private async Task<bool> IsCurrentAsync(ActivateDbContext database, Guid organizationId, Guid clusterId, Kept kept, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        if (now - kept.MadeAt >= s_longest || await database.Clusters.Where(c => c.Id == clusterId).Select(c => c.BundleSerial).SingleOrDefaultAsync(cancellationToken) != kept.Bundle!.Serial)
            return false;
        var events = await EventsAsync(database, organizationId, kept.LookedAt - s_late, cancellationToken);
        if (!kept.Seen.IsSupersetOf(events))
            return false;
        kept.LookedAt = now;
        return true;
    }

    /// <returns>False: another node has made it meanwhile, perhaps of newer rows.</returns>
    private async Task<bool> MakeAsync(ActivateDbContext database, PendingCuts cuts, Guid organizationId, Guid clusterId, Kept kept, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        // In this order: what happens after the look at the log is found by the next look, and what happens after the look at the serial by the update of it.
        var cluster = await database.Clusters.AsNoTracking().SingleAsync(c => c.Id == clusterId, cancellationToken);
        var seen = await EventsAsync(database, organizationId, now - s_late, cancellationToken);
        var (content, length, hash) = await WriteAsync(database, await cuts.ReadAsync(organizationId, cancellationToken), cluster, now, cancellationToken);
        var serial = cluster.BundleSerial;
        if (cluster.BundleHash is null || !hash.AsSpan().SequenceEqual(cluster.BundleHash))
        {
            serial++;
            if (await database.Clusters.Where(c => c.Id == clusterId && c.BundleSerial == cluster.BundleSerial)
                .ExecuteUpdateAsync(set => set.SetProperty(c => c.BundleSerial, serial).SetProperty(c => c.BundleHash, hash), cancellationToken) == 0)
            {
                await content.DisposeAsync();
                return false;
            }
        }

        // The one before is not closed: somebody may be reading it.
        (kept.Bundle, kept.Seen, kept.MadeAt, kept.LookedAt) = (new ClusterBundle(serial, hash, content, length), seen, now, now);
        return true;
    }

    private static async Task<HashSet<Guid>> EventsAsync(ActivateDbContext database, Guid organizationId, DateTime since, CancellationToken cancellationToken) =>
        [.. await database.AuditEvents.Where(e => e.OrganizationId == organizationId && e.At >= since && !Irrelevant.Contains(e.Type)).Select(e => e.Id).ToListAsync(cancellationToken)];

    /// <summary>The same rule as the look-up's (<see cref="AuthorizedKeysReader"/>), for everybody.</summary>
    private static async Task<(FileStream Content, long Length, byte[] Hash)> WriteAsync(
        ActivateDbContext database, List<Data.Organizations.PolicyCut> cuts, Data.Clusters.Cluster cluster, DateTime now, CancellationToken cancellationToken)
    {
        var listed = (await database.ClusterUsers.Where(u => u.ClusterId == cluster.Id).Select(u => u.UserId).ToListAsync(cancellationToken)).ToHashSet();
        var mapped = await database.ClusterAccounts.Where(a => a.ClusterId == cluster.Id).ToDictionaryAsync(a => a.UserId, a => a.UnixName, cancellationToken);
        var taken = mapped.Values.ToHashSet(StringComparer.Ordinal);
        var people = await database.Users.Where(u => u.OrganizationId == cluster.OrganizationId && !u.Disabled && (u.PausedFrom == null || u.PausedFrom > now)).Select(u => new { u.Id, u.UserName, u.Role, u.PausedFrom }).ToListAsync(cancellationToken);
        var accounts = people.Where(person => ClusterAccess.Admits(cluster.AccessMode, cluster.AllowedRoles, person.Role, listed.Contains(person.Id)))
            .Select(person => (person.Id, Name: mapped.TryGetValue(person.Id, out var own) ? own : taken.Contains(person.UserName!) ? null : person.UserName!))
            .Where(account => account.Name is not null)
            .OrderBy(account => account.Name, StringComparer.Ordinal).ToList();

        // A pause comes with time and leaves no event: it is in the lines, as the end of the keys. Only one that comes while the copy may be used, so that the lines of everybody else stay as they are.
        var pauses = people.Where(person => person.PausedFrom < now + s_usable).ToDictionary(person => person.Id, person => person.PausedFrom!.Value);

        var content = OpenNameless();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = 0L;
        var lines = new ArrayBufferWriter<byte>();
        foreach (var chunk in accounts.Chunk(Chunk))
        {
            var owners = chunk.Select(account => account.Id).ToList();
            var keys = await database.SshKeys.AsNoTracking().Where(k => owners.Contains(k.OwnerId) && (k.ExpiresAt == null || k.ExpiresAt > now)).OrderBy(k => k.Id).ToListAsync(cancellationToken);
            cuts.ApplyTo(keys);
            var ofOwner = keys.Where(key => !(key.ExpiresAt <= now)).ToLookup(key => key.OwnerId);
            foreach (var (id, name) in chunk)
            {
                if (ofOwner[id].Any())
                    BundleLine.Write(lines, name!, ofOwner[id].Select(key => new BundleKey(key.PublicKey, pauses.TryGetValue(id, out var paused) && !(key.ExpiresAt < paused) ? paused : key.ExpiresAt)));
            }

            hash.AppendData(lines.WrittenSpan);
            await RandomAccess.WriteAsync(content.SafeFileHandle, lines.WrittenMemory, length, cancellationToken);
            length += lines.WrittenCount;
            lines.ResetWrittenCount();
        }

        return (content, length, hash.GetHashAndReset());
    }

    /// <summary>Names and public keys are nobody else's business: readable by us alone from the first byte, without a name from then on, and gone with the process however it ends.</summary>
    private static FileStream OpenNameless()
    {
        var path = Path.Combine(Path.GetTempPath(), $"activate-bundle-{RandomNumberGenerator.GetHexString(32, lowercase: true)}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, Options = FileOptions.Asynchronous, BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        File.Delete(path);
        return file;
    }

    private sealed class Kept
    {
        public SemaphoreSlim Turn { get; } = new(1);
        public ClusterBundle? Bundle { get; set; }
        public HashSet<Guid> Seen { get; set; } = [];
        public DateTime MadeAt { get; set; }
        public DateTime LookedAt { get; set; }
    }
}
