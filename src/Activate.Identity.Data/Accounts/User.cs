using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Organizations;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.Accounts;

public enum UserKind
{
    Person = 1,
    ServiceAccount = 2,
}

/// <summary>A person or a service account. Belongs to exactly one organization.</summary>
public sealed class User : IdentityUser<Guid>
{
    public Guid OrganizationId { get; init; }
    public Organization? Organization { get; init; }
    public UserKind Kind { get; init; } = UserKind.Person;
    public Role Role { get; set; }
    /// <summary>May administer the server itself: organizations, server-wide applications, signing keys.</summary>
    public bool IsOperator { get; set; }
    public string? DisplayName { get; set; }
    /// <summary>While set, the user cannot sign in and nothing of theirs works.</summary>
    public bool Disabled { get; set; }
    /// <summary>
    /// From then on nothing of theirs works, until they sign in at their organization's provider again; null: never. One instant, so that what reads whether a user is disabled knows it
    /// without another read; in the future for everybody who has signed in in time.
    /// </summary>
    public DateTime? PausedFrom { get; set; }
    public DateTime CreatedAt { get; init; }
    /// <summary>Counts up with each change to the user's set of credentials: the row to lock when a limit on their number is checked.</summary>
    public int CredentialsVersion { get; set; }

    /// <summary>Disabled by somebody, or paused for not having signed in.</summary>
    public bool IsStoppedAt(DateTime now) => Disabled || PausedFrom <= now;
}

internal sealed class UserMapping : IEntityTypeConfiguration<User>
{
    public void Configure(EntityTypeBuilder<User> builder)
    {
        builder.ToTable("Users");
        builder.Property(u => u.UserName).HasMaxLength(32).IsRequired();
        builder.Property(u => u.NormalizedUserName).HasMaxLength(32).IsRequired();
        builder.Property(u => u.Email).HasMaxLength(254);
        builder.Property(u => u.NormalizedEmail).HasMaxLength(254);
        builder.Property(u => u.DisplayName).HasMaxLength(256);
        builder.Property(u => u.PasswordHash).HasMaxLength(512);
        builder.Property(u => u.SecurityStamp).HasMaxLength(64);
        builder.Property(u => u.ConcurrencyStamp).HasMaxLength(64);
        builder.Property(u => u.PhoneNumber).HasMaxLength(32);
        builder.HasOne(u => u.Organization).WithMany().HasForeignKey(u => u.OrganizationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasIndex(u => u.NormalizedUserName).IsUnique();
        // E-mail addresses are unique per organization only; service accounts have none, and null never collides.
        builder.HasIndex(u => u.NormalizedEmail);
        builder.HasIndex(u => new { u.OrganizationId, u.NormalizedEmail }).IsUnique();
        // The order of the inventory. Unique, so that the database knows that it need not sort.
        builder.HasIndex(u => new { u.OrganizationId, u.Id }).IsUnique();
    }
}
