using System.Buffers;
using System.Globalization;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Applications;

/// <summary>
/// Where an application may be sent codes (RFC 9700 §2.1 and §4.1). Registered addresses are kept and compared as text, so that no two programs can read one of them
/// differently: what parsers disagree about (user names, dots, escapes, odd numbers for hosts) is refused when it is registered, and differs when it is asked for.
/// The one exception is the port of a native application on loopback (RFC 8252 §7.3).
/// </summary>
public static class RedirectUri
{
    public const int MaximumLength = 2048;

    // RFC 3986 §2, without what is an address's end or a wildcard.
    private static readonly SearchValues<char> s_characters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&'()+,;=%");

    private static readonly string[] s_loopback = ["http://127.0.0.1", "http://[::1]"];

    /// <summary>The address as it will be compared, or why it cannot be registered.</summary>
    /// <param name="text">As it was sent.</param>
    /// <param name="kind">What the application is: <see cref="ApplicationKind.Web"/>, <see cref="ApplicationKind.Browser"/> or <see cref="ApplicationKind.Native"/>.</param>
    /// <param name="field">The request field.</param>
    public static Result<string> Parse(string? text, ApplicationKind kind, string field)
    {
        if (string.IsNullOrEmpty(text) || text.Length > MaximumLength)
            return Invalid(field, $"A redirect URI has 1 to {MaximumLength} characters.");
        if (text.Contains('#', StringComparison.Ordinal))
            return Invalid(field, "A redirect URI has no fragment: leave out '#' and what follows (RFC 6749 §3.1.2).");
        if (text.Contains('*', StringComparison.Ordinal))
            return Invalid(field, "A redirect URI is exact: there are no wildcards. Register each one.");
        if (text.AsSpan().ContainsAnyExcept(s_characters))
            return Invalid(field, "A redirect URI holds only what RFC 3986 allows: no spaces, control characters or backslashes; international names in punycode (xn--…).");
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || !text.StartsWith($"{uri.Scheme}:", StringComparison.Ordinal))
            return Invalid(field, "A redirect URI is absolute: it begins with a scheme in lower case, such as https://.");

        if (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
        {
            if (uri.Host.Length == 0 || uri.UserInfo.Length > 0 || Authority(text).Contains('@'))
                return Invalid(field, "A redirect URI names a host, and no user.");
            // The form in which every parser reads the same: no dot segments, default ports, capitals in the host, 127.1 or 0x7f.1.
            if (text != uri.AbsoluteUri && $"{text}/" != uri.AbsoluteUri)
                return Invalid(field, "Write the redirect URI in its plain form: the host in lower case, an IP address with four numbers, no default port, no '.' or '..' in the path.");
            // As text: Uri also calls names such as loopback local.
            var isLoopback = Host(Authority(text)) is "127.0.0.1" or "[::1]" or "localhost";
            if (uri.Scheme == Uri.UriSchemeHttp)
                return isLoopback ? text : Invalid(field, "Plain http would show codes to the network: use https. (http://127.0.0.1, http://[::1] and http://localhost are allowed.)");
            return kind == ApplicationKind.Native && isLoopback ? Invalid(field, "A native application listens on loopback with http: nobody can have a certificate for it.") : text;
        }

        if (kind != ApplicationKind.Native)
            return Invalid(field, "A redirect URI begins with https://. A scheme of its own is for native applications.");
        // RFC 8252 §7.1: a domain name of the makers, reversed. What executes (javascript:), reads (file:) or leaks (data:, ftp:) has no dot.
        return uri.Scheme.Contains('.', StringComparison.Ordinal) && text.Length > uri.Scheme.Length + 1 && uri.UserInfo.Length == 0
            ? text
            : Invalid(field, "A native application redirects to http://127.0.0.1 or http://[::1], to https, or to a scheme that is a domain name of its makers, reversed: com.example.app:/callback (RFC 8252 §7.1).");
    }

    /// <summary>Whether a request may name this address. Exact, but for the port of a native application on a loopback IP address, which it gets from its system when it starts.</summary>
    public static bool Matches(string registered, string requested, bool isNative)
    {
        if (string.Equals(registered, requested, StringComparison.Ordinal))
            return true;
        if (!isNative || requested.Length > MaximumLength)
            return false;
        foreach (var loopback in s_loopback)
        {
            if (AfterPort(registered, loopback) is { } path && AfterPort(requested, loopback) == path)
                return true;
        }

        return false;
    }

    /// <summary>What follows <c>http://127.0.0.1[:port]</c>: empty, or from '/' or '?' on. Null when the text is no such address.</summary>
    private static string? AfterPort(string text, string loopback)
    {
        if (!text.StartsWith(loopback, StringComparison.Ordinal))
            return null;
        var rest = text[loopback.Length..];
        if (rest.StartsWith(':'))
        {
            var end = rest.AsSpan(1).IndexOfAnyExceptInRange('0', '9') is var digits and >= 0 ? digits + 1 : rest.Length;
            // As a system would write it: no leading zeros.
            if (!ushort.TryParse(rest.AsSpan(1, end - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0 || rest[1] == '0')
                return null;
            rest = rest[end..];
        }

        return rest.Length == 0 || rest[0] is '/' or '?' ? rest : null;
    }

    private static string Host(ReadOnlySpan<char> authority) =>
        (authority.LastIndexOf(':') is var colon and > 0 && !authority[colon..].Contains(']') ? authority[..colon] : authority).ToString();

    private static ReadOnlySpan<char> Authority(string text)
    {
        var rest = text.AsSpan(text.IndexOf("//", StringComparison.Ordinal) + 2);
        return rest.IndexOfAny('/', '?') is var end and >= 0 ? rest[..end] : rest;
    }

    private static Problem Invalid(string field, string detail) => Problems.Invalid(field, "redirect_uri_invalid", detail);
}
