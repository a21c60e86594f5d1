using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SecondFactors;

/// <summary>A code on paper that stands in for a lost second factor, once: using it deletes the row.</summary>
public sealed class RecoveryCode
{
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>HMAC-SHA-256 with a key under the ring: too short for a plain hash.</summary>
    public required byte[] Hash { get; init; }
    public DateTime CreatedAt { get; init; }
}

internal sealed class RecoveryCodeMapping : IEntityTypeConfiguration<RecoveryCode>
{
    public void Configure(EntityTypeBuilder<RecoveryCode> builder)
    {
        builder.ToTable("RecoveryCodes");
        builder.HasKey(c => new { c.UserId, c.Hash });
        builder.Property(c => c.Hash).HasMaxLength(32);
        builder.HasOne(c => c.User).WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
