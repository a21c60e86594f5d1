using System.Net;
using System.Net.Sockets;

namespace Activate.Identity.Server.Web;

public static class RemoteAddresses
{
    /// <summary>Where the request came from, as people write it: IPv4 without the IPv6 mapping.</summary>
    public static string? RemoteAddress(this HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4().ToString() : address?.ToString();
    }

    /// <summary>Whom the request counts for where tries are counted.</summary>
    public static string RemoteNetwork(this HttpContext context) => NetworkOf(context.Connection.RemoteIpAddress).ToString();

    /// <summary>Whoever has an IPv6 address has 2⁶⁴ of them: they count as one.</summary>
    internal static IPAddress NetworkOf(IPAddress? address)
    {
        if (address is null)
            return IPAddress.None;
        if (address.IsIPv4MappedToIPv6 || address.AddressFamily != AddressFamily.InterNetworkV6)
            return address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
