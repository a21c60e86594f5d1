using Activate.Identity.Core;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Microsoft.IdentityModel.Tokens;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>Who is told of a credential, and what (RFC 7662 §2.2).</summary>
internal static class IntrospectionAnswer
{
    /// <summary>Whether an application answers for one of the credential's audiences, and may see its owner.</summary>
    public static bool AnswersFor(Application application, Caller caller) =>
        !application.Suspended && (application.OrganizationId is null || application.OrganizationId == caller.OrganizationId)
        && Scopes.Split(application.Audiences ?? "").Intersect(caller.Audiences).Any();

    /// <summary>The answer of the contract: for a key no <c>client_id</c>, and no <c>exp</c> when it is endless; for what does not count, or is not for the one who asks, nothing.</summary>
    public static Task WriteAsync(HttpContext http, Caller? caller) => OAuthAnswers.WriteAsync(http, StatusCodes.Status200OK, caller, static (json, caller) =>
    {
        json.WriteBoolean("active", caller is not null);
        if (caller is null)
            return;
        json.WriteString("token_type", TokenTypes.Bearer);
        json.WriteString("sub", caller.Subject);
        if (!caller.IsApplication)
            json.WriteString("username", caller.Username);
        if (caller.ClientId is { } client)
            json.WriteString("client_id", client);
        json.WriteString("scope", Scopes.Join(caller.Scopes));
        if (caller.Audiences.Count == 1)
        {
            json.WriteString("aud", caller.Audiences[0]);
        }
        else
        {
            json.WriteStartArray("aud");
            foreach (var audience in caller.Audiences)
                json.WriteStringValue(audience);
            json.WriteEndArray();
        }

        json.WriteString("jti", caller.TokenId);
        json.WriteNumber("iat", EpochTime.GetIntDate(caller.IssuedAt));
        if (caller.ExpiresAt is { } end)
            json.WriteNumber("exp", EpochTime.GetIntDate(end));
        if (caller.OrganizationSlug.Length > 0)
            json.WriteString(ClaimNames.Organization, caller.OrganizationSlug);
        // Only the resource server knows where the user's request came from.
        if (caller.AllowedAddresses is { } addresses)
        {
            json.WriteStartArray(ClaimNames.AllowedAddresses);
            foreach (var range in addresses.Ranges)
                json.WriteStringValue(range);
            json.WriteEndArray();
        }
    });
}
