using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Server.Web;

/// <summary>
/// The one base of issuer, links and device URLs: setting <c>Server:PublicOrigin</c>, or the first of <c>Urls</c> that names a host.
/// No request header changes it.
/// </summary>
public sealed class PublicOrigin
{
    public const string DefaultUrls = "http://localhost:5080";

    private PublicOrigin(Uri uri)
    {
        // Browsers send international names as punycode: everything is compared and written in that form.
        var host = uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost;
        Host = uri.IsDefaultPort ? host : $"{host}:{uri.Port}";
        Value = $"{uri.Scheme}://{Host}";
        Uri = new Uri(Value);
        Platform = ApiKeySecret.PlatformOf(uri);
    }

    public Uri Uri { get; }

    /// <summary>Without a slash at the end: <c>https://id.example.org</c>.</summary>
    public string Value { get; }

    /// <summary>With the slash; the same bytes everywhere.</summary>
    public string Issuer => $"{Value}/";

    /// <summary>What a Host header must say.</summary>
    public string Host { get; }

    public string Platform { get; }

    public bool IsHttps => Uri.Scheme == Uri.UriSchemeHttps;

    /// <summary>The audience of our own API.</summary>
    public string ApiAudience => $"{Value}/api";

    public string PlatformAudience => $"{Value}/platform";

    /// <exception cref="StartupException">No usable origin is configured; the message says what to set.</exception>
    public static PublicOrigin From(IConfiguration configuration, IHostEnvironment environment)
    {
        var configured = configuration["Server:PublicOrigin"];
        var urls = configuration["Urls"] ?? DefaultUrls;
        var text = configured ?? urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[0];
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || !(uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            || uri.PathAndQuery != "/" || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0 || IsAnyAddress(uri.Host))
        {
            throw new StartupException(configured is null
                ? $"'{text}' (the first of Urls) names no host that clients could reach. Set Server:PublicOrigin, e.g. https://id.example.org."
                : $"Server:PublicOrigin '{configured}' is not an origin. It is a scheme and a host with no path, e.g. https://id.example.org.");
        }

        if (environment.IsProduction() && uri.Scheme == Uri.UriSchemeHttp && !uri.IsLoopback)
            throw new StartupException($"Production does not run on plain http ({text}): tokens would cross the network in the clear. Set Server:PublicOrigin to the https address that clients use, e.g. https://id.example.org; a proxy before the server may end TLS (docs/operations.md).");
        return new PublicOrigin(uri);
    }

    private static bool IsAnyAddress(string host) => host is "0.0.0.0" or "[::]" or "*" or "+" || host.Contains('*', StringComparison.Ordinal);
}

/// <summary>The server cannot or must not start like this. The message is for the operator; no stack trace is shown.</summary>
public sealed class StartupException(string message) : Exception(message);
