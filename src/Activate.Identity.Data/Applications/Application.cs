using Activate.Identity.Core.Applications;
using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OpenIddict.Abstractions;
using OpenIddict.EntityFrameworkCore.Models;

namespace Activate.Identity.Data.Applications;

/// <summary>A third party: an OAuth client, a resource server, or both. OpenIddict reads what it needs of it; tokens and authorizations are tables of our own.</summary>
public sealed class Application : OpenIddictEntityFrameworkCoreApplication<Guid, Authorization, Token>
{
    /// <summary>The organization whose users and credentials it may see; null for a server-wide one.</summary>
    public Guid? OrganizationId { get; set; }
    public Organization? Organization { get; set; }
    /// <summary>What it was registered as.</summary>
    public ApplicationKind Kind { get; set; }
    /// <summary>Who makes it, for the consent page.</summary>
    public string? Publisher { get; set; }
    public string? LogoUri { get; set; }
    /// <summary>The audiences it answers for, space-separated: introspection tells it about tokens for these and no others.</summary>
    public string? Audiences { get; set; }
    /// <summary><c>ES256</c> for one that asked for it; null: RS256.</summary>
    public string? SigningAlgorithm { get; set; }
    /// <summary>While set, it gets nothing and what it got does not work.</summary>
    public bool Suspended { get; set; }
    /// <summary>The last four characters of the client secret.</summary>
    public string? SecretLast4 { get; set; }
    /// <summary>Hash of the secret before the last rotation.</summary>
    public string? PreviousSecret { get; set; }
    /// <summary>Until when the previous secret counts.</summary>
    public DateTime? PreviousSecretEndsAt { get; set; }
    public DateTime CreatedAt { get; set; }

    /// <summary>Whether its registration lets it ask for a scope.</summary>
    public bool MayAskFor(string scope) => Has(OpenIddictConstants.Permissions.Prefixes.Scope + scope);

    /// <summary>Whether it has one of OpenIddict's permissions (<c>ept:…</c>, <c>gt:…</c>, <c>scp:…</c>), which are stored as a JSON array of texts that need no escape.</summary>
    public bool Has(string permission)
    {
        var rest = Permissions.AsSpan();
        for (int at; (at = rest.IndexOf(permission, StringComparison.Ordinal)) > 0; rest = rest[(at + permission.Length)..])
        {
            if (rest[at - 1] == '"' && at + permission.Length < rest.Length && rest[at + permission.Length] == '"')
                return true;
        }

        return false;
    }
}

/// <summary>Named by OpenIddict's generic model and never stored: codes, refresh tokens and consents are tables of our own (docs/decisions/0009).</summary>
public sealed class Authorization : OpenIddictEntityFrameworkCoreAuthorization<Guid, Application, Token>;

/// <inheritdoc cref="Authorization"/>
public sealed class Token : OpenIddictEntityFrameworkCoreToken<Guid, Application, Authorization>;

/// <inheritdoc cref="Authorization"/>
public sealed class Scope : OpenIddictEntityFrameworkCoreScope<Guid>;

internal sealed class ApplicationMapping : IEntityTypeConfiguration<Application>
{
    public void Configure(EntityTypeBuilder<Application> builder)
    {
        builder.ToTable("OpenIddictApplications");
        // Named by OpenIddict's base class, and not kept.
        builder.Ignore(a => a.Authorizations);
        builder.Ignore(a => a.Tokens);
        builder.Property(a => a.ApplicationType).HasMaxLength(50);
        builder.Property(a => a.ClientId).HasMaxLength(100);
        builder.Property(a => a.ClientType).HasMaxLength(50);
        builder.Property(a => a.ConcurrencyToken).HasMaxLength(50).IsConcurrencyToken();
        builder.Property(a => a.ConsentType).HasMaxLength(50);
        builder.HasIndex(a => a.ClientId).IsUnique();
        builder.Property(a => a.Publisher).HasMaxLength(128);
        builder.Property(a => a.LogoUri).HasMaxLength(512);
        builder.Property(a => a.Audiences).HasMaxLength(2048);
        builder.Property(a => a.SigningAlgorithm).HasMaxLength(8);
        builder.Property(a => a.SecretLast4).HasMaxLength(4);
        builder.Property(a => a.PreviousSecret).HasMaxLength(64);
        builder.HasOne(a => a.Organization).WithMany().HasForeignKey(a => a.OrganizationId).OnDelete(DeleteBehavior.Restrict);
    }
}
