using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Audit;

/// <summary>Something that happened to an account or a credential. Written in the transaction of the change itself; never holds a secret.</summary>
public sealed class AuditEvent
{
    public Guid Id { get; init; }
    public DateTime At { get; init; }
    public Guid? OrganizationId { get; init; }
    /// <summary>One of <see cref="AuditTypes"/>.</summary>
    public required string Type { get; init; }
    /// <summary>True when it was done, false when it was refused.</summary>
    public bool Succeeded { get; init; } = true;
    public Guid? ActorId { get; init; }
    /// <summary>The credential or browser session the actor used.</summary>
    public Guid? ActorCredentialId { get; init; }
    /// <summary>What it was done to: a user, key, token or device request.</summary>
    public Guid? SubjectId { get; init; }
    public string? ClientId { get; init; }
    public string? Address { get; init; }
    /// <summary>A few words for people, e.g. the name of the key.</summary>
    public string? Detail { get; init; }
}

internal sealed class AuditEventMapping : IEntityTypeConfiguration<AuditEvent>
{
    public void Configure(EntityTypeBuilder<AuditEvent> builder)
    {
        builder.ToTable("AuditEvents");
        builder.Property(e => e.Type).HasMaxLength(64);
        builder.Property(e => e.ClientId).HasMaxLength(100);
        builder.Property(e => e.Address).HasMaxLength(64);
        builder.Property(e => e.Detail).HasMaxLength(512);
        builder.HasIndex(e => new { e.OrganizationId, e.At });
    }
}
