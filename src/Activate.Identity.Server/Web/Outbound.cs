using System.Net;
using System.Net.Sockets;
using Activate.Identity.Core.Outbound;

namespace Activate.Identity.Server.Web;

/// <summary>
/// The one way to addresses that people of organizations chose (their identity providers; later webhooks): where <c>Server:AllowedOutbound</c> lets it go. The address is looked at when
/// the connection is made, so that a name which resolves to one thing when it is checked and to another when it is used gains nothing (DNS rebinding). No redirects, no proxy, no cookies,
/// small answers, little time.
/// </summary>
public sealed class Outbound
{
    /// <summary>For an answer with its headers and body.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>Discovery documents and key sets of the largest providers are below 50 KB.</summary>
    public const int LargestAnswer = 256 * 1024;

    private static readonly TimeSpan s_connect = TimeSpan.FromSeconds(3);

    private readonly IPNetwork[] _allowed;

    public Outbound(IConfiguration configuration) => _allowed =
    [
        .. (configuration.GetSection("Server:AllowedOutbound").Get<string[]>() ?? []).Select(text =>
            IPAddress.TryParse(text, out var address) ? new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
            : IPNetwork.TryParse(text, out var network) ? network
            : throw new StartupException($"Server:AllowedOutbound: '{text}' is neither an address nor a network such as 10.0.0.0/8.")),
    ];

    /// <summary>Public addresses, and those that the setting adds.</summary>
    public bool Allows(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return PublicAddresses.IsPublic(address) || Array.Exists(_allowed, network => network.Contains(address));
    }

    /// <summary>Below every client that goes out. The caller disposes it, or the client that has it.</summary>
    public HttpMessageHandler MakeHandler() => new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = s_connect,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        MaxConnectionsPerServer = 20,
        MaxResponseHeadersLength = 32,
        ConnectCallback = ConnectAsync,
    };

    public static void Limit(HttpClient client)
    {
        client.Timeout = Timeout;
        client.MaxResponseContentBufferSize = LargestAnswer;
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellationToken);
        var allowed = Array.FindAll(addresses, Allows);
        if (allowed.Length == 0)
            throw new OutboundRefusedException(host);
        Exception? last = null;
        foreach (var address in allowed)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception exception)
            {
                socket.Dispose();
                if (exception is not SocketException)
                    throw;
                last = exception;
            }
        }

        throw last!;
    }
}

/// <summary>The server does not go there. To whoever asked, it says the same whether something listens there or not.</summary>
public sealed class OutboundRefusedException(string host)
    : Exception($"{host} has no address that this server may connect to. It goes to public addresses only; whoever runs the server can allow others in Server:AllowedOutbound.");
