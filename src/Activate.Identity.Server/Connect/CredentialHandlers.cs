using System.Security.Claims;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.ApiKeys;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Tokens;
using Activate.Identity.Server.Web;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>Introspection (RFC 7662) and revocation (RFC 7009) of access tokens and API keys, both through the one <see cref="CredentialAuthenticator"/>.</summary>
internal static class CredentialHandlers
{
    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<ValidateTokenContext, Check>(Protection.RemoveDisallowedCharacters.Descriptor.Order + 500),
        Handlers.Handle<HandleIntrospectionRequestContext, Describe>(Introspection.AttachApplicationClaims.Descriptor.Order + 500),
        Handlers.Handle<ValidateRevocationRequestContext, RevokeWithoutClient>(Revocation.ValidateAuthentication.Descriptor.Order - 500),
        Handlers.Handle<HandleRevocationRequestContext, Revoke>(Revocation.RevokeToken.Descriptor.Order - 500),
    ];

    /// <summary>The checked caller, as the principal that OpenIddict's later checks look at.</summary>
    internal sealed class Check(CredentialAuthenticator authenticator, RevocableCredentials revocables, IOpenIddictApplicationManager applications, LastUses uses)
        : IOpenIddictServerHandler<ValidateTokenContext>
    {
        public async ValueTask HandleAsync(ValidateTokenContext context)
        {
            var asKey = context.ValidTokenTypes.Contains(ExchangeGrant.ApiKeyType);
            if (context.Principal is not null || (!asKey && !context.ValidTokenTypes.Contains(TokenTypeIdentifiers.AccessToken)) || context.Token is not { } token)
                return;
            var http = context.Http();
            if (context.EndpointType == OpenIddictServerEndpointType.Revocation)
            {
                if (await revocables.FindAsync(token, http.RequestAborted) is not { } target)
                {
                    context.Reject(Errors.InvalidToken, "The token is unknown, malformed, expired or revoked.");
                    return;
                }

                context.Transaction.SetProperty(nameof(Revocable), target);
                // Whoever holds a key may revoke it, under whatever client's name it asks; a token is revoked by its own.
                context.Principal = Principal(TokenTypeIdentifiers.AccessToken, target.Actor?.UserId.ToString() ?? target.ClientId!, ["-"],
                    target.Kind == CredentialKind.ApiKey ? context.Request?.ClientId ?? "-" : target.ClientId ?? "-");
                return;
            }

            // RFC 8693 §2.1: a subject token is what its type says, or nothing.
            var exchange = context.Request?.IsTokenExchangeGrantType() == true;
            if ((exchange && asKey != ApiKeySecret.LooksLikeKey(token)) || await CallerAsync(http, token) is not { } caller)
            {
                context.Reject(exchange ? Errors.InvalidGrant : Errors.InvalidToken, "The token is unknown, malformed, expired or revoked.");
                return;
            }

            // Introspection comes from a resource server, which is told the list.
            if (exchange && !caller.MayCallFrom(http.Connection.RemoteIpAddress))
            {
                context.Reject(Errors.InvalidGrant, Core.Errors.Problems.AddressNotAllowed.Detail);
                return;
            }

            if (context.EndpointType == OpenIddictServerEndpointType.UserInfo && !UserInfoAnswer.IsSignIn(caller))
            {
                context.Reject(caller.Kind == CredentialKind.ApiKey && !caller.Exchanged ? Errors.InvalidToken : Errors.InsufficientScope, "Only an access token of somebody's sign-in is accepted here.");
                return;
            }

            context.Transaction.SetProperty(nameof(Caller), caller);
            if (context.EndpointType == OpenIddictServerEndpointType.UserInfo)
                uses.Record(caller, http.RemoteAddress());
            // OpenIddict compares audiences with client ids: whoever answers for one of the credential's audiences, and may see its owner, is one.
            // Both an audience and a presenter must be there, or it lets everybody through.
            List<string> audiences = ["-"];
            var presenter = context.EndpointType == OpenIddictServerEndpointType.Introspection ? "-" : caller.ClientId ?? "-";
            if (context.Request?.ClientId is { } client)
            {
                if (context.EndpointType == OpenIddictServerEndpointType.Introspection && await applications.FindByClientIdAsync(client) is Application application
                    && IntrospectionAnswer.AnswersFor(application, caller))
                {
                    audiences.Add(client);
                    // Used at a resource server, whose address is not the user's.
                    uses.Record(caller, address: null);
                }

                // Who may exchange is for the exchange to say.
                if (exchange)
                    presenter = client;
            }

            context.Principal = Principal(asKey ? ExchangeGrant.ApiKeyType : TokenTypeIdentifiers.AccessToken, caller.Subject, audiences, presenter);
        }

        private async ValueTask<Caller?> CallerAsync(HttpContext http, string token) =>
            http.Features.Get<CheckedBearer>() is { } known ? known.Caller : (await authenticator.AuthenticateAsync(token, http.RequestAborted))?.Caller;

        private static ClaimsPrincipal Principal(string type, string subject, List<string> audiences, string presenter) =>
            new ClaimsPrincipal(new ClaimsIdentity("credential", Claims.Name, Claims.Role))
                .SetTokenType(type).SetClaim(Claims.Subject, subject).SetAudiences([.. audiences]).SetPresenters(presenter);
    }

    internal sealed class Describe : IOpenIddictServerHandler<HandleIntrospectionRequestContext>
    {
        public async ValueTask HandleAsync(HandleIntrospectionRequestContext context)
        {
            await IntrospectionAnswer.WriteAsync(context.Http(), context.Transaction.GetProperty<Caller>(nameof(Caller)) ?? throw new InvalidOperationException("Introspection answers for checked credentials only."));
            context.HandleRequest();
        }
    }

    /// <summary>Whoever holds an API key may revoke it: a key is bound to no client. The answer is the same for one that does not exist.</summary>
    internal sealed class RevokeWithoutClient(RevocableCredentials revocables, ApiKeyIssuer keys) : IOpenIddictServerHandler<ValidateRevocationRequestContext>
    {
        public async ValueTask HandleAsync(ValidateRevocationRequestContext context)
        {
            if (context.Request.Token is not { } token || !ApiKeySecret.LooksLikeKey(token) || !string.IsNullOrEmpty(context.Request.ClientId) || !string.IsNullOrEmpty(context.Request.ClientAssertion))
                return;
            var http = context.Http();
            if (await revocables.FindAsync(token, http.RequestAborted) is { Actor: { CredentialId: { } key } actor })
                await keys.DeleteAsync(actor, key, http.RequestAborted);
            await AnswerAsync(http);
            context.HandleRequest();
        }
    }

    /// <summary>RFC 7009 §2.2: the same to the byte whether the token was known or not, as OpenIddict answers for those that are not.</summary>
    private static Task AnswerAsync(HttpContext http) => OAuthAnswers.WriteAsync(http, StatusCodes.Status200OK, true, static (_, _) => { });

    /// <summary>
    /// RFC 7009 §2.1: a token of a person's sign-in takes the whole authorization with it, whichever token it is. One without a grant of its own (exchanged, or of an
    /// application that acts for itself) ends alone.
    /// </summary>
    internal sealed class Revoke(ApiKeyIssuer keys, TokenIssuer tokens) : IOpenIddictServerHandler<HandleRevocationRequestContext>
    {
        public async ValueTask HandleAsync(HandleRevocationRequestContext context)
        {
            var http = context.Http();
            if (context.Transaction.GetProperty<TokenGrant>(nameof(TokenGrant)) is { Owner: { } owner } chain)
                await tokens.EndAsync(new AuditActor(owner.Id, owner.OrganizationId, chain.Id), chain.Kind, chain.Id, http.RequestAborted);
            else if (context.Transaction.GetProperty<Revocable>(nameof(Revocable)) is not { } target)
                return;
            else if (target.Unlisted is { } token)
                await tokens.EndUnlistedAsync(token, target.Actor, http.RequestAborted);
            else if (target is { Kind: CredentialKind.ApiKey, Actor: { CredentialId: { } key } holder })
                await keys.DeleteAsync(holder, key, http.RequestAborted);
            else if (target is { Actor: { CredentialId: { } grant } actor })
                await tokens.EndAsync(actor, target.Kind, grant, http.RequestAborted);
            await AnswerAsync(http);
            context.HandleRequest();
        }
    }
}
