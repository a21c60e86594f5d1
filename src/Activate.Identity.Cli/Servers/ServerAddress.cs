using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Servers;

/// <summary>Which server is meant, and whether a secret may travel there.</summary>
internal static class ServerAddress
{
    /// <summary>The origin a person named. A bare host means https.</summary>
    /// <param name="text">What was given.</param>
    /// <param name="source">Where it was given, for the message.</param>
    public static Uri Parse(string text, string source)
    {
        var address = text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}";
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http") || uri.Host.Length == 0
            || uri.UserInfo.Length > 0 || uri.PathAndQuery != "/" || uri.Fragment.Length > 0)
            throw Failure.Usage($"{source} is not the address of a server: '{text}'. Write it as https://id.example.org, without a path.");
        return new Uri(Origin(uri));
    }

    /// <summary>The origin as the server writes it itself: lower case, punycode, no default port, no slash.</summary>
    public static string Origin(Uri server)
    {
        var platform = ApiKeySecret.PlatformOf(server);
        return server.Scheme == Uri.UriSchemeHttps ? $"https://{platform}" : platform;
    }

    public static bool Same(Uri one, Uri other) => ApiKeySecret.PlatformOf(one) == ApiKeySecret.PlatformOf(other);

    /// <summary>The name under which a sign-in at this server is kept when no other was given.</summary>
    public static string ContextName(Uri server)
    {
        var origin = Origin(server);
        return origin[(origin.IndexOf("://", StringComparison.Ordinal) + 3)..];
    }

    /// <summary>Refuses to send a secret over plain http, except to this very machine.</summary>
    public static void RequireSecure(Uri server)
    {
        if (server.Scheme != Uri.UriSchemeHttps && !IsLoopback(server))
            throw Failure.Usage($"{Origin(server)} is plain http: a credential would be readable on the way, so nothing was sent. Use https.");
    }

    /// <summary>127.0.0.0/8, ::1 and localhost. Not names under .localhost: many resolvers ask the network for them.</summary>
    public static bool IsLoopback(Uri server) => server.IsLoopback;
}
