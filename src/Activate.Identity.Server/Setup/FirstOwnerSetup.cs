using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Activate.Identity.Server.Setup;

/// <summary>The way from an empty database to the first owner: by settings, or by a one-time link on the console.</summary>
public static class FirstOwnerSetup
{
    public static void AddFirstOwner(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(new SetupConsole(Console.Out));
        builder.Services.AddScoped<FirstOwnerIssuer>();
    }

    /// <summary>While there is no user: creates the first owner from section <c>Setup</c>, or prints a link.</summary>
    public static async Task PrepareFirstOwnerAsync(this WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<FirstOwnerIssuer>().PrepareAsync(app.Configuration.GetSection("Setup"), CancellationToken.None);
    }
}

/// <summary>Where the link is printed: standard output, never the log. Tests read it from here.</summary>
public sealed record SetupConsole(TextWriter Out);
