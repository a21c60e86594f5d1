using Activate.Identity.Server.Credentials;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// <c>/connect/userinfo</c> (OpenID Connect Core §5.3): what the access token's scopes let an application know, as the ID token says it. An access token only, and
/// one that was asked for with <c>openid</c>: an API key is nobody's sign-in.
/// </summary>
internal static class UserInfoHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<ExtractUserInfoRequestContext, TakePostWithoutBody>(int.MinValue + 500),
        Handlers.Handle<ExtractUserInfoRequestContext, RequireOneToken>(int.MaxValue - 500),
        Handlers.Handle<ValidateUserInfoRequestContext, RequireOpenId>(UserInfo.ValidateAuthentication.Descriptor.Order + 500),
        Handlers.Handle<HandleUserInfoRequestContext, Describe>(UserInfo.AttachClaims.Descriptor.Order + 500),
    ];

    /// <summary>A POST that carries its token in the header needs no body (OpenID Connect Core §5.3.1); OpenIddict asks for a form.</summary>
    internal sealed class TakePostWithoutBody : IOpenIddictServerHandler<ExtractUserInfoRequestContext>
    {
        public ValueTask HandleAsync(ExtractUserInfoRequestContext context)
        {
            var request = context.Http().Request;
            if (HttpMethods.IsPost(request.Method) && request.ContentLength is null or 0 && string.IsNullOrEmpty(request.ContentType))
                request.ContentType = "application/x-www-form-urlencoded";
            return default;
        }
    }

    /// <summary>RFC 6750 §2: a client uses one way to send the token in each request.</summary>
    internal sealed class RequireOneToken : IOpenIddictServerHandler<ExtractUserInfoRequestContext>
    {
        public ValueTask HandleAsync(ExtractUserInfoRequestContext context)
        {
            var request = context.Http().Request;
            if (request.Headers.Authorization.Count > 0 && request.HasFormContentType && request.Form.ContainsKey(Parameters.AccessToken))
                context.Reject(Errors.InvalidRequest, "Send the access token once: in the Authorization header, or in the body.");
            return default;
        }
    }

    internal sealed class RequireOpenId : IOpenIddictServerHandler<ValidateUserInfoRequestContext>
    {
        public ValueTask HandleAsync(ValidateUserInfoRequestContext context)
        {
            if (context.Transaction.GetProperty<Caller>(nameof(Caller)) is { } caller && !caller.Has(Core.Scopes.OpenId))
                context.Reject(Errors.InsufficientScope, "The access token was not asked for with the scope 'openid'.");
            return default;
        }
    }

    internal sealed class Describe : IOpenIddictServerHandler<HandleUserInfoRequestContext>
    {
        public async ValueTask HandleAsync(HandleUserInfoRequestContext context)
        {
            var caller = context.Transaction.GetProperty<Caller>(nameof(Caller)) ?? throw new InvalidOperationException("Userinfo answers for checked tokens only.");
            await OAuthAnswers.WriteAsync(context.Http(), StatusCodes.Status200OK, UserInfoAnswer.Of(caller));
            context.HandleRequest();
        }
    }
}
