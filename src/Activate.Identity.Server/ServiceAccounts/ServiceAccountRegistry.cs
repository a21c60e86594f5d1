using Activate.Identity.Core;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.ServiceAccounts;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Audit;
using Activate.Identity.Data.Members;
using Activate.Identity.Data.ServiceAccounts;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>A service account with who keeps it, as lists show it.</summary>
/// <param name="ClusterName">The cluster it belongs to, and is managed with; null: none.</param>
/// <param name="ApiKeys">How many it has, expired ones that are still listed included.</param>
/// <param name="LastUsedAt">The latest use of a key that it has now.</param>
public sealed record KeptAccount(
    Guid Id, string Username, string Description, Role Role, bool Disabled, DateTime CreatedAt, IReadOnlyList<Keeper> Keepers, Guid? ClusterId, string? ClusterName, int ApiKeys,
    DateTime? LastUsedAt)
{
    /// <summary>Without a keeper its keys go on, and administrators are told: nobody would notice what they do.</summary>
    public string State => Disabled ? "disabled" : ClusterId is null && !Keepers.Any(keeper => keeper.IsActive) ? "noKeeper" : "active";

    public bool IsKeptBy(Guid userId) => Keepers.Any(keeper => keeper.Id == userId);
}

/// <param name="IsActive">False: is disabled, or has not taken the invitation up.</param>
public sealed record Keeper(Guid Id, string Username, bool IsActive);

/// <summary>A service account as somebody wrote it.</summary>
/// <param name="Role">A word; null: member.</param>
/// <param name="Keepers">Usernames.</param>
public sealed record ServiceAccountDraft(string? Username, string? Description, string? Role, IReadOnlyList<string?>? Keepers);

/// <summary>What is to become of one; what is null stays as it is.</summary>
public sealed record ServiceAccountChange(string? Description = null, string? Role = null, IReadOnlyList<string?>? Keepers = null, bool? Disabled = null)
{
    /// <summary>Not for keepers who are no administrators.</summary>
    public bool IsForAdministrators => Role is not null || Keepers is not null || Disabled is not null;
}

/// <summary>A service account, and what the person who asks for it may do.</summary>
public sealed record OpenedAccount(KeptAccount Account, Role ActorRole, bool AsAdministrator);

/// <summary>
/// Makes, changes and deletes service accounts. Page, REST and command line all end here. To those who neither keep an account nor administer the organization it is not there. Like
/// changes of members, those of an organization's accounts come one after another, and are judged by the roles that stand then.
/// </summary>
public sealed class ServiceAccountRegistry(ActivateDbContext database, UserRegistry users, AuditTrail audit, CredentialCache cache, TimeProvider clock)
{
    /// <summary>Newest first: to administrators all of them, those of clusters too; to others what they keep.</summary>
    public Task<List<KeptAccount>> ListAsync(AuditActor actor, Role role, PageQuery page, CancellationToken cancellationToken) =>
        Shown(Accounts(actor.OrganizationId)
                .Where(u => (role >= Role.Admin || database.ServiceAccountKeepers.Any(k => k.AccountId == u.Id && k.KeeperId == actor.UserId)) && (page.After == null || u.Id.CompareTo(page.After.Value) < 0))
                .OrderByDescending(u => u.Id).Take(page.Limit + 1))
            .ToListAsync(cancellationToken);

    /// <summary>Whether somebody keeps any.</summary>
    public Task<bool> KeepsAnyAsync(Guid userId, CancellationToken cancellationToken) => database.ServiceAccountKeepers.AnyAsync(k => k.KeeperId == userId, cancellationToken);

    /// <summary>An account, for somebody who keeps it or administers the organization.</summary>
    /// <param name="actor">Who asks.</param>
    /// <param name="id">The account.</param>
    /// <param name="mayAdminister">False: the credential in use lacks what administrators need, whatever the role.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Result<OpenedAccount>> OpenAsync(AuditActor actor, Guid id, bool mayAdminister, CancellationToken cancellationToken)
    {
        var role = await database.Users.Where(u => u.Id == actor.UserId).Select(u => (Role?)u.Role).SingleOrDefaultAsync(cancellationToken) ?? Role.Member;
        var account = await Shown(Accounts(actor.OrganizationId).Where(u => u.Id == id)).SingleOrDefaultAsync(cancellationToken);
        var keeps = account?.IsKeptBy(actor.UserId) == true;
        if (account is null || (!keeps && role < Role.Admin))
            return Problems.NotFound;
        return keeps || mayAdminister ? new OpenedAccount(account, role, role >= Role.Admin && mayAdminister) : Problems.InsufficientScope(Scopes.OrganizationWrite);
    }

