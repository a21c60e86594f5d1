using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SshCertificates;

/// <summary>A key with which an organization's SSH certificates are signed. <see cref="Protected"/> is encrypted by the data-protection ring.</summary>
public sealed class SshCertificateAuthority
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }
    public Organization? Organization { get; init; }
    /// <summary>Counts from 1 within an organization; unique with it, so that two nodes that make the next one at once make one.</summary>
    public int Generation { get; init; }
    /// <summary><c>ecdsa-sha2-nistp256 AAAA…</c>.</summary>
    public required string PublicKey { get; init; }
    public required string Protected { get; init; }
    public DateTime CreatedAt { get; init; }
    /// <summary>From when it signs; clusters are told of it before. The one before it is trusted until its last certificate has ended.</summary>
    public DateTime SignsFrom { get; init; }
}

internal sealed class SshCertificateAuthorityMapping : IEntityTypeConfiguration<SshCertificateAuthority>
{
    public void Configure(EntityTypeBuilder<SshCertificateAuthority> builder)
    {
        builder.ToTable("SshCertificateAuthorities");
        builder.Property(a => a.PublicKey).HasMaxLength(256);
        builder.HasOne(a => a.Organization).WithMany().HasForeignKey(a => a.OrganizationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasIndex(a => new { a.OrganizationId, a.Generation }).IsUnique();
    }
}
