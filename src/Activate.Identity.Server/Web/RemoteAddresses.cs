namespace Activate.Identity.Server.Web;

public static class RemoteAddresses
{
    /// <summary>Where the request came from, as people write it: IPv4 without the IPv6 mapping.</summary>
    public static string? RemoteAddress(this HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4().ToString() : address?.ToString();
    }
}
