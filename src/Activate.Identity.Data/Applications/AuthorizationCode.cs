using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Applications;

/// <summary>An authorization code (RFC 6749 §4.1.2): what was asked and allowed, for a minute, to be redeemed once.</summary>
public sealed class AuthorizationCode
{
    public Guid Id { get; init; }
    /// <summary>SHA-256 of the code.</summary>
    public required byte[] Hash { get; init; }
    public required string ClientId { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>Space-separated, as allowed.</summary>
    public required string Scopes { get; init; }
    /// <summary>Audiences asked for by <c>resource</c> (RFC 8707), space-separated.</summary>
    public string? Resources { get; init; }
    public required string RedirectUri { get; init; }
    /// <summary>S256; null for an application that is exempt from PKCE.</summary>
    public string? CodeChallenge { get; init; }
    public string? Nonce { get; init; }
    /// <summary>Claims of the ID token asked for one by one (OpenID Connect Core §5.5), space-separated.</summary>
    public string? Claims { get; init; }
    /// <summary>When and how the person had signed in.</summary>
    public DateTime AuthenticatedAt { get; init; }
    /// <summary>RFC 8176, space-separated.</summary>
    public required string Methods { get; init; }
    /// <summary>The lifetime and the name that the command line asked for, as in a device login.</summary>
    public int? LifetimeHours { get; init; }
    public string? DeviceName { get; init; }
    public DateTime ExpiresAt { get; init; }
    /// <summary>The grant it was redeemed for. A code that comes again ends it.</summary>
    public Guid? GrantId { get; set; }
}

internal sealed class AuthorizationCodeMapping : IEntityTypeConfiguration<AuthorizationCode>
{
    public void Configure(EntityTypeBuilder<AuthorizationCode> builder)
    {
        builder.ToTable("AuthorizationCodes");
        builder.Property(c => c.Hash).HasMaxLength(32);
        builder.Property(c => c.ClientId).HasMaxLength(100);
        builder.Property(c => c.Scopes).HasMaxLength(512);
        builder.Property(c => c.Resources).HasMaxLength(2048);
        builder.Property(c => c.RedirectUri).HasMaxLength(2048);
        builder.Property(c => c.CodeChallenge).HasMaxLength(43);
        builder.Property(c => c.Nonce).HasMaxLength(1024);
        builder.Property(c => c.Claims).HasMaxLength(512);
        builder.Property(c => c.Methods).HasMaxLength(64);
        builder.Property(c => c.DeviceName).HasMaxLength(128);
        builder.HasOne(c => c.User).WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => c.Hash).IsUnique();
        builder.HasIndex(c => c.ExpiresAt);
    }
}
