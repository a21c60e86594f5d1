using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Applications;

/// <summary>A pushed authorization request (RFC 9126): its parameters, until the one answer to it is given.</summary>
public sealed class PushedRequest
{
    public Guid Id { get; init; }
    /// <summary>SHA-256 of the reference in <c>request_uri</c>.</summary>
    public required byte[] Hash { get; init; }
    public required string ClientId { get; init; }
    /// <summary>A JSON object, as it was checked; no client secret or assertion.</summary>
    public required string Parameters { get; init; }
    public DateTime ExpiresAt { get; init; }
}

internal sealed class PushedRequestMapping : IEntityTypeConfiguration<PushedRequest>
{
    public void Configure(EntityTypeBuilder<PushedRequest> builder)
    {
        builder.ToTable("PushedRequests");
        builder.Property(r => r.Hash).HasMaxLength(32);
        builder.Property(r => r.ClientId).HasMaxLength(100);
        builder.HasIndex(r => r.Hash).IsUnique();
        builder.HasIndex(r => r.ExpiresAt);
    }
}
