using Activate.Identity.Core;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data;
using Activate.Identity.Data.Credentials;

namespace Activate.Identity.Server.Organizations;

/// <summary>What a cut and its preview need of a credential of any kind.</summary>
internal sealed class GovernedRow : IGoverned
{
    public required Guid Id { get; init; }
    public required CredentialKind Kind { get; init; }
    public required string Name { get; init; }
    public required Guid OwnerId { get; init; }
    /// <summary>The owner's username.</summary>
    public required string Owner { get; init; }
    public required DateTime? LastUsedAt { get; init; }
    public required DateTime CreatedAt { get; init; }
    public required DateTime Since { get; init; }
    public required DateTime? ExpiresAt { get; set; }
    public ExpiresBecause ExpiresBecause { get; set; }
    public required int PolicyVersion { get; init; }
    public bool IsRenewed { get; init; }
    /// <summary>Ends when nobody uses it, where the policy says so. Not the key of a cluster: it is used when somebody logs in, and nobody would notice its end before.</summary>
    public bool EndsUnused { get; init; }

    /// <summary>Whether it was neither used nor made since.</summary>
    public bool IsUnused(UnusedBefore before) => EndsUnused && (LastUsedAt ?? CreatedAt) < (Kind == CredentialKind.SshKey ? before.SshKeys : before.ApiKeys);

    public static IQueryable<GovernedRow> ApiKeys(ActivateDbContext database, Guid organizationId) =>
        database.ApiKeys.Where(k => k.Owner!.OrganizationId == organizationId).Select(k => new GovernedRow
        {
            Id = k.Id, Kind = CredentialKind.ApiKey, Name = k.Name, OwnerId = k.OwnerId, Owner = k.Owner!.UserName!, LastUsedAt = k.LastUsedAt,
            CreatedAt = k.CreatedAt, Since = k.CreatedAt, ExpiresAt = k.ExpiresAt, PolicyVersion = k.PolicyVersion, EndsUnused = k.Scopes != Scopes.AuthorizedKeysRead,
        });

    public static IQueryable<GovernedRow> TokenGrants(ActivateDbContext database, Guid organizationId) =>
        database.TokenGrants.Where(g => g.Owner!.OrganizationId == organizationId).Select(g => new GovernedRow
        {
            Id = g.Id, Kind = g.Kind, Name = g.Name, OwnerId = g.OwnerId, Owner = g.Owner!.UserName!, LastUsedAt = g.LastUsedAt,
            CreatedAt = g.CreatedAt, Since = g.CreatedAt, ExpiresAt = g.ExpiresAt, PolicyVersion = g.PolicyVersion, IsRenewed = g.RefreshPlace != null,
        });

    public static IQueryable<GovernedRow> SshKeys(ActivateDbContext database, Guid organizationId) =>
        database.SshKeys.Where(k => k.Owner!.OrganizationId == organizationId).Select(k => new GovernedRow
        {
            Id = k.Id, Kind = CredentialKind.SshKey, Name = k.Name, OwnerId = k.OwnerId, Owner = k.Owner!.UserName!, LastUsedAt = k.LastUsedAt,
            CreatedAt = k.CreatedAt, Since = k.FirstAddedAt, ExpiresAt = k.ExpiresAt, PolicyVersion = k.PolicyVersion, EndsUnused = true,
        });
}
