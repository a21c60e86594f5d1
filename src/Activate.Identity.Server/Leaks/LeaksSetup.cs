namespace Activate.Identity.Server.Leaks;

/// <summary>Leaked credentials: whoever finds one reports it, and it ends.</summary>
public static class LeaksSetup
{
    public static void AddLeaks(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<LeakQueue>();
        builder.Services.AddHostedService(services => services.GetRequiredService<LeakQueue>());
        builder.Services.AddSingleton<LeakLimit>();
        builder.Services.AddScoped<LeakedCredentials>();
    }

    public static void MapLeaks(this WebApplication app) => app.MapLeakedCredentialsApi();
}
