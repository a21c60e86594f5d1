using Activate.Identity.Core.Accounts;
using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Setup;

/// <summary>A code in a link (setup, forgotten password, e-mail address): single-use, hashed at rest.</summary>
public sealed class OneTimeCode
{
    /// <summary>SHA-256 of the code (256 random bits).</summary>
    public required byte[] Hash { get; init; }
    public required string Purpose { get; init; }
    /// <summary>Whom it is for; it goes with them.</summary>
    public Guid? UserId { get; init; }
    public User? User { get; init; }
    /// <summary>The address that was asked for, of a code that confirms it.</summary>
    public string? Email { get; init; }
    public DateTime ExpiresAt { get; init; }
}

/// <summary>A fact about the server that must come true only once, whichever node gets there first: its key is unique.</summary>
public sealed class ServerFact
{
    public const string SetupCompleted = "setup-completed";

    public required string Key { get; init; }
    public DateTime At { get; init; }
}

internal sealed class SetupMapping : IEntityTypeConfiguration<OneTimeCode>, IEntityTypeConfiguration<ServerFact>
{
    public void Configure(EntityTypeBuilder<OneTimeCode> builder)
    {
        builder.ToTable("OneTimeCodes");
        builder.HasKey(c => c.Hash);
        builder.Property(c => c.Hash).HasMaxLength(32);
        builder.Property(c => c.Purpose).HasMaxLength(32);
        builder.Property(c => c.Email).HasMaxLength(EmailAddress.MaximumLength);
        builder.HasOne(c => c.User).WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(c => c.UserId);
        builder.HasIndex(c => c.ExpiresAt);
    }

    public void Configure(EntityTypeBuilder<ServerFact> builder)
    {
        builder.ToTable("ServerFacts");
        builder.HasKey(f => f.Key);
        builder.Property(f => f.Key).HasMaxLength(64);
    }
}
