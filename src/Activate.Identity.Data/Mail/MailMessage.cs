using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Mail;

public enum MailKind
{
    /// <summary>A letter with its address.</summary>
    Letter = 1,
    /// <summary>Somebody forgot a password: what was typed. Whose account that is, if anybody's, is looked up after the answer.</summary>
    PasswordReset = 2,
}

/// <summary>
/// Mail that waits to be sent, written with the change it tells of. A node takes it by moving <see cref="DueAt"/> ahead in one conditional UPDATE; when that node dies, it is due again.
/// Sent mail is deleted.
/// </summary>
public sealed class MailMessage
{
    public Guid Id { get; init; }
    public MailKind Kind { get; init; }
    /// <summary>Whom it is for: it goes with them. Null: nobody knows yet.</summary>
    public Guid? UserId { get; init; }
    public User? User { get; init; }
    /// <summary>Address and words, under the data-protection ring: they hold codes that work.</summary>
    public required byte[] Content { get; init; }
    public DateTime CreatedAt { get; init; }
    /// <summary>When it is to be sent, or tried again.</summary>
    public DateTime DueAt { get; set; }
    /// <summary>How often it was taken; whoever has taken it knows by this whether it is still theirs.</summary>
    public int Attempts { get; set; }
    /// <summary>When nobody tries any more.</summary>
    public DateTime GiveUpAt { get; init; }
}

/// <summary>That a credential's owner was told of its end, or need not be. The key is unique, so that each stage is told once, whichever node gets there first.</summary>
public sealed class ExpiryNotice
{
    public Guid CredentialId { get; init; }
    /// <summary>14, 7 or 1: days before the end.</summary>
    public int Stage { get; init; }
    /// <summary>The end that was told of; the row is deleted after it.</summary>
    public DateTime EndsAt { get; init; }
}

internal sealed class MailMapping : IEntityTypeConfiguration<MailMessage>, IEntityTypeConfiguration<ExpiryNotice>
{
    public void Configure(EntityTypeBuilder<MailMessage> builder)
    {
        builder.ToTable("MailMessages");
        builder.HasOne(m => m.User).WithMany().HasForeignKey(m => m.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(m => m.DueAt);
        builder.HasIndex(m => m.UserId);
    }

    public void Configure(EntityTypeBuilder<ExpiryNotice> builder)
    {
        builder.ToTable("ExpiryNotices");
        builder.HasKey(n => new { n.CredentialId, n.Stage });
        builder.HasIndex(n => n.EndsAt);
    }
}
