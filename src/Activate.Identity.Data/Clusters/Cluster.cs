using Activate.Identity.Core.Clusters;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Clusters;

/// <summary>A cluster whose sshd asks us for keys, as the service account that was made for it.</summary>
public sealed class Cluster
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }
    public Organization? Organization { get; init; }
    public required string Name { get; set; }
    public required string NormalizedName { get; set; }
    /// <summary>Where people log in: a host name or an IP address.</summary>
    public required string Address { get; set; }
    public Guid ServiceAccountId { get; init; }
    public User? ServiceAccount { get; init; }
    public DateTime CreatedAt { get; init; }
    public ClusterAccessMode AccessMode { get; set; } = ClusterAccessMode.Everyone;
    /// <summary>With the mode <c>roles</c>: a bit for each (<see cref="ClusterAccess.RoleBits"/>).</summary>
    public int AllowedRoles { get; set; }
    /// <summary>Since when it tells who got in; null: it never did.</summary>
    public DateTime? ReportsSince { get; set; }
    public DateTime? LastReportAt { get; set; }
    /// <summary>Counts up whenever the bundle of all who may log in has another content; 0: it was never made.</summary>
    public long BundleSerial { get; set; }
    /// <summary>SHA-256 of the bundle with that serial.</summary>
    public byte[]? BundleHash { get; set; }
}

/// <summary>With the mode <c>users</c>: somebody who may log in.</summary>
public sealed class ClusterUser
{
    public Guid ClusterId { get; init; }
    public Cluster? Cluster { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
}

/// <summary>Whose Unix account on a cluster has another name than the person. Each account belongs to one person.</summary>
public sealed class ClusterAccount
{
    public Guid ClusterId { get; init; }
    public Cluster? Cluster { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    public required string UnixName { get; init; }
}

internal sealed class ClusterMapping : IEntityTypeConfiguration<Cluster>, IEntityTypeConfiguration<ClusterUser>, IEntityTypeConfiguration<ClusterAccount>
{
    public void Configure(EntityTypeBuilder<Cluster> builder)
    {
        builder.ToTable("Clusters");
        builder.Property(c => c.Name).HasMaxLength(128);
        builder.Property(c => c.NormalizedName).HasMaxLength(256);
        builder.Property(c => c.Address).HasMaxLength(255);
        // What was registered before there was a choice lets everyone in.
        builder.Property(c => c.AccessMode).HasDefaultValue(ClusterAccessMode.Everyone).HasSentinel(default(ClusterAccessMode));
        builder.Property(c => c.BundleHash).HasMaxLength(32);
        builder.HasOne(c => c.Organization).WithMany().HasForeignKey(c => c.OrganizationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(c => c.ServiceAccount).WithMany().HasForeignKey(c => c.ServiceAccountId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => new { c.OrganizationId, c.NormalizedName }).IsUnique();
        builder.HasIndex(c => c.ServiceAccountId).IsUnique();
    }

    // Restrict, both: SQL Server takes only one way from a user to these tables. Whoever deletes a cluster takes its rows off first.
    public void Configure(EntityTypeBuilder<ClusterUser> builder)
    {
        builder.ToTable("ClusterUsers");
        builder.HasKey(u => new { u.ClusterId, u.UserId });
        builder.HasOne(u => u.Cluster).WithMany().HasForeignKey(u => u.ClusterId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(u => u.User).WithMany().HasForeignKey(u => u.UserId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<ClusterAccount> builder)
    {
        builder.ToTable("ClusterAccounts");
        builder.HasKey(a => new { a.ClusterId, a.UserId });
        builder.Property(a => a.UnixName).HasMaxLength(32);
        builder.HasOne(a => a.Cluster).WithMany().HasForeignKey(a => a.ClusterId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(a => a.User).WithMany().HasForeignKey(a => a.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(a => new { a.ClusterId, a.UnixName }).IsUnique();
    }
}
