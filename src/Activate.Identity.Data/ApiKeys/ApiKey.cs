using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Credentials;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.ApiKeys;

/// <summary>An API key of a person or a service account. Its secrets (two during a rotation) are in <see cref="ApiKeyHash"/>.</summary>
public sealed class ApiKey : IGoverned
{
    public Guid Id { get; init; }
    public Guid OwnerId { get; init; }
    public User? Owner { get; init; }
    public required string Name { get; set; }
    public required string NormalizedName { get; set; }
    /// <summary>Space-separated.</summary>
    public required string Scopes { get; init; }
    /// <summary>Where it may be used from: ranges of addresses, space-separated (<see cref="AllowedAddresses"/>). Null: from everywhere.</summary>
    public string? AllowedAddresses { get; set; }
    /// <summary>The last four characters of the newest secret.</summary>
    public required string Last4 { get; set; }
    public DateTime CreatedAt { get; init; }
    /// <summary>Null: it never expires.</summary>
    public DateTime? ExpiresAt { get; set; }
    public ExpiresBecause ExpiresBecause { get; set; }
    public int PolicyVersion { get; init; }
    public DateTime? LastUsedAt { get; set; }
    public string? LastUsedFrom { get; set; }
    /// <summary>Until when the secret before the newest works; a rotation may start only after it.</summary>
    public DateTime? RotationEndsAt { get; set; }
    public ICollection<ApiKeyHash> Hashes { get; } = [];

    CredentialKind IGoverned.Kind => CredentialKind.ApiKey;
    DateTime IGoverned.Since => CreatedAt;
}

/// <summary>What is kept of a secret: its SHA-256, under which it is found.</summary>
public sealed class ApiKeyHash
{
    public required byte[] Hash { get; init; }
    public Guid ApiKeyId { get; init; }
    public ApiKey? ApiKey { get; init; }
    /// <summary>Set when a newer secret has replaced this one: until then both work.</summary>
    public DateTime? EndsAt { get; set; }
}

internal sealed class ApiKeyMapping : IEntityTypeConfiguration<ApiKey>, IEntityTypeConfiguration<ApiKeyHash>
{
    public void Configure(EntityTypeBuilder<ApiKey> builder)
    {
        builder.ToTable("ApiKeys");
        builder.Property(k => k.Name).HasMaxLength(128);
        builder.Property(k => k.NormalizedName).HasMaxLength(256);
        builder.Property(k => k.Scopes).HasMaxLength(512);
        builder.Property(k => k.AllowedAddresses).HasMaxLength(Core.ApiKeys.AllowedAddresses.LongestText);
        builder.Property(k => k.Last4).HasMaxLength(4);
        builder.Property(k => k.LastUsedFrom).HasMaxLength(64);
        builder.HasOne(k => k.Owner).WithMany().HasForeignKey(k => k.OwnerId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(k => new { k.OwnerId, k.NormalizedName }).IsUnique();
        builder.HasIndex(k => k.ExpiresAt);
        // The order of the inventory.
        builder.HasIndex(k => new { k.OwnerId, k.Id });
    }

    public void Configure(EntityTypeBuilder<ApiKeyHash> builder)
    {
        builder.ToTable("ApiKeyHashes");
        builder.HasKey(h => h.Hash);
        builder.Property(h => h.Hash).HasMaxLength(ApiKeySecret.HashLength);
        builder.HasOne(h => h.ApiKey).WithMany(k => k.Hashes).HasForeignKey(h => h.ApiKeyId).OnDelete(DeleteBehavior.Cascade);
    }
}
