using Activate.Identity.Data.Devices;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Devices;

/// <summary>Device login (RFC 8628): codes, the approval page, and the grant.</summary>
public static class DevicesSetup
{
    public static void AddDevices(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<DeviceCodeIssuer>();
        builder.Services.AddSingleton<WaitingDevices>();
        builder.Services.AddScoped<DeviceApprovals>();
        builder.Services.AddScoped<DeviceGrant>();
        builder.Services.AddSingleton<DevicePolls>();
        // A login that is lost before anybody decided is begun again; the decision waits for the disk, and takes along what was written before.
        builder.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<QueuedInsert<DeviceRequest>>(services, /* waitsForDisk: */ false));
    }
}
