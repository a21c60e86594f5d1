using System.Data.Common;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Organizations;
using Activate.Identity.Server.Credentials;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.SshKeys;

/// <summary>A key that may log in now.</summary>
public sealed record AuthorizedKey(Guid Id, string PublicKey, byte[] Fingerprint, DateTime? ExpiresAt);

/// <summary>The one indexed read behind every login to a cluster: whose the Unix account is there, whether they may log in to it, and their keys, with the cuts whose rows are not all rewritten yet.</summary>
public sealed class AuthorizedKeysReader(IServiceScopeFactory scopes, TimeProvider clock) : IAsyncDisposable
{
    private readonly PreparedRead<UserAt, Dictionary<Guid, Row>> _keys = new(scopes, KeysByUsername, new UserAt(Guid.Empty, Guid.Empty, ""), Fold, UserAt.Value);

    /// <summary>The living keys of whoever has a Unix account on a cluster, is in good standing and may log in there, in the order in which they were added. Empty for everybody else, in the same way.</summary>
    /// <param name="organizationId">The caller's: a user of another is unknown.</param>
    /// <param name="serviceAccountId">The caller: the service account of the cluster.</param>
    /// <param name="username">The Unix account, as sshd has it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<IReadOnlyList<AuthorizedKey>> LiveAsync(Guid organizationId, Guid serviceAccountId, string username, CancellationToken cancellationToken)
    {
        // Nobody's name, and a database that cuts a parameter to its column, or looks past spaces at its end, would find another's.
        if (username.Length > Username.MaximumLength || username.EndsWith(' '))
            return [];
        var rows = await _keys.ReadAsync(new UserAt(organizationId, serviceAccountId, username), cancellationToken);
        var now = clock.GetUtcNow().UtcDateTime;
        return rows is null ? [] : [.. rows.Values
            .Where(row => row.MayLogIn && !(row.PausedFrom <= now) && !(row.ExpiresAt <= now))
            .OrderBy(row => row.Id)
            .Select(row => new AuthorizedKey(row.Id, row.PublicKey, row.Fingerprint, row.ExpiresAt))];
    }

    public ValueTask DisposeAsync() => _keys.DisposeAsync();

    // The order of the members is the order of the columns below. Usernames are unique on the whole server, and stored in lower case. The organization is part of the
    // question, so that a user of another costs what nobody costs: no key is read. An account that is mapped belongs to whom it is mapped to, and to nobody of that name; and
    // who is mapped has no other account. Questions with an index each, and none with "or", for which a database may read a table.
    internal static IQueryable KeysByUsername(ActivateDbContext database, UserAt at) =>
        from id in database.ClusterAccounts
            .Where(account => account.Cluster!.ServiceAccountId == at.Cluster && account.UnixName == at.Username).Select(account => account.UserId)
            .Concat(database.Users
                .Where(named => named.NormalizedUserName == at.Username
                    && !database.ClusterAccounts.Any(account => account.Cluster!.ServiceAccountId == at.Cluster && account.UserId == named.Id)
                    && !database.ClusterAccounts.Any(account => account.Cluster!.ServiceAccountId == at.Cluster && account.UnixName == at.Username))
                .Select(named => named.Id))
        join user in database.Users on id equals user.Id
        join key in database.SshKeys on user.Id equals key.OwnerId
        from cluster in database.Clusters.Where(cluster => cluster.ServiceAccountId == at.Cluster)
        where user.OrganizationId == at.Organization
        from cut in database.PolicyCuts
            .Where(cut => cut.OrganizationId == user.OrganizationId && cut.Version > key.PolicyVersion && cut.DoneAt == null).DefaultIfEmpty()
        select new
        {
            key.Id, user.Disabled, user.Organization!.Suspended, key.PublicKey, key.Fingerprint, key.FirstAddedAt, key.ExpiresAt,
            GraceEndsAt = (DateTime?)cut.GraceEndsAt, Maximum = cut.SshKeyMaximumDays,
            cluster.AccessMode, cluster.AllowedRoles, user.Role, IsListed = database.ClusterUsers.Any(listed => listed.ClusterId == cluster.Id && listed.UserId == user.Id),
            user.PausedFrom,
        };

    private static Dictionary<Guid, Row> Fold(DbDataReader row, Dictionary<Guid, Row>? before)
    {
        var rows = before ?? [];
        var id = row.GetId(0);
        if (!rows.TryGetValue(id, out var key))
        {
            rows[id] = key = new Row
            {
                Id = id,
                MayLogIn = !row.GetBoolean(1) && !row.GetBoolean(2)
                    && ClusterAccess.Admits((ClusterAccessMode)row.GetInt32(9), row.GetInt32(10), (Role)row.GetInt32(11), row.GetBoolean(12)),
                PublicKey = row.GetString(3),
                Fingerprint = (byte[])row.GetValue(4),
                ExpiresAt = CredentialReader.Time(row, 6),
                PausedFrom = CredentialReader.Time(row, 13),
            };
        }

        if (CredentialReader.Time(row, 7) is { } graceEndsAt)
            key.ExpiresAt = PolicyCut.End(CredentialKind.SshKey, CredentialReader.Time(row, 5)!.Value, key.ExpiresAt, graceEndsAt, null, null, row.IsDBNull(8) ? null : row.GetInt32(8));
        return rows;
    }

    private sealed class Row
    {
        public required Guid Id { get; init; }
        public required bool MayLogIn { get; init; }
        public required string PublicKey { get; init; }
        public required byte[] Fingerprint { get; init; }
        public DateTime? ExpiresAt { get; set; }
        public required DateTime? PausedFrom { get; init; }
    }
}

/// <summary>Whose keys are looked up.</summary>
/// <param name="Organization">The caller's.</param>
/// <param name="Cluster">The caller: the service account of the cluster.</param>
/// <param name="Username">The Unix account, as sshd has it.</param>
internal readonly record struct UserAt(Guid Organization, Guid Cluster, string Username)
{
    /// <summary>The value of a parameter of the query above, which EF Core names after the member it comes from.</summary>
    public static object Value(UserAt at, string parameter) =>
        parameter.EndsWith(nameof(Organization), StringComparison.Ordinal) ? at.Organization
        : parameter.EndsWith(nameof(Cluster), StringComparison.Ordinal) ? at.Cluster
        : parameter.EndsWith(nameof(Username), StringComparison.Ordinal) ? at.Username
        : throw new InvalidOperationException($"No value for the parameter {parameter}.");
}
