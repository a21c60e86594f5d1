using System.Security.Claims;
using Activate.Identity.Core;
using Activate.Identity.Core.Tokens;
using Activate.Identity.Data.Applications;
using Activate.Identity.Data.Tokens;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Codes, refresh tokens, exchange and client credentials at the token endpoint. OpenIddict reads the request, authenticates the client and compares what was bound
/// to the code (client, redirect URI, PKCE); the storage and the decisions are ours (<see cref="CodeGrant"/>, <see cref="RefreshGrant"/>, <see cref="ExchangeGrant"/>).
/// OpenIddict makes every handler for each request: what only one grant needs is taken once it is that grant, or each request would make a database context.
/// </summary>
internal static class GrantHandlers
{
    /// <summary>The private claims in which OpenIddict looks for what a code is bound to.</summary>
    private const string RedirectUri = "oi_reduri", CodeChallenge = "oi_cd_chlg", CodeChallengeMethod = "oi_cd_chlg_meth";

    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        Handlers.Handle<ValidateTokenContext, ReadCode>(Protection.RemoveDisallowedCharacters.Descriptor.Order + 410),
        Handlers.Handle<ValidateTokenContext, ReadRefreshToken>(Protection.RemoveDisallowedCharacters.Descriptor.Order + 420),
        Handlers.Handle<ValidateTokenRequestContext, RefuseActors>(Exchange.ValidateTokenExchangeParameters.Descriptor.Order - 500),
        Handlers.Handle<ValidateTokenRequestContext, RequireVerifier>(Exchange.ValidateCodeVerifier.Descriptor.Order - 500),
        Handlers.Handle<HandleTokenRequestContext, RedeemCode>(Exchange.AttachPrincipal.Descriptor.Order + 600),
        Handlers.Handle<HandleTokenRequestContext, RedeemRefreshToken>(Exchange.AttachPrincipal.Descriptor.Order + 610),
        Handlers.Handle<HandleTokenRequestContext, ExchangeToken>(Exchange.AttachPrincipal.Descriptor.Order + 620),
        Handlers.Handle<HandleTokenRequestContext, IssueForItself>(Exchange.AttachPrincipal.Descriptor.Order + 630),
    ];

    internal sealed class ReadCode(CodeGrant grant) : IOpenIddictServerHandler<ValidateTokenContext>
    {
        public async ValueTask HandleAsync(ValidateTokenContext context)
        {
            if (!IsFor(context, TokenTypeIdentifiers.Private.AuthorizationCode))
                return;
            if (await grant.ReadAsync(context.Token!, context.Request!.ClientId ?? "", context.Http().RequestAborted) is not { } code)
            {
                context.Reject(Errors.InvalidGrant, "The authorization code is unknown, expired, was used already, or was made for another client.");
                return;
            }

            context.Transaction.SetProperty(nameof(AuthorizationCode), code);
            var principal = Principal(TokenTypeIdentifiers.Private.AuthorizationCode, code.UserId, code.ClientId, code.Scopes)
                .SetClaim(RedirectUri, code.RedirectUri);
            if (code.CodeChallenge is not null)
                principal.SetClaim(CodeChallenge, code.CodeChallenge).SetClaim(CodeChallengeMethod, CodeChallengeMethods.Sha256);
            context.Principal = principal;
        }
    }

    internal sealed class ReadRefreshToken(RefreshGrant grant) : IOpenIddictServerHandler<ValidateTokenContext>
    {
        public async ValueTask HandleAsync(ValidateTokenContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.Revocation && context.Principal is null && context.Token is { } text && RefreshToken.LooksLikeOne(text))
            {
                // Whichever of a chain it is: who holds it may end the chain.
                if (await grant.FindAsync(text, context.Request?.ClientId ?? "", context.Http().RequestAborted) is not { } chain)
                {
                    context.Reject(Errors.InvalidToken, "The refresh token is unknown.");
                    return;
                }

                context.Transaction.SetProperty(nameof(TokenGrant), chain);
                context.Principal = Principal(TokenTypeIdentifiers.RefreshToken, chain.OwnerId, chain.ClientId, chain.Scopes);
                return;
            }

            if (!IsFor(context, TokenTypeIdentifiers.RefreshToken))
                return;
            if (await grant.ReadAsync(context.Token!, context.Request!.ClientId ?? "", context.Http().RequestAborted) is not var (found, token))
            {
                context.Reject(Errors.InvalidGrant, "The refresh token is unknown, expired, was used already, or was made for another client. Sign in again.");
                return;
            }

            context.Transaction.SetProperty(nameof(TokenGrant), found);
            context.Transaction.SetProperty(nameof(RefreshToken), token);
            context.Principal = Principal(TokenTypeIdentifiers.RefreshToken, found.OwnerId, found.ClientId, found.Scopes);
        }
    }

    /// <summary>RFC 7636 §4.6: no verifier is a wrong one, where OpenIddict speaks of a malformed request.</summary>
    internal sealed class RequireVerifier : IOpenIddictServerHandler<ValidateTokenRequestContext>
    {
        public ValueTask HandleAsync(ValidateTokenRequestContext context)
        {
            if (string.IsNullOrEmpty(context.Request.CodeVerifier) && context.Transaction.GetProperty<AuthorizationCode>(nameof(AuthorizationCode)) is { CodeChallenge: not null })
                context.Reject(Errors.InvalidGrant, "The code_verifier of this authorization code is missing.");
            return default;
        }
    }

    /// <summary>RFC 8693 §4.1: acting for somebody needs a rule that says who may; there is none here.</summary>
    internal sealed class RefuseActors : IOpenIddictServerHandler<ValidateTokenRequestContext>
    {
        public ValueTask HandleAsync(ValidateTokenRequestContext context)
        {
            if (context.Request.IsTokenExchangeGrantType() && !string.IsNullOrEmpty(context.Request.ActorToken))
                context.Reject(Errors.InvalidRequest, "actor_token is not supported: an exchanged token stands for its user alone.");
            return default;
        }
    }

    internal sealed class RedeemCode(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public async ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (!context.Request.IsAuthorizationCodeGrantType() || context.Transaction.GetProperty<AuthorizationCode>(nameof(AuthorizationCode)) is not { } code)
                return;
            if (!Narrowed(context, code.Resources, out var resources))
                return;
            if (await Grant<CodeGrant>(context).RedeemAsync(code, await FindAsync(applications, context), resources, context.Http().RequestAborted) is not { } standing)
                context.Reject(Errors.InvalidGrant, "The authorization code was used already, or the user may not sign in any more.");
            else
                SignIn(context, standing with { Nonce = code.Nonce });
        }
    }

    internal sealed class RedeemRefreshToken(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public async ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (!context.Request.IsRefreshTokenGrantType() || context.Transaction.GetProperty<TokenGrant>(nameof(TokenGrant)) is not { } found)
                return;
            if (!Narrowed(context, found.Resources, out var resources))
                return;
            var scopes = Asked(context.Request);
            if (await Grant<RefreshGrant>(context).RedeemAsync(found, context.Transaction.GetProperty<RefreshToken>(nameof(RefreshToken))!, await FindAsync(applications, context), scopes, resources,
                context.Http().RequestAborted) is not { } standing)
                context.Reject(Errors.InvalidGrant, "The refresh token was used already, or the user may not sign in any more. Sign in again.");
            else
                SignIn(context, standing);
        }
    }

    internal sealed class ExchangeToken(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public async ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (!context.Request.IsTokenExchangeGrantType() || context.Transaction.GetProperty<Caller>(nameof(Caller)) is not { } subject)
                return;
            var scopes = Asked(context.Request);
            var exchanged = await Grant<ExchangeGrant>(context).ExchangeAsync(subject, await FindAsync(applications, context), scopes, Audiences(context.Request), context.Http().RequestAborted);
            SignIn(context, exchanged, subject.UserId.ToString());
        }

        /// <summary>RFC 8693 §2.1: <c>resource</c> and <c>audience</c> name what the token is for; here both are audiences.</summary>
        private static string[]? Audiences(OpenIddictRequest request)
        {
            var audience = request.GetParameter(Parameters.Audience) is { } parameter && (System.Collections.Immutable.ImmutableArray<string?>?)parameter is { } values
                ? values.OfType<string>().Where(value => value.Length > 0)
                : [];
            string[] all = [.. (Resources.Of(request) ?? []).Union(audience, StringComparer.Ordinal)];
            return all.Length > 0 ? all : null;
        }
    }

    internal sealed class IssueForItself(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<HandleTokenRequestContext>
    {
        public async ValueTask HandleAsync(HandleTokenRequestContext context)
        {
            if (!context.Request.IsClientCredentialsGrantType())
                return;
            var application = await FindAsync(applications, context);
            if (application.Organization is { Suspended: true })
            {
                context.Reject(Errors.UnauthorizedClient, "The organization of the application is suspended.");
                return;
            }

            SignIn(context, await Grant<ExchangeGrant>(context).IssueForItselfAsync(application, Asked(context.Request), Resources.Of(context.Request), context.Http().RequestAborted), application.ClientId!);
        }
    }

    private static TGrant Grant<TGrant>(HandleTokenRequestContext context) where TGrant : notnull => context.Http().RequestServices.GetRequiredService<TGrant>();

    private static bool IsFor(ValidateTokenContext context, string type) =>
        context.ValidTokenTypes.Count == 1 && context.ValidTokenTypes.Contains(type) && context.Principal is null && context.EndpointType == OpenIddictServerEndpointType.Token
        && !context.Request!.IsTokenExchangeGrantType();

    private static ClaimsPrincipal Principal(string type, Guid subject, string clientId, string scopes) =>
        new ClaimsPrincipal(new ClaimsIdentity("grant", Claims.Name, Claims.Role)).SetTokenType(type).SetClaim(Claims.Subject, subject.ToString()).SetPresenters(clientId)
            .SetScopes(Scopes.Split(scopes));

    /// <summary>RFC 8707 §2.2: at the token endpoint a client may ask for some of the resources that were granted, not for others.</summary>
    private static bool Narrowed(HandleTokenRequestContext context, string? granted, out IReadOnlyList<string>? resources)
    {
        resources = Resources.Of(context.Request);
        if (resources is null || resources.All(Scopes.Split(granted ?? "").Contains))
            return true;
        context.Reject(Errors.InvalidTarget, "A resource was not part of what the user allowed.");
        return false;
    }

    private static string[]? Asked(OpenIddictRequest request) => string.IsNullOrEmpty(request.Scope) ? null : [.. request.GetScopes()];

    private static async Task<Application> FindAsync(IOpenIddictApplicationManager applications, HandleTokenRequestContext context) =>
        await applications.FindByClientIdAsync(context.ClientId!) as Application ?? throw new InvalidOperationException("The client was authenticated a moment ago.");

    /// <summary>What OpenIddict is told of a sign-in: which tokens to answer with. What they say is ours (<see cref="TokenHandlers"/>).</summary>
    internal static void SignIn(HandleTokenRequestContext context, Standing standing)
    {
        context.Transaction.SetProperty(nameof(Standing), standing);
        context.Transaction.SetProperty(nameof(IssuedTokens), standing.Tokens);
        // An ID token for openid; a refresh token for offline_access, also where a refresh asked for fewer scopes.
        string[] signalled = [.. Scopes.Split(standing.Tokens.Scopes).Where(scope => scope == Scopes.OpenId), .. standing.Tokens.Refresh is null ? Array.Empty<string>() : [Scopes.OfflineAccess]];
        context.Principal = new ClaimsPrincipal(new ClaimsIdentity("grant", Claims.Name, Claims.Role)).SetClaim(Claims.Subject, standing.Owner.Id.ToString()).SetScopes(signalled);
    }

    private static void SignIn(HandleTokenRequestContext context, Core.Errors.Result<IssuedTokens> issued, string subject)
    {
        if (!issued.TryGet(out var tokens, out var problem))
        {
            context.Reject(problem.Code, problem.Detail);
            return;
        }

        context.Transaction.SetProperty(nameof(IssuedTokens), tokens);
        context.Principal = new ClaimsPrincipal(new ClaimsIdentity("grant", Claims.Name, Claims.Role)).SetClaim(Claims.Subject, subject);
    }
}
