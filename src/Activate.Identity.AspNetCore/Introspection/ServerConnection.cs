using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore.Introspection;

/// <summary>The connection to the server: follows no redirect, keeps no cookies, reads no large answers, logs nothing.</summary>
internal static class ServerConnection
{
    public const string ClientName = "Activate.Identity.AspNetCore";

    private const int LargestAnswer = 256 * 1024;
    private const int MostConnections = 64;

    public static void Add(IServiceCollection services) => services.AddHttpClient(ClientName)
        .ConfigureHttpClient((provider, client) =>
        {
            var options = provider.GetRequiredService<IOptions<ActivateIdentityOptions>>().Value;
            client.BaseAddress = new Uri(options.IssuerText);
            client.Timeout = options.Timeout;
            client.MaxResponseContentBufferSize = LargestAnswer;
        })
        // An answer from elsewhere than the issuer is no answer, and the secret goes nowhere else.
        .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            MaxConnectionsPerServer = MostConnections,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        })
        .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
        .RemoveAllLoggers();

    /// <summary>RFC 6749 §2.3.1: both are encoded as in a form before they are joined.</summary>
    public static AuthenticationHeaderValue Credentials(ActivateIdentityOptions options) => new("Basic",
        Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Uri.EscapeDataString(options.ClientId!)}:{Uri.EscapeDataString(options.ClientSecret!)}")));
}
