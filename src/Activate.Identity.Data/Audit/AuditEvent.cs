using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Audit;

/// <summary>
/// Something that happened to an account or a credential. Written in the transaction of the change itself; never holds a secret. People are in it by their ids only: who
/// they are is in <see cref="AuditPerson"/> and <see cref="AuditWords"/>, which go when a person is deleted, while the event stays as it was written.
/// </summary>
public sealed class AuditEvent
{
    public const int LongestDetail = 512;

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
    /// <summary>Whose that is, where it is not the actor's own or the organization's.</summary>
    public Guid? OwnerId { get; init; }
    public string? ClientId { get; init; }
    public string? Address { get; init; }
    /// <summary>A few words of ours, or the name of a thing of the organization. Never who somebody is, nor what a person called a thing of theirs.</summary>
    public string? Detail { get; init; }
    /// <summary>JSON: what was there before a change of a policy or a role.</summary>
    public string? Before { get; init; }
    /// <summary>JSON: what is there since.</summary>
    public string? After { get; init; }
    public AuditWords? Words { get; init; }
}

/// <summary>What a person called a thing of theirs that an event is about ("ada’s laptop"). Deleted with the person; the event stays.</summary>
public sealed class AuditWords
{
    public Guid EventId { get; init; }
    public Guid PersonId { get; init; }
    public required string Text { get; init; }
}

/// <summary>
/// Who somebody in the events is. Made with each user (<see cref="AuditRules"/>), and outlives them: what a deleted service account did keeps its name, and of a person
/// who is deleted the row stays without one.
/// </summary>
public sealed class AuditPerson
{
    public Guid UserId { get; init; }
    public Guid OrganizationId { get; init; }
    /// <summary>Null: a person who was deleted.</summary>
    public string? Username { get; set; }
}

internal sealed class AuditEventMapping : IEntityTypeConfiguration<AuditEvent>, IEntityTypeConfiguration<AuditWords>, IEntityTypeConfiguration<AuditPerson>
{
    public void Configure(EntityTypeBuilder<AuditEvent> builder)
    {
        builder.ToTable("AuditEvents");
        builder.Property(e => e.Type).HasMaxLength(64);
        builder.Property(e => e.ClientId).HasMaxLength(100);
        builder.Property(e => e.Address).HasMaxLength(64);
        builder.Property(e => e.Detail).HasMaxLength(AuditEvent.LongestDetail);
        builder.Property(e => e.Before).HasMaxLength(2048);
        builder.Property(e => e.After).HasMaxLength(2048);
        // The order of the log. Filters run along it: an index more for each of them would cost every sign-in more than it saves the few who search.
        builder.HasIndex(e => new { e.OrganizationId, e.At, e.Id });
        // What happened to somebody's things without them.
        builder.HasIndex(e => new { e.OwnerId, e.At });
        builder.HasOne(e => e.Words).WithOne().HasForeignKey<AuditWords>(w => w.EventId).OnDelete(DeleteBehavior.Cascade);
    }

    public void Configure(EntityTypeBuilder<AuditWords> builder)
    {
        builder.ToTable("AuditWords");
        builder.HasKey(w => w.EventId);
        builder.Property(w => w.Text).HasMaxLength(AuditEvent.LongestDetail);
        builder.HasIndex(w => w.PersonId);
    }

    public void Configure(EntityTypeBuilder<AuditPerson> builder)
    {
        builder.ToTable("AuditPersons");
        builder.HasKey(p => p.UserId);
        builder.Property(p => p.UserId).ValueGeneratedNever();
        builder.Property(p => p.Username).HasMaxLength(32);
        builder.HasIndex(p => new { p.OrganizationId, p.Username });
    }
}
