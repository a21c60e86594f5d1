using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>Rules of the standards that OpenIddict leaves open.</summary>
internal static class RequestRules
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<ValidateAuthorizationRequestContext, RequireRealChallenge>(Authentication.ValidateAuthentication.Descriptor.Order - 500),
        Handlers.Handle<ExtractTokenRequestContext, NoSecretInUrl>(int.MinValue + 1000),
        Handlers.Handle<ExtractIntrospectionRequestContext, NoSecretInUrl>(int.MinValue + 1000),
        Handlers.Handle<ExtractRevocationRequestContext, NoSecretInUrl>(int.MinValue + 1000),
        Handlers.Handle<ExtractDeviceAuthorizationRequestContext, NoSecretInUrl>(int.MinValue + 1000),
    ];

    /// <summary>RFC 7636 §4.2: an S256 challenge is 43 base64url characters, and it names its method.</summary>
    internal sealed class RequireRealChallenge : IOpenIddictServerHandler<ValidateAuthorizationRequestContext>
    {
        public ValueTask HandleAsync(ValidateAuthorizationRequestContext context)
        {
            if (context.Request.CodeChallenge is not { Length: 43 } challenge || !System.Buffers.Text.Base64Url.IsValid(challenge))
                context.Reject(Errors.InvalidRequest, "PKCE is required: send a code_challenge of 43 base64url characters (RFC 7636, S256).");
            else if (context.Request.CodeChallengeMethod != CodeChallengeMethods.Sha256)
                context.Reject(Errors.InvalidRequest, "PKCE is required with code_challenge_method=S256.");
            return default;
        }
    }

    /// <summary>RFC 6749 §2.3.1: parameters of these endpoints are sent in the body, never in the URL, where logs would keep them.</summary>
    internal sealed class NoSecretInUrl :
        IOpenIddictServerHandler<ExtractTokenRequestContext>, IOpenIddictServerHandler<ExtractIntrospectionRequestContext>,
        IOpenIddictServerHandler<ExtractRevocationRequestContext>, IOpenIddictServerHandler<ExtractDeviceAuthorizationRequestContext>
    {
        public ValueTask HandleAsync(ExtractTokenRequestContext context) => Check(context);

        public ValueTask HandleAsync(ExtractIntrospectionRequestContext context) => Check(context);

        public ValueTask HandleAsync(ExtractRevocationRequestContext context) => Check(context);

        public ValueTask HandleAsync(ExtractDeviceAuthorizationRequestContext context) => Check(context);

        private static ValueTask Check(BaseValidatingContext context)
        {
            if (context.Http().Request.QueryString.HasValue)
                context.Reject(Errors.InvalidRequest, "Send the parameters in the body of a POST, not in the URL.");
            return default;
        }
    }
}
