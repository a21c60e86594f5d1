using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>How tokens are written: by us. None has a row in a table of OpenIddict.</summary>
internal static class TokenHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<GenerateTokenContext, Write>(Protection.CreateTokenEntry.Descriptor.Order - 500),
        Handlers.Handle<ProcessSignInContext, TellTheTruth>(AttachSignInParameters.Descriptor.Order + 600),
    ];

    internal sealed class Write(IdTokenWriter idTokens, ApplicationCache applications) : IOpenIddictServerHandler<GenerateTokenContext>
    {
        public async ValueTask HandleAsync(GenerateTokenContext context)
        {
            var issued = context.Transaction.GetProperty<IssuedTokens>(nameof(IssuedTokens));
            context.Token = context.TokenType switch
            {
                TokenTypeIdentifiers.AccessToken => issued?.Access ?? throw new InvalidOperationException("Access tokens are issued by a grant."),
                TokenTypeIdentifiers.RefreshToken => issued?.Refresh?.Reveal() ?? throw new InvalidOperationException("The grant is not renewed."),
                TokenTypeIdentifiers.IdentityToken => await WriteAsync(context, context.Transaction.GetProperty<Standing>(nameof(Standing)) ?? throw new InvalidOperationException("ID tokens are issued by a sign-in.")),
                TokenTypeIdentifiers.Private.AuthorizationCode => context.Http().Features.Get<IssuedCode>()?.Code ?? throw new InvalidOperationException("Codes are issued by the authorization page."),
                _ => context.Token,
            };
        }

        private async ValueTask<string> WriteAsync(GenerateTokenContext context, Standing standing) =>
            idTokens.Write(standing, (await applications.FindAsync(standing.Grant.ClientId, context.Http().RequestAborted))?.SigningAlgorithm);
    }

    /// <summary><c>expires_in</c> and <c>scope</c> as they are: OpenIddict counts from its own clock reading and leaves out an unchanged scope.</summary>
    internal sealed class TellTheTruth(ServerMeter meter, TimeProvider clock) : IOpenIddictServerHandler<ProcessSignInContext>
    {
        public ValueTask HandleAsync(ProcessSignInContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.Token && context.Transaction.GetProperty<IssuedTokens>(nameof(IssuedTokens)) is { } issued)
            {
                context.Response.ExpiresIn = (long)(issued.ExpiresAt - clock.Now()).TotalSeconds;
                context.Response.Scope = issued.Scopes;
                if (GrantOf(context.Request.GrantType) is { } grant)
                    meter.Issued(grant);
            }

            return default;
        }

        private static ServerMeter.Grant? GrantOf(string? type) => type switch
        {
            GrantTypes.AuthorizationCode => ServerMeter.Grant.AuthorizationCode,
            GrantTypes.RefreshToken => ServerMeter.Grant.RefreshToken,
            GrantTypes.ClientCredentials => ServerMeter.Grant.ClientCredentials,
            GrantTypes.DeviceCode => ServerMeter.Grant.DeviceCode,
            GrantTypes.TokenExchange => ServerMeter.Grant.TokenExchange,
            _ => null,
        };
    }
}

/// <summary>The authorization code on its way from the page that issued it to the answer.</summary>
internal sealed record IssuedCode(string Code)
{
    public override string ToString() => "authorization code";
}
