using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Members;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data;
using Activate.Identity.Data.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Inventory;

/// <summary>A credential of any kind, with whose it is.</summary>
public sealed class InventoryRow : IGoverned
{
    public required Guid Id { get; init; }
    public required CredentialKind Kind { get; init; }
    public required string Name { get; init; }
    public required Guid OwnerId { get; init; }
    /// <summary>The owner's username.</summary>
    public required string Owner { get; init; }
    public required Role OwnerRole { get; init; }
    public required bool OwnerIsOperator { get; init; }
    public string? Last4 { get; init; }
    /// <summary>Of an SSH key.</summary>
    public byte[]? Fingerprint { get; init; }
    /// <summary>Space-separated; null of an SSH key.</summary>
    public string? Scopes { get; init; }
    /// <summary>The OAuth client of a token or session.</summary>
    public string? ClientId { get; init; }
    public required DateTime CreatedAt { get; init; }
    public required DateTime Since { get; init; }
    public required DateTime? ExpiresAt { get; set; }
    public required ExpiresBecause ExpiresBecause { get; set; }
    public required int PolicyVersion { get; init; }
    public required DateTime? LastUsedAt { get; init; }
    public required string? LastUsedFrom { get; init; }
    /// <summary>Of an SSH key: the cluster.</summary>
    public string? LastUsedOn { get; init; }
    public bool IsRenewed { get; init; }
    /// <summary>When the sign-in of an application ends unless the application renews it before.</summary>
    public DateTime? IdleEndsAt { get; init; }

    /// <summary>Nobody renewed it in time.</summary>
    public bool EndedIdle(DateTime now) => IdleEndsAt <= now && !(ExpiresAt <= IdleEndsAt);

    public DateTime? EndsAt(DateTime now) => EndedIdle(now) ? IdleEndsAt : ExpiresAt;

    public string State(DateTime now) => CredentialNames.State(CreatedAt, EndsAt(now), now);

    /// <summary>Where clusters do not tell who got in, nobody knows whether an SSH key was used.</summary>
    internal Moment LastUse(DateTime now) => new(LastUsedAt, now, Kind == CredentialKind.SshKey ? "not known" : "never") { From = LastUsedFrom, On = LastUsedOn };

    internal MemberStanding OwnerStanding => new(OwnerId, OwnerRole, OwnerIsOperator);

    internal InventoryCursor Cursor => new(Kind, OwnerId, Id);

    /// <summary>
    /// The credentials of one kind. The owner comes first in each, so that a database walks along the people of the organization and the keys of each, both in the order of
    /// an index, however many other organizations have.
    /// </summary>
    internal static IQueryable<InventoryRow> Of(ActivateDbContext database, Guid organizationId, CredentialKind kind)
    {
        var owners = database.Users.Where(user => user.OrganizationId == organizationId);
        return kind switch
        {
            CredentialKind.ApiKey =>
                from user in owners
                join key in database.ApiKeys on user.Id equals key.OwnerId
                select new InventoryRow
                {
                    Id = key.Id, Kind = CredentialKind.ApiKey, Name = key.Name, OwnerId = user.Id, Owner = user.UserName!, OwnerRole = user.Role, OwnerIsOperator = user.IsOperator,
                    Last4 = key.Last4, Scopes = key.Scopes, CreatedAt = key.CreatedAt, Since = key.CreatedAt, ExpiresAt = key.ExpiresAt, ExpiresBecause = key.ExpiresBecause,
                    PolicyVersion = key.PolicyVersion, LastUsedAt = key.LastUsedAt, LastUsedFrom = key.LastUsedFrom,
                },
            CredentialKind.Token or CredentialKind.Session =>
                from user in owners
                join grant in database.TokenGrants.Where(grant => grant.Kind == kind) on user.Id equals grant.OwnerId
                select new InventoryRow
                {
                    Id = grant.Id, Kind = grant.Kind, Name = grant.Name, OwnerId = user.Id, Owner = user.UserName!, OwnerRole = user.Role, OwnerIsOperator = user.IsOperator,
                    Last4 = grant.Last4, Scopes = grant.Scopes, ClientId = grant.ClientId, CreatedAt = grant.CreatedAt, Since = grant.CreatedAt, ExpiresAt = grant.ExpiresAt,
                    ExpiresBecause = grant.ExpiresBecause, PolicyVersion = grant.PolicyVersion, LastUsedFrom = grant.LastUsedFrom,
                    // A refresh is a use, too.
                    LastUsedAt = grant.RefreshedAt == null || grant.LastUsedAt > grant.RefreshedAt ? grant.LastUsedAt : grant.RefreshedAt,
                    IsRenewed = grant.RefreshPlace != null, IdleEndsAt = grant.IdleEndsAt,
                },
            CredentialKind.SshKey =>
                from user in owners
                join key in database.SshKeys on user.Id equals key.OwnerId
                select new InventoryRow
                {
                    Id = key.Id, Kind = CredentialKind.SshKey, Name = key.Name, OwnerId = user.Id, Owner = user.UserName!, OwnerRole = user.Role, OwnerIsOperator = user.IsOperator,
                    Fingerprint = key.Fingerprint, CreatedAt = key.CreatedAt, Since = key.FirstAddedAt, ExpiresAt = key.ExpiresAt, ExpiresBecause = key.ExpiresBecause,
                    PolicyVersion = key.PolicyVersion, LastUsedAt = key.LastUsedAt, LastUsedFrom = key.LastUsedFrom, LastUsedOn = key.LastUsedOn,
                },
        };
    }
}
