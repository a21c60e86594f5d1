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
}

internal sealed class ClusterMapping : IEntityTypeConfiguration<Cluster>
{
    public void Configure(EntityTypeBuilder<Cluster> builder)
    {
        builder.ToTable("Clusters");
        builder.Property(c => c.Name).HasMaxLength(128);
        builder.Property(c => c.NormalizedName).HasMaxLength(256);
        builder.Property(c => c.Address).HasMaxLength(255);
        builder.HasOne(c => c.Organization).WithMany().HasForeignKey(c => c.OrganizationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasOne(c => c.ServiceAccount).WithMany().HasForeignKey(c => c.ServiceAccountId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => new { c.OrganizationId, c.NormalizedName }).IsUnique();
        builder.HasIndex(c => c.ServiceAccountId).IsUnique();
    }
}
