using Activate.Identity.Server.Audit;

namespace Activate.Identity.Server.Organizations;

/// <summary>Organizations: their policy under the server's ceiling.</summary>
public static class OrganizationsSetup
{
    public static void AddOrganizations(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddSingleton(new PolicyCeiling(builder.Configuration));
        builder.Services.AddSingleton<PolicyReader>();
        builder.Services.AddScoped<AuditTrail>();
    }

    public static void MapOrganizations(this WebApplication app) => _ = app;
}
