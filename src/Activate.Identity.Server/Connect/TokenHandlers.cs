using Activate.Identity.Server.Web;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>How tokens are written: access tokens by us, from their grant, without a row of their own; ID tokens by OpenIddict, without a row either.</summary>
internal static class TokenHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<GenerateTokenContext, Write>(Protection.CreateTokenEntry.Descriptor.Order - 500),
        Handlers.Handle<ProcessSignInContext, TellTheTruth>(AttachSignInParameters.Descriptor.Order + 600),
    ];

    internal sealed class Write : IOpenIddictServerHandler<GenerateTokenContext>
    {
        public ValueTask HandleAsync(GenerateTokenContext context)
        {
            if (context.TokenType is TokenTypeIdentifiers.AccessToken or TokenTypeIdentifiers.IdentityToken)
                context.CreateTokenEntry = context.PersistTokenPayload = false;
            if (context.TokenType == TokenTypeIdentifiers.AccessToken)
                context.Token = (context.Transaction.GetProperty<Standing>(nameof(Standing)) ?? throw new InvalidOperationException("An access token stands on a grant.")).Token;

            return default;
        }
    }

    /// <summary><c>expires_in</c> and <c>scope</c> as the grant has them: OpenIddict counts from its own clock reading and leaves out an unchanged scope.</summary>
    internal sealed class TellTheTruth(TimeProvider clock) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.IncludeAccessToken && context.Transaction.GetProperty<Standing>(nameof(Standing)) is { } standing)
            {
                context.Response.ExpiresIn = (long)(standing.Grant.ExpiresAt - clock.Now()).TotalSeconds;
                context.Response.Scope = standing.Grant.Scopes;
            }

            return default;
        }
    }
}
