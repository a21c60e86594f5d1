using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Accounts;

/// <summary>A form that was sent, and made what it makes: sent again (a reload, a double click) it makes nothing.</summary>
public sealed class SpentForm
{
    public Guid Id { get; init; }
    /// <summary>When the form itself is too old to be sent.</summary>
    public DateTime ExpiresAt { get; init; }
}

internal sealed class SpentFormMapping : IEntityTypeConfiguration<SpentForm>
{
    public void Configure(EntityTypeBuilder<SpentForm> builder)
    {
        builder.ToTable("SpentForms");
        builder.HasIndex(f => f.ExpiresAt);
    }
}
