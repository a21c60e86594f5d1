using Activate.Identity.Core.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Accounts;

public enum MailedCodePurpose
{
    SetPassword = 1,
    ConfirmEmail = 2,
}

/// <summary>A code in a link that was mailed to somebody: single-use, hashed at rest. It goes with them.</summary>
public sealed class MailedCode
{
    /// <summary>SHA-256 of the code (256 random bits).</summary>
    public required byte[] Hash { get; init; }
    public MailedCodePurpose Purpose { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>The mailbox it was sent to: the one that it confirms.</summary>
    public required string Email { get; init; }
    public DateTime ExpiresAt { get; init; }
}

internal sealed class MailedCodeMapping : IEntityTypeConfiguration<MailedCode>
{
    public void Configure(EntityTypeBuilder<MailedCode> builder)
    {
        builder.ToTable("MailedCodes");
        builder.HasKey(c => c.Hash);
        builder.Property(c => c.Hash).HasMaxLength(32);
        builder.Property(c => c.Email).HasMaxLength(EmailAddress.MaximumLength);
        builder.HasOne(c => c.User).WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => c.UserId);
        builder.HasIndex(c => c.ExpiresAt);
    }
}
