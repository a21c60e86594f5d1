namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>Accounts for programs, and who keeps them.</summary>
public static class ServiceAccountsSetup
{
    public static void AddServiceAccounts(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<ServiceAccountKeepers>();
        builder.Services.AddScoped<ServiceAccountRegistry>();
        builder.Services.AddScoped<ServiceAccountKeys>();
    }

    public static void MapServiceAccounts(this WebApplication app) => app.MapServiceAccountsApi();
}
