using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Credentials;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Tokens;

/// <summary>
/// What an access token stands on: a generated token, a device login or a connected application. The token is found by its hash, like an API key, and this
/// row decides whether it still counts: ending the row ends the token on every node.
/// </summary>
public sealed class TokenGrant : IGoverned
{
    public Guid Id { get; init; }
    /// <summary><see cref="CredentialKind.Token"/> or <see cref="CredentialKind.Session"/>.</summary>
    public CredentialKind Kind { get; init; }
    public Guid OwnerId { get; init; }
    public User? Owner { get; init; }
    /// <summary>The OAuth client the tokens were issued to.</summary>
    public required string ClientId { get; init; }
    public required string Name { get; init; }
    /// <summary>Space-separated.</summary>
    public required string Scopes { get; init; }
    /// <summary>SHA-256 of the token.</summary>
    public byte[]? TokenHash { get; set; }
    /// <summary>The last four characters of the token.</summary>
    public string? Last4 { get; set; }
    public DateTime CreatedAt { get; init; }
    /// <summary>The address that fetched its first token; null for a generated token.</summary>
    public string? StartedFrom { get; set; }
    public DateTime ExpiresAt { get; set; }
    public ExpiresBecause ExpiresBecause { get; set; }
    public int PolicyVersion { get; init; }
    public DateTime? LastUsedAt { get; set; }
    public string? LastUsedFrom { get; set; }
    /// <summary>The place in the chain of the refresh token that counts; null for a grant that is not renewed. The grant's end is then that of the whole chain.</summary>
    public int? RefreshPlace { get; set; }
    /// <summary>When the refresh token was last redeemed.</summary>
    public DateTime? RefreshedAt { get; set; }
    /// <summary>When the chain ends unless it is renewed before (the sliding end).</summary>
    public DateTime? IdleEndsAt { get; set; }
    /// <summary>Audiences asked for by <c>resource</c> (RFC 8707), space-separated.</summary>
    public string? Resources { get; init; }
    /// <summary>How the person signed in (RFC 8176), space-separated.</summary>
    public string? Methods { get; init; }
    /// <summary>Claims of the ID token asked for one by one (OpenID Connect Core §5.5), space-separated.</summary>
    public string? Claims { get; init; }
    /// <summary>Whether a person signed in for it (a device login), which "no key makes a key" asks for.</summary>
    public bool Interactive { get; init; }
    /// <summary>When the person behind an interactive grant last proved who they are.</summary>
    public DateTime? AuthenticatedAt { get; init; }

    DateTime IGoverned.Since => CreatedAt;

    /// <summary>Whether it can be renewed by a refresh token.</summary>
    public bool IsRenewed => RefreshPlace is not null;

    DateTime? IGoverned.ExpiresAt
    {
        get => ExpiresAt;
        set => ExpiresAt = value ?? throw new InvalidOperationException("A token always ends.");
    }
}

internal sealed class TokenGrantMapping : IEntityTypeConfiguration<TokenGrant>
{
    public void Configure(EntityTypeBuilder<TokenGrant> builder)
    {
        builder.ToTable("TokenGrants");
        builder.Ignore(g => g.IsRenewed);
        builder.Property(g => g.ClientId).HasMaxLength(100);
        builder.Property(g => g.Name).HasMaxLength(128);
        builder.Property(g => g.Scopes).HasMaxLength(512);
        builder.Property(g => g.TokenHash).HasMaxLength(32);
        builder.Property(g => g.Last4).HasMaxLength(4);
        builder.Property(g => g.StartedFrom).HasMaxLength(64);
        builder.Property(g => g.LastUsedFrom).HasMaxLength(64);
        builder.Property(g => g.Resources).HasMaxLength(2048);
        builder.Property(g => g.Methods).HasMaxLength(64);
        builder.Property(g => g.Claims).HasMaxLength(512);
        builder.HasOne(g => g.Owner).WithMany().HasForeignKey(g => g.OwnerId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(g => new { g.OwnerId, g.Kind, g.Id });
        // Not unique: null would collide on SQL Server without a filter, and two grants never have the same token.
        builder.HasIndex(g => g.TokenHash);
        builder.HasIndex(g => g.ExpiresAt);
        // Ending what an application got.
        builder.HasIndex(g => g.ClientId);
    }
}
