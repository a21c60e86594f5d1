namespace Activate.Identity.Server.Setup;

public static class FirstOwnerSetup
{
    public static void AddFirstOwner(this WebApplicationBuilder builder) => builder.Services.AddOptions();
    public static Task PrepareFirstOwnerAsync(this WebApplication app) => Task.CompletedTask;
}
