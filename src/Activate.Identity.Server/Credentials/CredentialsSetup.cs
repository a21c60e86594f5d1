namespace Activate.Identity.Server.Credentials;

public static class CredentialsSetup
{
    public static void AddCredentials(this WebApplicationBuilder builder) => builder.Services.AddOptions();
    public static void MapCredentials(this WebApplication app) => _ = app;
}