    public async Task<Result<KeptAccount>> CreateAsync(AuditActor actor, ServiceAccountDraft draft, CancellationToken cancellationToken)
    {
        if (!Roles.Parse(draft.Role ?? Role.Member.Word()).TryGet(out var role, out var problem)
            || !ServiceAccountRules.ParseDescription(draft.Description).TryGet(out var description, out problem)
            || !ServiceAccountRules.ParseKeepers(draft.Keepers).TryGet(out var names, out problem))
            return problem;
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        var actorRole = await database.Users.Where(u => u.Id == actor.UserId).Select(u => u.Role).SingleOrDefaultAsync(cancellationToken);
        if (ServiceAccountRules.GiveRole(actorRole, role) is { } refusal)
            return refusal;
        if (!(await KeepersAsync(actor.OrganizationId, names, cancellationToken)).TryGet(out var keepers, out problem)
            || !(await users.CreateAsync(actor.OrganizationId, draft.Username, email: null, password: null, role, isOperator: false, UserKind.ServiceAccount, cancellationToken)).TryGet(out var user, out problem))
            return problem;
        database.ServiceAccounts.Add(new ServiceAccount { UserId = user.Id, Description = description });
        database.ServiceAccountKeepers.AddRange(keepers.Select(keeper => new ServiceAccountKeeper { AccountId = user.Id, KeeperId = keeper }));
        audit.Add(AuditTypes.ServiceAccountCreated, actor, user.Id, detail: $"as {role.Word()}, with {Texts.Count(keepers.Count, "keeper")}");
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return await ShownAsync(actor.OrganizationId, user.Id, cancellationToken);
    }

