using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SecondFactors;

/// <summary>Somebody whose password was right and whose second step is still to come. No session: nothing takes it but the page of that step, once.</summary>
public sealed class PendingSignIn
{
    /// <summary>SHA-256 of the handle in the cookie.</summary>
    public required byte[] HandleHash { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>SHA-256 of the stored password hash that was right: whoever changes the password ends this.</summary>
    public required byte[] PasswordMark { get; init; }
    /// <summary>What was shown already; methods of RFC 8176, space-separated.</summary>
    public required string Methods { get; init; }
    public DateTime ExpiresAt { get; init; }
}

internal sealed class PendingSignInMapping : IEntityTypeConfiguration<PendingSignIn>
{
    public void Configure(EntityTypeBuilder<PendingSignIn> builder)
    {
        builder.ToTable("PendingSignIns");
        builder.HasKey(p => p.HandleHash);
        builder.Property(p => p.HandleHash).HasMaxLength(32);
        builder.Property(p => p.PasswordMark).HasMaxLength(32);
        builder.Property(p => p.Methods).HasMaxLength(64);
        builder.HasOne(p => p.User).WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(p => p.ExpiresAt);
    }
}
