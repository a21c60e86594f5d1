using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Members;

/// <summary>
/// The username of somebody who is gone. It is never given again, for files on clusters may still belong to it; its hash is all that is kept of the person.
/// </summary>
public sealed class RetiredUsername
{
    /// <summary>SHA-256 of the name.</summary>
    public required byte[] Hash { get; init; }
    public DateTime At { get; init; }

    public static byte[] HashOf(string username) => SHA256.HashData(Encoding.UTF8.GetBytes(username));
}

internal sealed class RetiredUsernameMapping : IEntityTypeConfiguration<RetiredUsername>
{
    public void Configure(EntityTypeBuilder<RetiredUsername> builder)
    {
        builder.ToTable("RetiredUsernames");
        builder.HasKey(n => n.Hash);
        builder.Property(n => n.Hash).HasMaxLength(32);
    }
}
