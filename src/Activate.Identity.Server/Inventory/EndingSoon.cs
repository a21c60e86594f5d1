using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Credentials;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.ServiceAccounts;
using Activate.Identity.Server.SshKeys;
using Activate.Identity.Server.Web;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Inventory;

/// <summary>
/// What ends within 14 days, soonest first, so that nobody learns it from a job that failed. API keys and SSH keys: tokens and device logins live a day at most, their end is no news.
/// </summary>
public sealed class EndingSoon(ActivateDbContext database, PendingCuts cuts, TimeProvider clock)
{
    /// <summary>A glance, not a list: the lists are one click away.</summary>
    private const int Most = 5;

    /// <summary>Of a person, and of the service accounts that they keep.</summary>
    public async Task<EndingList> OfPersonAsync(SignedIn me, CancellationToken cancellationToken)
    {
        List<Guid> owners = [me.UserId, .. await database.ServiceAccountKeepers.Where(kept => kept.KeeperId == me.UserId).Select(kept => kept.AccountId).ToListAsync(cancellationToken)];
        return await ReadAsync(me, database.Users.Where(user => owners.Contains(user.Id)), false, cancellationToken);
    }

    /// <summary>Of everybody, for administrators.</summary>
    public Task<EndingList> OfOrganizationAsync(SignedIn me, CancellationToken cancellationToken) =>
        ReadAsync(me, database.Users.Where(user => user.OrganizationId == me.OrganizationId), true, cancellationToken);

    private async Task<EndingList> ReadAsync(SignedIn me, IQueryable<User> owners, bool ofOrganization, CancellationToken cancellationToken)
    {
        var now = clock.Now();
        var rows = await Within(database, owners, now, now + CredentialNames.ExpiryNotice).Take(Most + 1).ToListAsync(cancellationToken);
        // What a cut ends, and is not written yet, comes with the next look, a minute later; what is here already says the right time.
        await cuts.ApplyAsync(me.OrganizationId, rows, cancellationToken);
        return new EndingList([.. rows.Take(Most)], rows.Count > Most, ofOrganization ? null : me.UserId, now);
    }

    /// <summary>One read along the index of ends of each table.</summary>
    internal static IQueryable<EndingKey> Within(ActivateDbContext database, IQueryable<User> owners, DateTime from, DateTime to)
    {
        var apiKeys =
            from user in owners
            join key in database.ApiKeys on user.Id equals key.OwnerId
            where key.ExpiresAt > @from && key.ExpiresAt <= to
            select new EndingKey
            {
                Kind = CredentialKind.ApiKey, Id = key.Id, Name = key.Name, OwnerId = key.OwnerId, Owner = user.UserName!, CreatedAt = key.CreatedAt, Since = key.CreatedAt, ExpiresAt = key.ExpiresAt,
                ExpiresBecause = key.ExpiresBecause, PolicyVersion = key.PolicyVersion, LastUsedAt = key.LastUsedAt, LastUsedFrom = key.LastUsedFrom,
            };
        var sshKeys =
            from user in owners
            join key in database.SshKeys on user.Id equals key.OwnerId
            where key.ExpiresAt > @from && key.ExpiresAt <= to
            select new EndingKey
            {
                Kind = CredentialKind.SshKey, Id = key.Id, Name = key.Name, OwnerId = key.OwnerId, Owner = user.UserName!, CreatedAt = key.CreatedAt, Since = key.FirstAddedAt, ExpiresAt = key.ExpiresAt,
                ExpiresBecause = key.ExpiresBecause, PolicyVersion = key.PolicyVersion, LastUsedAt = key.LastUsedAt, LastUsedFrom = key.LastUsedFrom,
            };
        return apiKeys.Concat(sshKeys).OrderBy(key => key.ExpiresAt).ThenBy(key => key.Id);
    }
}

/// <summary>A key that ends soon, with whose it is.</summary>
public sealed class EndingKey : IGoverned
{
    public required CredentialKind Kind { get; init; }
    public required Guid Id { get; init; }
    public required string Name { get; init; }
    public required Guid OwnerId { get; init; }
    public required string Owner { get; init; }
    public required DateTime CreatedAt { get; init; }
    public required DateTime Since { get; init; }
    public required DateTime? ExpiresAt { get; set; }
    public required ExpiresBecause ExpiresBecause { get; set; }
    public required int PolicyVersion { get; init; }
    public required DateTime? LastUsedAt { get; init; }
    public required string? LastUsedFrom { get; init; }

    public string State(DateTime now) => CredentialNames.State(CreatedAt, ExpiresAt, now);
}

/// <summary>What a page shows of what ends soon (Inventory/EndingSoon.cshtml).</summary>
/// <param name="Keys">Soonest first.</param>
/// <param name="HasMore">There are more than these.</param>
/// <param name="PersonId">Who looks at what is theirs; null: an administrator looks at everybody's.</param>
/// <param name="Now">UTC.</param>
public sealed record EndingList(IReadOnlyList<EndingKey> Keys, bool HasMore, Guid? PersonId, DateTime Now)
{
    private Guid? ServiceAccountOf(EndingKey key) => key.OwnerId == PersonId ? null : key.OwnerId;

    /// <summary>Where everything about the key is: its page, with rotation, or the list it is on.</summary>
    public string PathOf(EndingKey key) =>
        PersonId is null ? $"{CredentialsPage.Path}?owner={key.Owner}"
        : key.Kind == CredentialKind.ApiKey ? ApiKeyPage.PathTo(key.Id, ServiceAccountOf(key))
        : SshKeysPage.Path;

    /// <summary>Where its successor is made: an end never moves, so what goes on needs a new key. Null: that is not for whoever looks.</summary>
    public string? SuccessorOf(EndingKey key) =>
        PersonId is null ? null
        : key.Kind == CredentialKind.SshKey ? $"{SshKeysPage.Path}/add"
        : ServiceAccountOf(key) is { } account ? $"{ServiceAccountsPage.Path}/{account}/api-keys/add"
        : $"{ApiKeysPage.Path}/add";
}
