using Activate.Identity.Core;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Connect;

/// <summary>Tokens of applications that act for themselves (client credentials, RFC 6749 §4.4). None costs a row.</summary>
internal sealed class OwnTokens(AccessTokenWriter writer, PublicOrigin origin, TimeProvider clock)
{
    /// <param name="application">With its organization; authenticated, in good standing.</param>
    /// <param name="scopes">That its registration allows, space-separated.</param>
    /// <param name="resources">Known ones, space-separated; null for none.</param>
    public IssuedTokens Issue(Application application, string scopes, string? resources)
    {
        var now = clock.Now();
        var end = now.AddHours(GrantIssuer.AccessTokenHours);
        return new IssuedTokens(writer.Write(new AccessTokenContent(
            Guid.CreateVersion7(clock.GetUtcNow()), application.ClientId!, application.ClientId!, scopes, Caller.AudiencesFor(Scopes.Split(scopes), resources, origin), now, end,
            application.Organization?.Slug)
        {
            Algorithm = application.SigningAlgorithm ?? SecurityAlgorithms.RsaSha256,
        }), scopes, end);
    }
}
