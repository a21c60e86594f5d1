using Activate.Identity.Core.Clusters;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Clusters;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Clusters;

/// <summary>A cluster with the key of its service account, which exists only on its way to the administrator.</summary>
/// <param name="Usernames">Who may log in, with the mode <c>users</c>.</param>
public sealed record RegisteredCluster(Cluster Cluster, IReadOnlyList<string> Usernames, IssuedApiKey Key);

/// <summary>A cluster as lists and pages show it.</summary>
/// <param name="Usernames">Who may log in, with the mode <c>users</c>, in alphabetical order.</param>
public sealed record ShownCluster(Cluster Cluster, IReadOnlyList<string> Usernames);

/// <summary>What is to become of a cluster; what is null stays as it is.</summary>
public sealed record ClusterChange(string? Name = null, string? Address = null, ClusterAccess? Access = null);

/// <summary>Registers, changes and deletes clusters. Page, REST and command line all end here. Changes of an organization's clusters come one after another. Each cluster gets a service account of its own, whose key may look up SSH keys and nothing else.</summary>
public sealed class ClusterRegistry(ActivateDbContext database, UserRegistry users, ApiKeyIssuer keys, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    private static readonly Problem s_nameTaken =
        new(ProblemKind.Conflict, "name_taken", "Your organization already has a cluster of that name. Choose another name, or delete the old one first.", "name");

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<ShownCluster>> ListAsync(Guid organizationId, PageQuery page, CancellationToken cancellationToken)
    {
        var clusters = await database.Clusters.AsNoTracking().Where(c => c.OrganizationId == organizationId && (page.After == null || c.Id.CompareTo(page.After.Value) < 0))
            .OrderByDescending(c => c.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        var shown = new List<ShownCluster>();
        foreach (var cluster in clusters)
            shown.Add(await ShowAsync(cluster, cancellationToken));
        return shown;
    }

    public async Task<ShownCluster?> FindAsync(Guid organizationId, Guid id, CancellationToken cancellationToken) =>
        await database.Clusters.AsNoTracking().SingleOrDefaultAsync(c => c.Id == id && c.OrganizationId == organizationId, cancellationToken) is { } cluster
            ? await ShowAsync(cluster, cancellationToken)
            : null;

    /// <param name="actor">The administrator.</param>
    /// <param name="name">1 to 64 characters, unique in the organization.</param>
    /// <param name="address">Where people log in: a host name or an IP address.</param>
    /// <param name="access">Who may.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<RegisteredCluster>> CreateAsync(AuditActor actor, string? name, string? address, ClusterAccess access, CancellationToken cancellationToken, Guid? form = null)
    {
        if (await OneTimeForms.IsSpentAsync(database, form, cancellationToken))
            return OneTimeForms.Spent;
        if (!CredentialName.Parse(name).TryGet(out var parsed, out var problem) || !ClusterAddress.Parse(address).TryGet(out var host, out problem))
            return problem;

        var id = Guid.CreateVersion7(clock.GetUtcNow());
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await OneTimeForms.SpendAsync(database, form, clock.Now(), cancellationToken) is { } spent)
            return spent;
        // Half of a fresh UUID: a name that nobody else has, and that no Unix account has either.
        if (!(await users.CreateAsync(actor.OrganizationId, $"cluster-{id.ToString("N")[^16..]}", email: null, password: null, Role.Member, isOperator: false, UserKind.ServiceAccount, cancellationToken))
            .TryGet(out var serviceAccount, out problem))
            return problem;
        var cluster = new Cluster
        {
            Id = id,
            OrganizationId = actor.OrganizationId,
            Name = parsed,
            NormalizedName = CredentialName.Normalize(parsed),
            Address = host,
            ServiceAccountId = serviceAccount.Id,
            CreatedAt = clock.Now(),
        };
        database.Clusters.Add(cluster);
        if (await AdmitAsync(cluster, access, cancellationToken) is { } refusal)
            return refusal;
        var issued = await keys.AddForClusterAsync(serviceAccount, parsed, cancellationToken);
        audit.Add(AuditTypes.ClusterCreated, actor, cluster.Id, detail: $"{cluster.Name} at {cluster.Address}, for {Told(access)}");
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return s_nameTaken;
        }

        await transaction.CommitAsync(cancellationToken);
        return new RegisteredCluster(cluster, access.Usernames, issued);
    }

    /// <summary>Gives a cluster another name, address or access. Who may log in is asked at each login: a change counts for the next one.</summary>
    public async Task<Result<ShownCluster>> ChangeAsync(AuditActor actor, Guid id, ClusterChange change, CancellationToken cancellationToken)
    {
        string? name = null, address = null;
        if ((change.Name is not null && !CredentialName.Parse(change.Name).TryGet(out name, out var problem))
            || (change.Address is not null && !ClusterAddress.Parse(change.Address).TryGet(out address, out problem)))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await FindAsync(actor.OrganizationId, id, cancellationToken) is not { } before)
            return Problems.NotFound;
        var cluster = await database.Clusters.SingleAsync(c => c.Id == id, cancellationToken);
        var told = new List<string>();
        if (name is not null && name != cluster.Name)
        {
            told.Add($"name {cluster.Name} → {name}");
            (cluster.Name, cluster.NormalizedName) = (name, CredentialName.Normalize(name));
        }

        if (address is not null && address != cluster.Address)
        {
            told.Add($"address {cluster.Address} → {address}");
            cluster.Address = address;
        }

        if (change.Access is { } access)
        {
            var was = AccessOf(before);
            if (await AdmitAsync(cluster, access, cancellationToken) is { } refusal)
                return refusal;
            if (was.Mode != access.Mode || was.RoleBits != access.RoleBits || !was.Usernames.SequenceEqual(access.Usernames))
                told.Add($"access {Told(was)} → {Told(access)}");
        }

        if (told.Count > 0)
            audit.Add(AuditTypes.ClusterChanged, actor, id, detail: $"{before.Cluster.Name}: {string.Join("; ", told)}");
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return s_nameTaken;
        }

        await transaction.CommitAsync(cancellationToken);
        return (await FindAsync(actor.OrganizationId, id, cancellationToken))!;
    }

    /// <summary>The Unix account of each person who has one of another name, by username; null: there is no such cluster.</summary>
    public async Task<IReadOnlyDictionary<string, string>?> AccountsAsync(Guid organizationId, Guid id, CancellationToken cancellationToken)
    {
        if (!await database.Clusters.AnyAsync(c => c.Id == id && c.OrganizationId == organizationId, cancellationToken))
            return null;
        var rows = await database.ClusterAccounts.Where(a => a.ClusterId == id).Select(a => new { a.User!.UserName, a.UnixName }).ToListAsync(cancellationToken);
        return new SortedDictionary<string, string>(rows.ToDictionary(row => row.UserName!, row => row.UnixName), StringComparer.Ordinal);
    }

    /// <summary>Says anew whose account has another name. The account of somebody who has that very username, and no other account, is not given to another person.</summary>
    public async Task<Result<IReadOnlyDictionary<string, string>>> MapAsync(
        AuditActor actor, Guid id, IReadOnlyDictionary<string, string?>? accounts, CancellationToken cancellationToken)
    {
        if (!ClusterAccounts.Parse(accounts).TryGet(out var wanted, out var problem))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await AccountsAsync(actor.OrganizationId, id, cancellationToken) is not { } before)
            return Problems.NotFound;
        var people = await PeopleAsync(actor.OrganizationId, cancellationToken);
        foreach (var (username, account) in wanted)
        {
            if (!people.ContainsKey(username))
                return ClusterAccounts.Unknown(username);
            if (account != username && people.ContainsKey(account) && !wanted.ContainsKey(account))
                return ClusterAccounts.Taken(account);
        }

        await database.ClusterAccounts.Where(a => a.ClusterId == id).ExecuteDeleteAsync(cancellationToken);
        database.ClusterAccounts.AddRange(wanted.Select(pair => new ClusterAccount { ClusterId = id, UserId = people[pair.Key], UnixName = pair.Value }));
        audit.Add(AuditTypes.ClusterAccountsChanged, actor, id, detail: $"{Texts.Count(before.Count, "account")} → {Texts.Count(wanted.Count, "account")}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new SortedDictionary<string, string>(wanted.ToDictionary(), StringComparer.Ordinal);
    }

    /// <summary>A new key for a cluster, which lives as long as the policy allows now; all earlier ones end after the overlap, or at their own end if that comes first.</summary>
    /// <param name="actor">The administrator.</param>
    /// <param name="id">The cluster.</param>
    /// <param name="overlapHours">0 to 168; null: 24.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="form">The one-time form it comes from, if it comes from one.</param>
    public async Task<Result<RegisteredCluster>> RotateKeyAsync(AuditActor actor, Guid id, int? overlapHours, CancellationToken cancellationToken, Guid? form = null)
    {
        if (!SecretOverlap.Parse(overlapHours).TryGet(out var overlap, out var problem))
            return problem;
        var now = clock.Now();
        var end = now.AddHours(overlap);
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (await FindAsync(actor.OrganizationId, id, cancellationToken) is not { } shown)
            return Problems.NotFound;
        if (await OneTimeForms.SpendAsync(database, form, now, cancellationToken) is { } spent)
            return spent;
        var earlier = database.ApiKeys.Where(k => k.OwnerId == shown.Cluster.ServiceAccountId);
        if (overlap == 0)
            await earlier.ExecuteDeleteAsync(cancellationToken);
        else
            await earlier.Where(k => k.ExpiresAt == null || k.ExpiresAt > end).ExecuteUpdateAsync(set => set.SetProperty(k => k.ExpiresAt, end), cancellationToken);
        var serviceAccount = await database.Users.SingleAsync(u => u.Id == shown.Cluster.ServiceAccountId, cancellationToken);
        var issued = await keys.AddForClusterAsync(serviceAccount, $"{shown.Cluster.Name} {clock.GetUtcNow():yyyy-MM-dd HH:mm:ss}", cancellationToken);
        audit.Add(AuditTypes.ClusterKeyRotated, actor, id, detail: $"{shown.Cluster.Name}, overlap {overlap} h");
        try
        {
            await database.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (DatabaseFaults.IsDuplicate(exception))
        {
            return new Problem(ProblemKind.Conflict, "rotation_pending", "Somebody gave the cluster a new key in this very second. Wait a moment if you need another one.");
        }

        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return new RegisteredCluster(shown.Cluster, shown.Usernames, issued);
    }

    /// <summary>Deletes a cluster with its service account: its key works nowhere from now on.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        var cluster = await database.Clusters.AsNoTracking().SingleOrDefaultAsync(c => c.Id == id && c.OrganizationId == actor.OrganizationId, cancellationToken);
        if (cluster is null)
            return Problems.NotFound;
        await database.ClusterUsers.Where(u => u.ClusterId == id).ExecuteDeleteAsync(cancellationToken);
        await database.ClusterAccounts.Where(a => a.ClusterId == id).ExecuteDeleteAsync(cancellationToken);
        await database.Clusters.Where(c => c.Id == id).ExecuteDeleteAsync(cancellationToken);
        await database.Users.Where(u => u.Id == cluster.ServiceAccountId && u.Kind == UserKind.ServiceAccount).ExecuteDeleteAsync(cancellationToken);
        audit.Add(AuditTypes.ClusterDeleted, actor, id, detail: cluster.Name);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    public static ClusterAccess AccessOf(ShownCluster shown) => new(shown.Cluster.AccessMode, ClusterAccess.RolesIn(shown.Cluster.AllowedRoles), shown.Usernames);

    /// <summary>Writes down who may log in, for the caller to save in its transaction.</summary>
    private async Task<Problem?> AdmitAsync(Cluster cluster, ClusterAccess access, CancellationToken cancellationToken)
    {
        (cluster.AccessMode, cluster.AllowedRoles) = (access.Mode, access.RoleBits);
        var people = access.Usernames.Count == 0 ? [] : await PeopleAsync(cluster.OrganizationId, cancellationToken);
        if (access.Usernames.FirstOrDefault(name => !people.ContainsKey(name)) is { } unknown)
            return Problems.Invalid("access.usernames", "user_unknown", ClusterAccounts.Unknown(unknown).Detail);
        await database.ClusterUsers.Where(u => u.ClusterId == cluster.Id).ExecuteDeleteAsync(cancellationToken);
        database.ClusterUsers.AddRange(access.Usernames.Select(name => new ClusterUser { ClusterId = cluster.Id, UserId = people[name] }));
        return null;
    }

    /// <summary>The people of an organization by username: in one question, as a list of names may be too long for one.</summary>
    private Task<Dictionary<string, Guid>> PeopleAsync(Guid organizationId, CancellationToken cancellationToken) =>
        database.Users.Where(u => u.OrganizationId == organizationId && u.Kind == UserKind.Person).ToDictionaryAsync(u => u.UserName!, u => u.Id, cancellationToken);

    private async Task<ShownCluster> ShowAsync(Cluster cluster, CancellationToken cancellationToken)
    {
        if (cluster.AccessMode != ClusterAccessMode.Users)
            return new ShownCluster(cluster, []);
        var names = await database.ClusterUsers.Where(u => u.ClusterId == cluster.Id).Select(u => u.User!.UserName!).ToListAsync(cancellationToken);
        return new ShownCluster(cluster, [.. names.Order(StringComparer.Ordinal)]);
    }

    /// <summary>For the audit log, which never says who somebody is.</summary>
    private static string Told(ClusterAccess access) => access.Mode switch
    {
        ClusterAccessMode.Roles => $"roles {string.Join(", ", access.Roles.Select(role => role.Word()))}",
        ClusterAccessMode.Users => Texts.Count(access.Usernames.Count, "user"),
        _ => access.Word,
    };
}
