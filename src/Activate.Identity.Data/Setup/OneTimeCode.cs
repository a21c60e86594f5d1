using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Setup;

/// <summary>A code in a link that belongs to nobody yet (setup): single-use, hashed at rest.</summary>
public sealed class OneTimeCode
{
    /// <summary>SHA-256 of the code (256 random bits).</summary>
    public required byte[] Hash { get; init; }
    public required string Purpose { get; init; }
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
        builder.HasIndex(c => c.ExpiresAt);
    }

    public void Configure(EntityTypeBuilder<ServerFact> builder)
    {
        builder.ToTable("ServerFacts");
        builder.HasKey(f => f.Key);
        builder.Property(f => f.Key).HasMaxLength(64);
    }
}
