namespace Activate.Identity.AspNetCore;

/// <summary>
/// The claims of a principal, the same for access tokens and API keys. All values are texts as the server wrote them. A principal also has <c>iss</c>, <c>iat</c>, one
/// <c>aud</c> for each audience, and <c>exp</c> when the credential ends (seconds since 1970).
/// </summary>
public static class ActivateIdentityClaims
{
    /// <summary>The id of the user, which never changes and is never reused; for an application that acts for itself, its client id. Always there.</summary>
    public const string Subject = "sub";

    /// <summary>
    /// The user's name, which is also <c>User.Identity.Name</c>. Absent for an application that acts for itself, and for tokens that were verified offline.
    /// </summary>
    public const string Username = "preferred_username";

    /// <summary>One claim for each scope that the credential has and its owner's role still allows.</summary>
    public const string Scope = "scope";

    /// <summary>The client to which an access token was issued. Absent for an API key, which belongs to no client.</summary>
    public const string ClientId = "client_id";

    /// <summary>The slug of the owner's organization. Absent for a server-wide application that acts for itself.</summary>
    public const string Organization = "organization";

    /// <summary>The id of the credential, for logs: of this very token, or of the API key. It is no secret. Always there.</summary>
    public const string TokenId = "jti";

    /// <summary><see cref="ApiKey"/> or <see cref="AccessToken"/>. Always there.</summary>
    public const string CredentialKind = "credential_kind";

    /// <summary>The value of <see cref="CredentialKind"/> for API keys.</summary>
    public const string ApiKey = "apiKey";

    /// <summary>The value of <see cref="CredentialKind"/> for access tokens, whatever they were issued for.</summary>
    public const string AccessToken = "accessToken";
}
