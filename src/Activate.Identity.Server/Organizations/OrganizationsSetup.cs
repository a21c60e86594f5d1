namespace Activate.Identity.Server.Organizations;

/// <summary>Organizations: their policy under the server's ceiling, and what a stricter one does to the credentials that exist.</summary>
public static class OrganizationsSetup
{
    public static void AddOrganizations(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(new PolicyCeiling(builder.Configuration));
        builder.Services.AddSingleton<PolicyReader>();
        builder.Services.AddSingleton<CutRewriter>();
        builder.Services.AddHostedService(services => services.GetRequiredService<CutRewriter>());
        builder.Services.AddSingleton<UnusedKeys>();
        builder.Services.AddHostedService(services => services.GetRequiredService<UnusedKeys>());
        builder.Services.AddScoped<PendingCuts>();
        builder.Services.AddScoped<PolicyEditor>();
        builder.Services.AddScoped<OrganizationRegistry>();
    }

    public static void MapOrganizations(this WebApplication app)
    {
        app.MapOrganizationApi();
        app.MapOrganizationsApi();
        app.MapPolicyApi();
    }
}
