using System.Text.Json;
using Activate.Identity.Core.IdentityProviders;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Activate.Identity.Data.IdentityProviders;

/// <summary>An OpenID Connect provider of an organization's own, in which its people sign in.</summary>
public sealed class IdentityProvider
{
    public Guid Id { get; init; }
    public Guid OrganizationId { get; init; }
    public Organization? Organization { get; init; }
    public required string Name { get; set; }
    /// <summary>It stays: whoever could change it could have another server say that it is one of the people who are connected.</summary>
    public required string Issuer { get; init; }
    public required string ClientId { get; set; }
    /// <summary>Encrypted by the data-protection ring, for this provider; null: it has none.</summary>
    public byte[]? ProtectedSecret { get; set; }
    /// <summary>Space-separated.</summary>
    public required string Scopes { get; set; }
    /// <summary>Space-separated; empty: no address alone lets anybody in.</summary>
    public required string AllowedDomains { get; set; }
    public bool TrustsEmail { get; set; }
    public string? RequiredClaim { get; set; }
    public string? RequiredValue { get; set; }
    public string? GroupsClaim { get; set; }
    /// <summary>A JSON object, role by group; read whole and never queried.</summary>
    public required string Roles { get; set; }
    public bool TrustsMfa { get; set; }
    /// <summary>A JSON array of values of <c>acr</c>.</summary>
    public required string MfaContexts { get; set; }
    public int? PauseAfterDays { get; set; }
    public bool Enabled { get; set; } = true;
    public DateTime CreatedAt { get; init; }
    public DateTime ChangedAt { get; set; }

    public IdentityProviderSettings Read() => new(Name, Issuer, ClientId)
    {
        Scopes = Words(Scopes), AllowedDomains = Words(AllowedDomains), TrustsEmail = TrustsEmail, RequiredClaim = RequiredClaim, RequiredValue = RequiredValue, GroupsClaim = GroupsClaim,
        Roles = JsonSerializer.Deserialize<Dictionary<string, Role>>(Roles)!, TrustsMfa = TrustsMfa, MfaContexts = JsonSerializer.Deserialize<string[]>(MfaContexts)!,
        PauseAfterDays = PauseAfterDays, Enabled = Enabled,
    };

    public void Write(IdentityProviderSettings settings)
    {
        (Name, ClientId, Scopes, AllowedDomains) = (settings.Name, settings.ClientId, string.Join(' ', settings.Scopes), string.Join(' ', settings.AllowedDomains));
        (TrustsEmail, RequiredClaim, RequiredValue, GroupsClaim) = (settings.TrustsEmail, settings.RequiredClaim, settings.RequiredValue, settings.GroupsClaim);
        (Roles, MfaContexts) = (JsonSerializer.Serialize(settings.Roles), JsonSerializer.Serialize(settings.MfaContexts));
        (TrustsMfa, PauseAfterDays, Enabled) = (settings.TrustsMfa, settings.PauseAfterDays, settings.Enabled);
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>How an account came to be somebody's at a provider.</summary>
public enum ExternalLoginOrigin
{
    /// <summary>The provider's rules let them in: they have to, each time.</summary>
    Rules = 1,
    Invitation = 2,
    /// <summary>Its owner connected it while signed in.</summary>
    Owner = 3,
}

/// <summary>Whose account somebody at a provider has. Found by provider and subject alone, never by an address: whoever can have an address at a provider would have the account.</summary>
public sealed class ExternalLogin
{
    public Guid Id { get; init; }
    public Guid ProviderId { get; init; }
    public IdentityProvider? Provider { get; init; }
    /// <summary>SHA-256 of the subject, which is compared byte for byte: databases compare text in ways of their own.</summary>
    public required byte[] SubjectHash { get; init; }
    public Guid UserId { get; init; }
    public Accounts.User? User { get; init; }
    public ExternalLoginOrigin Origin { get; init; }
    public DateTime CreatedAt { get; init; }
    public DateTime LastSignedInAt { get; set; }
}

internal sealed class IdentityProviderMapping : IEntityTypeConfiguration<IdentityProvider>, IEntityTypeConfiguration<ExternalLogin>
{
    public void Configure(EntityTypeBuilder<IdentityProvider> builder)
    {
        builder.ToTable("IdentityProviders");
        builder.Property(p => p.Name).HasMaxLength(128);
        builder.Property(p => p.Issuer).HasMaxLength(IdentityProviderRules.LongestValue);
        builder.Property(p => p.ClientId).HasMaxLength(IdentityProviderRules.LongestValue);
        builder.Property(p => p.ProtectedSecret).HasMaxLength(2048);
        builder.Property(p => p.Scopes).HasMaxLength(2048);
        builder.Property(p => p.AllowedDomains).HasMaxLength(IdentityProviderRules.MostDomains * 256);
        builder.Property(p => p.RequiredClaim).HasMaxLength(IdentityProviderRules.LongestValue);
        builder.Property(p => p.RequiredValue).HasMaxLength(IdentityProviderRules.LongestValue);
        builder.Property(p => p.GroupsClaim).HasMaxLength(IdentityProviderRules.LongestValue);
        builder.HasOne(p => p.Organization).WithMany().HasForeignKey(p => p.OrganizationId).OnDelete(DeleteBehavior.Restrict);
        builder.HasIndex(p => new { p.OrganizationId, p.Id }).IsUnique();
    }

    public void Configure(EntityTypeBuilder<ExternalLogin> builder)
    {
        builder.ToTable("ExternalLogins");
        builder.Property(l => l.SubjectHash).HasMaxLength(32);
        builder.HasOne(l => l.Provider).WithMany().HasForeignKey(l => l.ProviderId).OnDelete(DeleteBehavior.Cascade);
        builder.HasOne(l => l.User).WithMany().HasForeignKey(l => l.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(l => new { l.ProviderId, l.SubjectHash }).IsUnique();
        // One identity of a provider for each account: two would be two people.
        builder.HasIndex(l => new { l.UserId, l.ProviderId }).IsUnique();
    }
}
