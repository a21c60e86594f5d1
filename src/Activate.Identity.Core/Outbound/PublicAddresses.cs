using System.Net;
using System.Net.Sockets;

namespace Activate.Identity.Core.Outbound;

/// <summary>
/// Which addresses are the public internet's. Whoever may make a server fetch an address of theirs can otherwise reach what only the server reaches: its own services, the network behind
/// it, a cloud's metadata (169.254.169.254). By the IANA special-purpose registries (RFC 6890): what is not globally reachable unicast is not public.
/// </summary>
public static class PublicAddresses
{
    private static readonly IPNetwork[] s_notPublic =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    private static readonly IPNetwork[] s_public6 = [IPNetwork.Parse("2000::/3")];

    /// <summary>Of the public range: documentation, benchmarking, ORCHID, Teredo, and 6to4, which carries any IPv4 address.</summary>
    private static readonly IPNetwork[] s_notPublic6 = [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48" }.Select(network => IPNetwork.Parse(network))];

    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => !Array.Exists(s_notPublic, network => network.Contains(address)),
            AddressFamily.InterNetworkV6 => Array.Exists(s_public6, network => network.Contains(address)) && !Array.Exists(s_notPublic6, network => network.Contains(address)),
            _ => false,
        };
    }
}
