using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Accounts;

/// <summary>A browser that is signed in. The cookie holds only a random key; this row decides, so that signing out ends every copy of the cookie.</summary>
public sealed class BrowserSession
{
    public Guid Id { get; init; }
    /// <summary>SHA-256 of the key in the cookie.</summary>
    public required byte[] KeyHash { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    public DateTime AuthenticatedAt { get; init; }
    /// <summary>Methods of RFC 8176, space-separated: <c>pwd</c>.</summary>
    public required string AuthenticationMethods { get; init; }
    public DateTime LastSeenAt { get; set; }
    public DateTime ExpiresAt { get; init; }
    public string? Address { get; init; }
    public string? UserAgent { get; init; }
}

internal sealed class BrowserSessionMapping : IEntityTypeConfiguration<BrowserSession>
{
    public void Configure(EntityTypeBuilder<BrowserSession> builder)
    {
        builder.ToTable("BrowserSessions");
        builder.Property(s => s.KeyHash).HasMaxLength(32);
        builder.Property(s => s.AuthenticationMethods).HasMaxLength(64);
        builder.Property(s => s.Address).HasMaxLength(64);
        builder.Property(s => s.UserAgent).HasMaxLength(256);
        builder.HasOne(s => s.User).WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(s => s.KeyHash).IsUnique();
        builder.HasIndex(s => s.ExpiresAt);
    }
}
