using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Keys;

public enum ServerKeyUse
{
    /// <summary>RSA 2048, signs access and ID tokens (RS256).</summary>
    Signing = 1,
    /// <summary>AES 256, wraps what only this server reads back: authorization codes.</summary>
    Encryption = 2,
    /// <summary>HMAC-SHA-256 over short codes and reference tokens before they are stored.</summary>
    CodeHash = 3,
    /// <summary>ECDSA P-256, signs tokens of applications that ask for it (ES256).</summary>
    SigningEs256 = 4,
}

/// <summary>A key of the server, made at first start and shared by all nodes. <see cref="Protected"/> is encrypted by the data-protection ring.</summary>
public sealed class ServerKey
{
    public Guid Id { get; init; }
    public ServerKeyUse Use { get; init; }
    /// <summary>Counts from 1 within a use; unique with it, so that two nodes starting at once make one key.</summary>
    public int Generation { get; init; }
    public required string Protected { get; init; }
    public DateTime CreatedAt { get; init; }
    /// <summary>From when a signing key signs; it is published before. The key before it goes on verifying until its last token has ended.</summary>
    public DateTime SignsFrom { get; init; }
}

internal sealed class ServerKeyMapping : IEntityTypeConfiguration<ServerKey>
{
    public void Configure(EntityTypeBuilder<ServerKey> builder)
    {
        builder.ToTable("ServerKeys");
        builder.HasIndex(k => new { k.Use, k.Generation }).IsUnique();
    }
}
