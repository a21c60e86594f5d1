using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Organizations;

/// <summary>Owns users, policy, applications, clusters and audit events. Nothing of one organization is visible to another.</summary>
public sealed class Organization
{
    public Guid Id { get; init; }
    /// <summary>Lower-case, URL-safe, unique on the server; the <c>organization</c> claim.</summary>
    public required string Slug { get; init; }
    public required string Name { get; set; }
    /// <summary>While set, none of its users can sign in and none of its credentials works.</summary>
    public bool Suspended { get; set; }
    public DateTime CreatedAt { get; init; }
    /// <summary>Its own policy as canonical JSON (<see cref="Core.Expiration.PolicyDocument"/>), read whole and never queried; null: the one a new organization starts with.</summary>
    public string? Policy { get; set; }
    /// <summary>Counts up with each change of the policy: the ETag, and what cuts compare with.</summary>
    public int PolicyVersion { get; set; }
    public DateTime? PolicyChangedAt { get; set; }
    /// <summary>The user who changed the policy last.</summary>
    public Guid? PolicyChangedBy { get; set; }
}

internal sealed class OrganizationMapping : IEntityTypeConfiguration<Organization>
{
    public void Configure(EntityTypeBuilder<Organization> builder)
    {
        builder.ToTable("Organizations");
        builder.Property(o => o.Slug).HasMaxLength(64);
        builder.Property(o => o.Name).HasMaxLength(256);
        builder.Property(o => o.Policy).HasMaxLength(2000);
        builder.HasIndex(o => o.Slug).IsUnique();
    }
}
