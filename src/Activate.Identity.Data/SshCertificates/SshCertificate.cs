using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Tokens;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SshCertificates;

/// <summary>An SSH certificate that was issued. It stands on the session it came from: when that ends, this row goes with it, and no cluster that can ask us lets it in.</summary>
public sealed class SshCertificate
{
    public Guid Id { get; init; }
    /// <summary>In the certificate, and what a cluster asks for.</summary>
    public long Serial { get; init; }
    public Guid GrantId { get; init; }
    public TokenGrant? Grant { get; init; }
    /// <summary>No foreign key: a cluster that was deleted has no service account left that could ask.</summary>
    public Guid ClusterId { get; init; }
    /// <summary>The Unix account that it names.</summary>
    public required string Account { get; init; }
    /// <summary>SHA-256 of the blob of the key that it certifies.</summary>
    public required byte[] Fingerprint { get; init; }
    public DateTime CreatedAt { get; init; }
    public DateTime ExpiresAt { get; init; }
    public ExpiresBecause ExpiresBecause { get; init; }
}

internal sealed class SshCertificateMapping : IEntityTypeConfiguration<SshCertificate>
{
    public void Configure(EntityTypeBuilder<SshCertificate> builder)
    {
        builder.ToTable("SshCertificates");
        builder.Property(c => c.Account).HasMaxLength(32);
        builder.Property(c => c.Fingerprint).HasMaxLength(32);
        builder.HasOne(c => c.Grant).WithMany().HasForeignKey(c => c.GrantId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => c.Serial).IsUnique();
        builder.HasIndex(c => c.ExpiresAt);
    }
}
