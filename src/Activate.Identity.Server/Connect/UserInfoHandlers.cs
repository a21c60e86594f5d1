using System.Security.Claims;
using System.Text.Json;
using Activate.Identity.Core;
using Activate.Identity.Server.Credentials;
using OpenIddict.Abstractions;
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
        public ValueTask HandleAsync(HandleUserInfoRequestContext context)
        {
            var caller = context.Transaction.GetProperty<Caller>(nameof(Caller)) ?? throw new InvalidOperationException("Userinfo answers for checked tokens only.");
            // Ours alone: no issuer, no audience, and nothing that OpenIddict takes from a principal.
            (context.Issuer, context.Email, context.EmailVerified, context.PreferredUsername, context.Subject) = (null, null, null, null, caller.UserId.ToString());
            context.Audiences.Clear();
            context.Claims.Clear();
            foreach (var claim in OwnerClaims.Of(caller).Told([.. caller.Scopes], caller.Claims, OwnerClaims.UserInfo).Where(claim => claim.Type != Claims.Subject))
            {
                context.Claims[claim.Type] = claim.ValueType switch
                {
                    ClaimValueTypes.Boolean => new OpenIddictParameter(claim.Value == "true"),
                    OwnerClaims.JsonArray => new OpenIddictParameter(JsonSerializer.Deserialize<JsonElement>(claim.Value)),
                    _ => new OpenIddictParameter(claim.Value),
                };
            }

            return default;
        }
    }
}
