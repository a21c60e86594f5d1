using Activate.Identity.Data.Organizations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using OpenIddict.EntityFrameworkCore.Models;

namespace Activate.Identity.Data.Applications;

/// <summary>A third party: an OAuth client, a resource server, or both.</summary>
public sealed class Application : OpenIddictEntityFrameworkCoreApplication<Guid, Authorization, Token>
{
    /// <summary>The organization whose users and credentials it may see; null for a server-wide one.</summary>
    public Guid? OrganizationId { get; set; }
    public Organization? Organization { get; set; }
    /// <summary>The audiences it answers for, space-separated: introspection tells it about tokens for these and no others.</summary>
    public string? Audiences { get; set; }
    /// <summary>While set, it gets nothing and what it got does not work.</summary>
    public bool Suspended { get; set; }
}

public sealed class Authorization : OpenIddictEntityFrameworkCoreAuthorization<Guid, Application, Token>;

public sealed class Token : OpenIddictEntityFrameworkCoreToken<Guid, Application, Authorization>;

public sealed class Scope : OpenIddictEntityFrameworkCoreScope<Guid>;

internal sealed class ApplicationMapping : IEntityTypeConfiguration<Application>
{
    public void Configure(EntityTypeBuilder<Application> builder)
    {
        builder.Property(a => a.Audiences).HasMaxLength(2048);
        builder.HasOne(a => a.Organization).WithMany().HasForeignKey(a => a.OrganizationId).OnDelete(DeleteBehavior.Restrict);
    }
}
