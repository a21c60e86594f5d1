namespace Activate.Identity.Server.Devices;

public static class DevicesSetup
{
    public static void AddDevices(this WebApplicationBuilder builder) => builder.Services.AddOptions();
}
