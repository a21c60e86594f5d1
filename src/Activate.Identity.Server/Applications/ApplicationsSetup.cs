namespace Activate.Identity.Server.Applications;

/// <summary>Applications of third parties: registered by an organization's administrators, and server-wide by operators.</summary>
public static class ApplicationsSetup
{
    public static void AddApplications(this WebApplicationBuilder builder) => builder.Services.AddScoped<ApplicationRegistry>().AddScoped<ConnectedApplications>();

    public static void MapApplications(this WebApplication app) => app.MapApplicationsApi();
}
