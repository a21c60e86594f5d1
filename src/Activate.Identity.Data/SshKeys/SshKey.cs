using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Credentials;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SshKeys;

/// <summary>A public SSH key with which its owner may log in to clusters.</summary>
public sealed class SshKey : IGoverned
{
    public Guid Id { get; init; }
    public Guid OwnerId { get; init; }
    public User? Owner { get; init; }
    public required string Name { get; set; }
    public required string NormalizedName { get; set; }
    /// <summary>SHA-256 of the key's blob. Bytes, not text: a database that compares without case must not take two keys for one.</summary>
    public required byte[] Fingerprint { get; init; }
    /// <summary><c>ssh-ed25519</c> and so on.</summary>
    public required string Algorithm { get; init; }
    /// <summary><c>type blob comment</c>, written by us from the parsed key.</summary>
    public required string PublicKey { get; init; }
    public DateTime CreatedAt { get; init; }
    /// <summary>When the owner added this key for the first time: deleting it and adding it again gains nothing.</summary>
    public DateTime FirstAddedAt { get; init; }
    public DateTime? ExpiresAt { get; set; }
    public ExpiresBecause ExpiresBecause { get; set; }
    public int PolicyVersion { get; init; }
    /// <summary>When a cluster last said that somebody got in with it. A look-up is no use.</summary>
    public DateTime? LastUsedAt { get; set; }
    public string? LastUsedFrom { get; set; }
    /// <summary>The cluster, by the name that it had then: it tells of the past, whatever becomes of the cluster.</summary>
    public string? LastUsedOn { get; set; }

    CredentialKind IGoverned.Kind => CredentialKind.SshKey;
    DateTime IGoverned.Since => FirstAddedAt;
}

/// <summary>What is remembered of a key that its owner has added once, for as long as the owner exists and whether or not the key is still there.</summary>
public sealed class KnownSshKey
{
    public Guid OwnerId { get; init; }
    public User? Owner { get; init; }
    public required byte[] Fingerprint { get; init; }
    public DateTime FirstAddedAt { get; init; }
    /// <summary>The end that the policy, not the owner, gave the key when it was last deleted or forgotten; past it the owner cannot add it again.</summary>
    public DateTime? PolicyEndsAt { get; set; }
}

internal sealed class SshKeyMapping : IEntityTypeConfiguration<SshKey>, IEntityTypeConfiguration<KnownSshKey>
{
    private const int FingerprintLength = 32;

    public void Configure(EntityTypeBuilder<SshKey> builder)
    {
        builder.ToTable("SshKeys");
        builder.Property(k => k.Name).HasMaxLength(128);
        builder.Property(k => k.NormalizedName).HasMaxLength(256);
        builder.Property(k => k.Fingerprint).HasMaxLength(FingerprintLength);
        builder.Property(k => k.Algorithm).HasMaxLength(64);
        builder.Property(k => k.PublicKey).HasMaxLength(2048);
        builder.Property(k => k.LastUsedFrom).HasMaxLength(64);
        builder.Property(k => k.LastUsedOn).HasMaxLength(128);
        builder.HasOne(k => k.Owner).WithMany().HasForeignKey(k => k.OwnerId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(k => new { k.OwnerId, k.NormalizedName }).IsUnique();
        builder.HasIndex(k => new { k.OwnerId, k.Fingerprint }).IsUnique();
        builder.HasIndex(k => k.ExpiresAt);
        // The order of the inventory.
        builder.HasIndex(k => new { k.OwnerId, k.Id });
    }

    public void Configure(EntityTypeBuilder<KnownSshKey> builder)
    {
        builder.ToTable("KnownSshKeys");
        builder.HasKey(f => new { f.OwnerId, f.Fingerprint });
        builder.Property(f => f.Fingerprint).HasMaxLength(FingerprintLength);
        builder.HasOne(f => f.Owner).WithMany().HasForeignKey(f => f.OwnerId).OnDelete(DeleteBehavior.Cascade);
    }
}