    public async Task<Result<KeptAccount>> ChangeAsync(AuditActor actor, Guid id, ServiceAccountChange change, bool mayAdminister, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await OpenAsync(actor, id, mayAdminister, cancellationToken)).TryGet(out var opened, out var problem))
            return problem;
        if (opened.Account.ClusterId is not null)
            return ServiceAccountRules.OfCluster;
        if (change.IsForAdministrators && !opened.AsAdministrator)
            return opened.ActorRole >= Role.Admin ? Problems.InsufficientScope(Scopes.OrganizationWrite) : ServiceAccountRules.AdminRequired;
        var user = await database.Users.SingleAsync(u => u.Id == id, cancellationToken);
        if ((await DescribeAsync(actor, user, change.Description, cancellationToken) ?? GiveRole(actor, opened.ActorRole, user, change.Role)
            ?? await GiveKeepersAsync(actor, opened.Account, change.Keepers, cancellationToken)) is { } refusal)
            return refusal;
        if (change.Disabled is { } stop && stop != user.Disabled)
        {
            audit.Add(stop ? AuditTypes.ServiceAccountDisabled : AuditTypes.ServiceAccountEnabled, actor, id);
            user.Disabled = stop;
        }

        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return await ShownAsync(actor.OrganizationId, id, cancellationToken);
    }

    /// <summary>Deletes an account with all it has. Its username is given to nobody else, and the audit log goes on naming it: it is no person.</summary>
    public async Task<Problem?> DeleteAsync(AuditActor actor, Guid id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        await database.TakeTurnOfOrganizationAsync(actor.OrganizationId, cancellationToken);
        if (!(await OpenAsync(actor, id, mayAdminister: true, cancellationToken)).TryGet(out var opened, out var problem))
            return problem;
        if (!opened.AsAdministrator)
            return ServiceAccountRules.AdminRequired;
        if (opened.Account.ClusterId is not null)
            return ServiceAccountRules.OfCluster;
        database.RetiredUsernames.Add(new RetiredUsername { Hash = RetiredUsername.HashOf(opened.Account.Username), At = clock.Now() });
        audit.Add(AuditTypes.ServiceAccountDeleted, actor, id, detail: Texts.Count(opened.Account.ApiKeys, "API key"));
        await database.SaveChangesAsync(cancellationToken);
        await database.ServiceAccountKeepers.Where(k => k.AccountId == id).ExecuteDeleteAsync(cancellationToken);
        await database.Users.Where(u => u.Id == id).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        cache.Forget();
        return null;
    }

    private async Task<Problem?> DescribeAsync(AuditActor actor, User user, string? text, CancellationToken cancellationToken)
    {
        if (text is null)
            return null;
        if (!ServiceAccountRules.ParseDescription(text).TryGet(out var description, out var problem))
            return problem;
        var account = await database.ServiceAccounts.SingleAsync(a => a.UserId == user.Id, cancellationToken);
        if (account.Description != description)
            audit.Add(AuditTypes.ServiceAccountChanged, actor, user.Id, detail: "description");
        account.Description = description;
        return null;
    }

    private Problem? GiveRole(AuditActor actor, Role actorRole, User user, string? word)
    {
        if (word is null)
            return null;
        if (!Roles.Parse(word).TryGet(out var role, out var problem))
            return problem;
        if (role == user.Role)
            return null;
        if (ServiceAccountRules.GiveRole(actorRole, role) is { } refusal)
            return refusal;
        audit.Add(AuditTypes.ServiceAccountRoleChanged, actor, user.Id, detail: $"{user.Role.Word()} → {role.Word()}", change: AuditChange.Of("role", user.Role.Word(), role.Word()));
        user.Role = role;
        return null;
    }

    private async Task<Problem?> GiveKeepersAsync(AuditActor actor, KeptAccount account, IReadOnlyList<string?>? names, CancellationToken cancellationToken)
    {
        if (names is null)
            return null;
        if (!ServiceAccountRules.ParseKeepers(names).TryGet(out var parsed, out var problem) || !(await KeepersAsync(actor.OrganizationId, parsed, cancellationToken)).TryGet(out var keepers, out problem))
            return problem;
        var before = account.Keepers.Select(keeper => keeper.Id).ToList();
        var (come, go) = (keepers.Except(before).ToList(), before.Except(keepers).ToList());
        if (come.Count + go.Count == 0)
            return null;
        // Ids: who they are goes out of the log with them.
        audit.Add(AuditTypes.ServiceAccountChanged, actor, account.Id, detail: "keepers", change: AuditChange.Of("keepers", string.Join(' ', before), string.Join(' ', keepers)));
        database.ServiceAccountKeepers.RemoveRange(go.Select(keeper => new ServiceAccountKeeper { AccountId = account.Id, KeeperId = keeper }));
        database.ServiceAccountKeepers.AddRange(come.Select(keeper => new ServiceAccountKeeper { AccountId = account.Id, KeeperId = keeper }));
        return null;
    }

    /// <summary>The people behind the names. One of another organization is unknown.</summary>
    private async Task<Result<IReadOnlyList<Guid>>> KeepersAsync(Guid organizationId, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        var people = await database.Users.Where(u => u.OrganizationId == organizationId && u.Kind == UserKind.Person && names.Contains(u.NormalizedUserName!))
            .Select(u => new { u.Id, u.NormalizedUserName }).ToListAsync(cancellationToken);
        return names.FirstOrDefault(name => people.TrueForAll(person => person.NormalizedUserName != name)) is { } unknown
            ? Problems.Invalid("keepers", "keeper_unknown", $"Nobody of your organization is called '{unknown}'. Keepers are people, named by their usernames.")
            : people.ConvertAll(person => person.Id);
    }

    private async Task<KeptAccount> ShownAsync(Guid organizationId, Guid id, CancellationToken cancellationToken) =>
        await Shown(Accounts(organizationId).Where(u => u.Id == id)).SingleAsync(cancellationToken);

    private IQueryable<User> Accounts(Guid organizationId) => database.Users.AsNoTracking().Where(u => u.OrganizationId == organizationId && u.Kind == UserKind.ServiceAccount);

    private IQueryable<KeptAccount> Shown(IQueryable<User> accounts) => accounts.Select(u => new KeptAccount(
        u.Id,
        u.UserName!,
        database.ServiceAccounts.Where(a => a.UserId == u.Id).Select(a => a.Description).FirstOrDefault() ?? "",
        u.Role,
        u.Disabled,
        u.CreatedAt,
        database.ServiceAccountKeepers.Where(k => k.AccountId == u.Id).OrderBy(k => k.Keeper!.UserName)
            .Select(k => new Keeper(k.KeeperId, k.Keeper!.UserName!, !k.Keeper.Disabled && !database.Invitations.Any(i => i.UserId == k.KeeperId))).ToList(),
        database.Clusters.Where(c => c.ServiceAccountId == u.Id).Select(c => (Guid?)c.Id).FirstOrDefault(),
        database.Clusters.Where(c => c.ServiceAccountId == u.Id).Select(c => c.Name).FirstOrDefault(),
        database.ApiKeys.Count(k => k.OwnerId == u.Id),
        database.ApiKeys.Where(k => k.OwnerId == u.Id).Max(k => k.LastUsedAt)));
}
