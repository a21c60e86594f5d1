namespace Activate.Identity.Server.ApiKeys;

public static class ApiKeysSetup
{
    public static void AddApiKeys(this WebApplicationBuilder builder) => builder.Services.AddOptions();
    public static void MapApiKeys(this WebApplication app) => _ = app;
}
