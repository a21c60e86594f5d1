namespace Activate.Identity.Server.Connect;

public static class ConnectSetup
{
    public static void AddConnect(this WebApplicationBuilder builder) => builder.Services.AddOptions();
    public static Task PrepareApplicationsAsync(this WebApplication app) => Task.CompletedTask;
}
