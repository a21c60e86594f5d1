namespace Activate.Identity.Core.Applications;

/// <summary>The grants of the server as <c>grant_type</c> names them (RFC 6749, 8628, 8693). The two with long names are also taken by their last word.</summary>
public static class Grants
{
    public const string AuthorizationCode = "authorization_code";
    public const string RefreshToken = "refresh_token";
    public const string ClientCredentials = "client_credentials";
    public const string DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";
    public const string TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

    public static readonly IReadOnlyList<string> All = [AuthorizationCode, RefreshToken, ClientCredentials, DeviceCode, TokenExchange];

    /// <summary>What command lines and messages say.</summary>
    public static string Word(string grant) => grant switch
    {
        DeviceCode => "device_code",
        TokenExchange => "token_exchange",
        _ => grant,
    };

    public static string? Find(string? name) => name switch
    {
        "token-exchange" => TokenExchange,
        _ => All.FirstOrDefault(grant => grant == name || Word(grant) == name),
    };
}
