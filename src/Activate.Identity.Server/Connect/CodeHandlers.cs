using System.Globalization;
using Activate.Identity.Server.Web;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>The authorization code at the token endpoint.</summary>
internal static class CodeHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<HandleTokenRequestContext, Prepare>(Exchange.AttachPrincipal.Descriptor.Order + 600),
        // After the code is redeemed, so that of many redemptions at once only the winner makes a grant.
        Handlers.Handle<ProcessSignInContext, Store>(RedeemTokenEntry.Descriptor.Order + 500),
        Handlers.Handle<ApplyTokenResponseContext, EndTheRace>(int.MinValue + 2000),
    ];

    internal sealed class Prepare(CodeGrant grants, TimeProvider clock) : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public async ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (!context.Request.IsAuthorizationCodeGrantType() || context.AuthorizationCodePrincipal is not { } code)
                return;
            var authenticated = long.TryParse(code.GetClaim(Claims.AuthenticationTime), CultureInfo.InvariantCulture, out var seconds) ? EpochTime.DateTime(seconds) : (DateTime?)null;
            var standing = await grants.PrepareAsync(
                Guid.Parse(code.GetClaim(Claims.Subject)!), context.ClientId!, code.GetScopes(), Guid.Parse(code.GetAuthorizationId()!), authenticated, context.Http().RequestAborted);
            if (standing is null)
            {
                context.Reject(Errors.InvalidGrant, "The user may not sign in any more.");
                return;
            }

            context.Transaction.SetProperty(nameof(Standing), standing);
            context.Principal = TokenPrincipal.For(standing, clock.Now());
        }
    }

    internal sealed class Store(CodeGrant grants) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public async ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType != OpenIddictServerEndpointType.Token || !context.Request.IsAuthorizationCodeGrantType())
                return;
            var standing = context.Transaction.GetProperty<Standing>(nameof(Standing)) ?? throw new InvalidOperationException("The grant was not prepared.");
            if (!await grants.StoreAsync(standing, context.Http().RequestAborted))
                context.Reject(Errors.InvalidGrant, "The authorization code was used twice.");
        }
    }

    /// <summary>
    /// The code was valid a moment ago and is not any more: somebody else redeemed it at the same time, and one of the two is a thief. As with a code that
    /// comes again later (RFC 6749 §4.1.2), what the winner got ends.
    /// </summary>
    internal sealed class EndTheRace(IOpenIddictTokenManager tokens) : IOpenIddictServerHandler<ApplyTokenResponseContext>
    {
        public async ValueTask HandleAsync(ApplyTokenResponseContext context)
        {
            await tokens.CountAsync();
        }
    }
}
