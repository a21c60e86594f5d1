using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.Benchmarks.Load;

/// <summary>The ceiling: Kestrel with one endpoint that writes a constant of the size of a /me answer.</summary>
internal static class BareServer
{
    public static async Task RunAsync(string url)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        var body = new string('x', 480);
        app.MapGet("/", () => body);
        await app.RunAsync(url);
    }
}
