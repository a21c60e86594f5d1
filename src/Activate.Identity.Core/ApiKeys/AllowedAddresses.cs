using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.ApiKeys;

/// <summary>
/// Where an API key may be used from: ranges of addresses, as RFC 4632 §3.1 and RFC 4291 §2.3 write them. IPv4 that arrives mapped into IPv6 (<c>::ffff:192.0.2.7</c>) is IPv4: whether
/// a server listens with one socket or with two must not decide who gets in. Refused is what could be read in two ways: octal and shortened IPv4, host bits behind the
/// prefix, zone ids; and <c>/0</c>, a list that limits nothing.
/// </summary>
public sealed class AllowedAddresses
{
    public const int MostRanges = 20;

    /// <summary>What the column holds: each range at its longest, and a space.</summary>
    public const int LongestText = MostRanges * (LongestRange + 1);

    private const int LongestRange = 49;

    private static readonly SearchValues<char> s_address = SearchValues.Create("0123456789abcdefABCDEF.:");
    private static readonly SearchValues<char> s_range = SearchValues.Create("0123456789abcdefABCDEF.:/");

    private readonly IPNetwork[] _ranges;

    private AllowedAddresses(IPNetwork[] ranges) => _ranges = ranges;

    /// <summary>In canonical form, each with its prefix.</summary>
    public IReadOnlyList<string> Ranges => [.. _ranges.Select(range => range.ToString())];

    /// <summary>What a person or program wrote: 1 to <see cref="MostRanges"/> addresses or ranges. What stands there twice is kept once.</summary>
    public static Result<AllowedAddresses> Parse(IReadOnlyList<string?> ranges, string field = "allowedAddresses")
    {
        if (ranges.Count is 0 or > MostRanges)
            return Invalid(field, $"List 1 to {MostRanges} addresses or ranges, or none at all for a key that works from everywhere.");
        var parsed = new List<IPNetwork>();
        foreach (var text in ranges)
        {
            if (!ParseRange(text, field).TryGet(out var range, out var problem))
                return problem;
            if (!parsed.Contains(range))
                parsed.Add(range);
        }

        return new AllowedAddresses([.. parsed]);
    }

    /// <summary>What <see cref="ToString"/> wrote.</summary>
    public static AllowedAddresses Read(string stored) => new([.. stored.Split(' ').Select(range => IPNetwork.Parse(range))]);

    /// <summary>An address that is not known is in no list.</summary>
    public bool Contain(IPAddress? address)
    {
        if (address is null)
            return false;
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        foreach (var range in _ranges)
        {
            if (range.Contains(address))
                return true;
        }

        return false;
    }

    /// <summary>As it is stored: the ranges, space-separated.</summary>
    public override string ToString() => string.Join(' ', Ranges);

    private static Result<IPNetwork> ParseRange(string? text, string field)
    {
        // Not quoted in the answer before it is known to hold nothing but these.
        if (text is not { Length: > 0 and <= LongestRange } || text.AsSpan().ContainsAnyExcept(s_range))
            return Invalid(field, "An entry is no address or range. Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, without spaces and zones.");
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out var address))
            return Invalid(field, $"'{text}' is no address or range. Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.");
        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        if (PrefixOf(text, slash, bits) is not { } prefix)
            return Invalid(field, $"'{text}' needs a prefix of 1 to {bits} behind its '/'.");
        if (address.IsIPv4MappedToIPv6 && prefix >= 96)
            (address, prefix, bits) = (address.MapToIPv4(), prefix - 96, 32);
        if (prefix == 0)
            return Invalid(field, $"'{text}' is every address there is, and limits nothing. Leave the list out for a key that works from everywhere.");
        return Masked(address, prefix) is var masked && masked.Equals(address)
            ? new IPNetwork(address, prefix)
            : Invalid(field, $"'{text}' has bits set behind its prefix. Write {masked}/{prefix} for the range, or {address}/{bits} for the one address.");
    }

    /// <summary>An address that has one meaning: IPv4 with four decimal numbers, no brackets, no zone.</summary>
    private static bool TryParseAddress(string text, out IPAddress address)
    {
        address = IPAddress.None;
        if (text.AsSpan().ContainsAnyExcept(s_address) || !IPAddress.TryParse(text, out var read))
            return false;
        address = read;
        if (read.AddressFamily == AddressFamily.InterNetwork)
            return read.ToString() == text;
        // IPv4 within IPv6: the same rule for its last part.
        var dotted = text[(text.LastIndexOf(':') + 1)..];
        return !dotted.Contains('.', StringComparison.Ordinal) || (IPAddress.TryParse(dotted, out var last) && last.ToString() == dotted);
    }

    private static int? PrefixOf(string text, int slash, int bits)
    {
        if (slash < 0)
            return bits;
        var digits = text.AsSpan(slash + 1);
        return digits.Length is > 0 and <= 3 && (digits[0] != '0' || digits.Length == 1)
            && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var prefix) && prefix <= bits ? prefix : null;
    }

    private static IPAddress Masked(IPAddress address, int prefix)
    {
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] &= (byte)~(0xFF >> Math.Clamp(prefix - (i * 8), 0, 8));
        return new IPAddress(bytes);
    }

    private static Problem Invalid(string field, string detail) => Problems.Invalid(field, "allowed_addresses_invalid", detail);
}
