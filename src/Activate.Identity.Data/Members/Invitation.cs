using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Members;

/// <summary>
/// Somebody who was invited and has not answered. The user exists already, with organization, role and e-mail address: the link decides none of them, and the unique indexes of
/// users hold the name and the address meanwhile. Taking the invitation up deletes this row, once.
/// </summary>
public sealed class Invitation
{
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>SHA-256 of the code in the link (256 random bits).</summary>
    public required byte[] CodeHash { get; set; }
    /// <summary>SHA-256 of another code, which only the mail to the invited person holds: whoever has it reads that mailbox. Null: no mail was written.</summary>
    public byte[]? MailedCodeHash { get; set; }
    public DateTime CreatedAt { get; set; }
    public DateTime ExpiresAt { get; set; }
}

internal sealed class InvitationMapping : IEntityTypeConfiguration<Invitation>
{
    public void Configure(EntityTypeBuilder<Invitation> builder)
    {
        builder.ToTable("Invitations");
        builder.HasKey(i => i.UserId);
        builder.Property(i => i.CodeHash).HasMaxLength(32);
        builder.Property(i => i.MailedCodeHash).HasMaxLength(32);
        builder.HasOne(i => i.User).WithOne().HasForeignKey<Invitation>(i => i.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(i => i.CodeHash).IsUnique();
        // Not unique: null would collide on SQL Server without a filter.
        builder.HasIndex(i => i.MailedCodeHash);
    }
}
