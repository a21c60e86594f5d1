namespace Activate.Identity.Core;

/// <summary>Claims of our tokens beside the registered ones of RFC 7519 and RFC 9068.</summary>
public static class ClaimNames
{
    /// <summary>The server's host (or whole origin for http), so that a client finds its server from the token alone.</summary>
    public const string PlatformHost = "platform_host";

    /// <summary>The slug of the owner's organization.</summary>
    public const string Organization = "organization";

    /// <summary>The id of the credential that an access token belongs to: a generated token or a session.</summary>
    public const string SessionId = "sid";

    /// <summary>The id of the API key that an access token was exchanged for.</summary>
    public const string ApiKeyId = "api_key_id";

    /// <summary>In an introspection's answer: from which addresses the user may use the key. A resource server refuses it elsewhere.</summary>
    public const string AllowedAddresses = "allowed_addresses";

    /// <summary>True in a token that was exchanged for another credential: it is a part of that, and is not exchanged again.</summary>
    public const string Exchanged = "exchanged";
}
