using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Accounts;

/// <summary>A count of attempts within a window, kept here so that all nodes count together. Taken by one conditional UPDATE before the attempt is judged.</summary>
public sealed class Throttle
{
    /// <summary>What is counted, e.g. <c>user-code:{user id}</c>.</summary>
    public required string Key { get; init; }
    public DateTime WindowEndsAt { get; init; }
    public int Count { get; init; }
}

internal sealed class ThrottleMapping : IEntityTypeConfiguration<Throttle>
{
    public void Configure(EntityTypeBuilder<Throttle> builder)
    {
        builder.ToTable("Throttles");
        builder.HasKey(t => t.Key);
        builder.Property(t => t.Key).HasMaxLength(128);
        builder.HasIndex(t => t.WindowEndsAt);
    }
}
