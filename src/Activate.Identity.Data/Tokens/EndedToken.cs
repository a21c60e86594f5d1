using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Tokens;

/// <summary>An access token that has no row of its own and was ended before its time. Tokens that nobody lists cost a row only then.</summary>
public sealed class EndedToken
{
    /// <summary>The token's <c>jti</c>.</summary>
    public Guid Id { get; init; }
    /// <summary>The token's own end: after it the row says nothing new.</summary>
    public DateTime ExpiresAt { get; init; }
}

internal sealed class EndedTokenMapping : IEntityTypeConfiguration<EndedToken>
{
    public void Configure(EntityTypeBuilder<EndedToken> builder)
    {
        builder.ToTable("EndedTokens");
        builder.HasIndex(t => t.ExpiresAt);
    }
}
