using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Applications;

/// <summary>What a person allowed an application, so that it asks again only for more.</summary>
public sealed class Consent
{
    public const int LongestResources = 2048;

    public Guid Id { get; init; }
    public Guid UserId { get; init; }
    public User? User { get; init; }
    public Guid ApplicationId { get; init; }
    public Application? Application { get; init; }
    /// <summary>Space-separated.</summary>
    public required string Scopes { get; set; }
    /// <summary>Resource servers that it was allowed to ask tokens for (RFC 8707), space-separated; null: none but our own.</summary>
    public string? Resources { get; set; }
    public DateTime GrantedAt { get; set; }
}

internal sealed class ConsentMapping : IEntityTypeConfiguration<Consent>
{
    public void Configure(EntityTypeBuilder<Consent> builder)
    {
        builder.ToTable("Consents");
        builder.Property(c => c.Scopes).HasMaxLength(512);
        builder.Property(c => c.Resources).HasMaxLength(Consent.LongestResources);
        builder.HasOne(c => c.User).WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasOne(c => c.Application).WithMany().HasForeignKey(c => c.ApplicationId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => new { c.UserId, c.ApplicationId }).IsUnique();
    }
}
