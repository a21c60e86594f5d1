using Activate.Identity.Data.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.SecondFactors;

/// <summary>The key that somebody's authenticator app shares with us. It is here once a code of it was typed, never before.</summary>
public sealed class TotpKey
{
    public Guid UserId { get; init; }
    public User? User { get; init; }
    /// <summary>Encrypted by the data-protection ring, for this user: a stolen database makes no codes.</summary>
    public required byte[] Protected { get; init; }
    /// <summary>The step (30 seconds since 1970) of the last code that was taken. Only later ones are: each code works once (RFC 6238 §5.2).</summary>
    public long LastStep { get; set; }
    public DateTime CreatedAt { get; init; }
}

internal sealed class TotpKeyMapping : IEntityTypeConfiguration<TotpKey>
{
    public void Configure(EntityTypeBuilder<TotpKey> builder)
    {
        builder.ToTable("TotpKeys");
        builder.HasKey(k => k.UserId);
        builder.Property(k => k.UserId).ValueGeneratedNever();
        builder.Property(k => k.Protected).HasMaxLength(512);
        builder.HasOne(k => k.User).WithOne().HasForeignKey<TotpKey>(k => k.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
