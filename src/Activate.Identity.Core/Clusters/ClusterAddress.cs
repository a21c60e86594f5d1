using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Clusters;

/// <summary>
/// Where people log in to a cluster: a host name or an IP address, as ssh takes it for an argument. It is shown to people and put into commands, so it is an allow-list
/// of characters: no shell, terminal or page finds anything in it, and no two addresses look alike.
/// </summary>
public static class ClusterAddress
{
    public const int LongestName = 253;
    private const int LongestLabel = 63;

    private static readonly SearchValues<char> s_name = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789");
    private static readonly SearchValues<char> s_v6 = SearchValues.Create("0123456789ABCDEFabcdef:.");

    /// <param name="address">Taken as it is: letters, digits, dots and hyphens, or an IP address without brackets and zone.</param>
    /// <param name="field">The request's field, for the problem.</param>
    public static Result<string> Parse(string? address, string field = "address") =>
        address is { Length: > 0 and <= LongestName } && (IsName(address) || IsV6(address))
            ? address
            : Problems.Invalid(field, "address_invalid",
                "The address is the host name or IP address with which people log in: letters, digits, dots and hyphens, or an IPv6 address without brackets. No port, no user.");

    private static bool IsName(string address)
    {
        if (address.AsSpan().ContainsAnyExcept(s_name))
            return false;
        var labels = address.Split('.');
        if (!labels.All(label => label is { Length: > 0 and <= LongestLabel } && label[0] != '-' && label[^1] != '-'))
            return false;
        // What ends in a number is read as an IPv4 address, in many spellings; only the usual one is taken (RFC 6943 §3.1.1).
        return labels[^1].AsSpan().ContainsAnyExcept(s_digits) && !labels[^1].StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(address, out var parsed) && parsed.ToString() == address);
    }

    private static bool IsV6(string address) =>
        address.Contains(':', StringComparison.Ordinal) && !address.AsSpan().ContainsAnyExcept(s_v6)
        && IPAddress.TryParse(address, out var parsed) && parsed.AddressFamily == AddressFamily.InterNetworkV6;
}
