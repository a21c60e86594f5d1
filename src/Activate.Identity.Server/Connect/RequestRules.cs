using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using AspNetCoreHandlers = OpenIddict.Server.AspNetCore.OpenIddictServerAspNetCoreHandlers;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace Activate.Identity.Server.Connect;

/// <summary>Rules of the standards that OpenIddict leaves open.</summary>
internal static class RequestRules
{
    private const int First = int.MinValue + 1000;
    private const int Last = int.MaxValue - 1000;
    private const int LongestNonce = 1024;
    private const int LongestAddress = 2048;

    /// <summary>A setting of an application that may leave PKCE out: for conformance suites that know none.</summary>
    public const string PkceExempt = "pkce_exempt";

    public static readonly OpenIddictServerHandlerDescriptor[] All =
    [
        // After the parameters of a pushed request are back in their place.
        Handlers.Handle<ValidateAuthorizationRequestContext, CheckParameters<ValidateAuthorizationRequestContext>>(Authentication.ValidateAuthentication.Descriptor.Order + 500),
        Handlers.Handle<ValidatePushedAuthorizationRequestContext, CheckParameters<ValidatePushedAuthorizationRequestContext>>(Authentication.ValidatePushedAuthentication.Descriptor.Order + 500),
        Handlers.Handle<ValidateAuthorizationRequestContext, KnownScopes<ValidateAuthorizationRequestContext>>(Authentication.ValidateScopes.Descriptor.Order + 500),
        Handlers.Handle<ValidatePushedAuthorizationRequestContext, KnownScopes<ValidatePushedAuthorizationRequestContext>>(Authentication.ValidatePushedScopes.Descriptor.Order + 500),
        Handlers.Handle<ValidateTokenRequestContext, KnownScopes<ValidateTokenRequestContext>>(Exchange.ValidateScopes.Descriptor.Order + 500),
        Handlers.Handle<ValidateDeviceAuthorizationRequestContext, KnownScopes<ValidateDeviceAuthorizationRequestContext>>(Device.ValidateScopes.Descriptor.Order + 500),
        Handlers.Handle<ExtractAuthorizationRequestContext, ParametersInBody<ExtractAuthorizationRequestContext>>(First),
        Handlers.Handle<ExtractTokenRequestContext, ParametersInBody<ExtractTokenRequestContext>>(First),
        Handlers.Handle<ExtractIntrospectionRequestContext, ParametersInBody<ExtractIntrospectionRequestContext>>(First),
        Handlers.Handle<ExtractRevocationRequestContext, ParametersInBody<ExtractRevocationRequestContext>>(First),
        Handlers.Handle<ExtractDeviceAuthorizationRequestContext, ParametersInBody<ExtractDeviceAuthorizationRequestContext>>(First),
        Handlers.Handle<ExtractUserInfoRequestContext, ParametersInBody<ExtractUserInfoRequestContext>>(First),
        Handlers.Handle<ExtractPushedAuthorizationRequestContext, ParametersInBody<ExtractPushedAuthorizationRequestContext>>(First),
        Handlers.Handle<ExtractEndSessionRequestContext, ParametersInBody<ExtractEndSessionRequestContext>>(First),
        Handlers.Handle<ExtractAuthorizationRequestContext, PlainParameters<ExtractAuthorizationRequestContext>>(Last),
        Handlers.Handle<ExtractTokenRequestContext, PlainParameters<ExtractTokenRequestContext>>(Last),
        Handlers.Handle<ExtractIntrospectionRequestContext, PlainParameters<ExtractIntrospectionRequestContext>>(Last),
        Handlers.Handle<ExtractRevocationRequestContext, PlainParameters<ExtractRevocationRequestContext>>(Last),
        Handlers.Handle<ExtractDeviceAuthorizationRequestContext, PlainParameters<ExtractDeviceAuthorizationRequestContext>>(Last),
        Handlers.Handle<ExtractUserInfoRequestContext, PlainParameters<ExtractUserInfoRequestContext>>(Last),
        Handlers.Handle<ExtractPushedAuthorizationRequestContext, PlainParameters<ExtractPushedAuthorizationRequestContext>>(Last),
        Handlers.Handle<ExtractEndSessionRequestContext, PlainParameters<ExtractEndSessionRequestContext>>(Last),
        Handlers.Handle<ValidateTokenContext, CheckAssertion>(Protection.ResolveTokenValidationParameters.Descriptor.Order + 500),
        Handlers.Handle<ProcessAuthenticationContext, RefuseSuspended>(ValidateClientSecret.Descriptor.Order + 500),
        Handlers.Handle<ProcessAuthenticationContext, RefusePublicIntrospection>(ValidateClientSecret.Descriptor.Order + 600),
        Handlers.Handle<ApplyAuthorizationResponseContext, RightErrors<ApplyAuthorizationResponseContext>>(First),
        Handlers.Handle<ApplyTokenResponseContext, RightErrors<ApplyTokenResponseContext>>(First),
        Handlers.Handle<ApplyIntrospectionResponseContext, RightErrors<ApplyIntrospectionResponseContext>>(First),
        Handlers.Handle<ApplyRevocationResponseContext, RightErrors<ApplyRevocationResponseContext>>(First),
        Handlers.Handle<ApplyDeviceAuthorizationResponseContext, RightErrors<ApplyDeviceAuthorizationResponseContext>>(First),
        Handlers.Handle<ApplyUserInfoResponseContext, RightErrors<ApplyUserInfoResponseContext>>(First),
        Handlers.Handle<ApplyPushedAuthorizationResponseContext, RightErrors<ApplyPushedAuthorizationResponseContext>>(First),
        Handlers.Handle<ApplyEndSessionResponseContext, RightErrors<ApplyEndSessionResponseContext>>(First),
        Handlers.Handle<ApplyAuthorizationResponseContext, TellTheApplication>(Authentication.InferResponseMode.Descriptor.Order + 500),
        Handlers.Handle<ApplyAuthorizationResponseContext, LetFormPostRun>(AspNetCoreHandlers.Authentication.ProcessFormPostResponse.Descriptor.Order - 500),
        Handlers.Handle<ApplyAuthorizationResponseContext, ShowErrorPage<ApplyAuthorizationResponseContext>>(
            AspNetCoreHandlers.ProcessLocalErrorResponse<ApplyAuthorizationResponseContext>.Descriptor.Order - 500),
        Handlers.Handle<ApplyEndSessionResponseContext, ShowErrorPage<ApplyEndSessionResponseContext>>(
            AspNetCoreHandlers.ProcessLocalErrorResponse<ApplyEndSessionResponseContext>.Descriptor.Order - 500),
    ];

    /// <summary>What an authorization request asks for, pushed or not.</summary>
    internal sealed class CheckParameters<TContext>(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<TContext> where TContext : BaseValidatingContext
    {
        public async ValueTask HandleAsync(TContext context)
        {
            var request = context.Transaction.Request!;
            // RFC 6749 §3.3: a scope that is left out is the default one, and stands here before OpenIddict asks whether the application may have it.
            if (string.IsNullOrEmpty(request.Scope))
                request.Scope = Core.Scopes.Join(Core.Scopes.Default);
            var application = string.IsNullOrEmpty(request.ClientId) ? null : await applications.FindByClientIdAsync(request.ClientId);
            // RFC 7636 §4.2: an S256 challenge is 43 base64url characters, and it names its method.
            var withoutChallenge = string.IsNullOrEmpty(request.CodeChallenge) && string.IsNullOrEmpty(request.CodeChallengeMethod)
                && application is not null && (await applications.GetSettingsAsync(application)).ContainsKey(PkceExempt);
            if (!withoutChallenge && (request.CodeChallenge is not { Length: 43 } challenge || !System.Buffers.Text.Base64Url.IsValid(challenge)))
                context.Reject(Errors.InvalidRequest, "PKCE is required: send a code_challenge of 43 base64url characters (RFC 7636, S256).");
            else if (!withoutChallenge && request.CodeChallengeMethod != CodeChallengeMethods.Sha256)
                context.Reject(Errors.InvalidRequest, "PKCE is required with code_challenge_method=S256.");
            // OpenID Connect Core §3.1.2.1: seconds, none of them negative.
            else if ((string?)request.GetParameter(Parameters.MaxAge) is { Length: > 0 } text && !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                context.Reject(Errors.InvalidRequest, "max_age is a whole number of seconds, 0 or more.");
            else if (request.Nonce is { Length: > LongestNonce })
                context.Reject(Errors.InvalidRequest, $"The nonce is longer than {LongestNonce} characters.");
            else if (request.RedirectUri is { Length: > LongestAddress })
                context.Reject(Errors.InvalidRequest, $"The redirect_uri is longer than {LongestAddress} characters.");
            else if (!OwnerClaims.ParseRequested(request.GetParameter(Parameters.Claims)?.ToString()).TryGet(out _, out var problem))
                context.Reject(problem.Code, problem.Detail);
            else if (Resources.Of(request) is { } resources && Core.Scopes.Join(resources).Length > LongestAddress)
                context.Reject(Errors.InvalidTarget, "Too many resources.");
        }
    }

    /// <summary>RFC 6749 §3.3: a scope that does not exist is refused.</summary>
    internal sealed class KnownScopes<TContext> : IOpenIddictServerHandler<TContext> where TContext : BaseValidatingContext
    {
        public ValueTask HandleAsync(TContext context)
        {
            if (context.Transaction.Request!.GetScopes().FirstOrDefault(scope => !Core.Scopes.All.Contains(scope)) is not null)
                context.Reject(Errors.InvalidScope, $"There is no such scope. There are: {Core.Scopes.Join(Core.Scopes.All.Order(StringComparer.Ordinal))}.");
            return default;
        }
    }

    /// <summary>
    /// RFC 6749 §2.3.1: what is posted stands in the body, as a form, never in the URL, where logs would keep it, and never in both. OpenIddict takes a Content-Type that begins like a form's for one,
    /// and fails when it reads it: two of them, or one with something behind it.
    /// </summary>
    internal sealed class ParametersInBody<TContext> : IOpenIddictServerHandler<TContext> where TContext : BaseValidatingContext
    {
        public ValueTask HandleAsync(TContext context)
        {
            var request = context.Http().Request;
            if (request.QueryString.HasValue && !(context.EndpointType is OpenIddictServerEndpointType.Authorization or OpenIddictServerEndpointType.EndSession && HttpMethods.IsGet(request.Method)))
                context.Reject(Errors.InvalidRequest, "Send the parameters in the body of a POST, not in the URL.");
            else if (HttpMethods.IsPost(request.Method) && !string.IsNullOrEmpty(request.ContentType) && !request.HasFormContentType)
                context.Reject(Errors.InvalidRequest, "Send the parameters as a form, with 'Content-Type: application/x-www-form-urlencoded', once.");
            return default;
        }
    }

    /// <summary>
    /// RFC 6749 §3.1, §3.2: no parameter comes twice, but those that RFC 8693 and RFC 8707 let come often; and Basic and body do not name two clients.
    /// A NUL is in no parameter of any standard, and PostgreSQL takes none.
    /// </summary>
    internal sealed class PlainParameters<TContext> : IOpenIddictServerHandler<TContext> where TContext : BaseValidatingContext
    {
        public ValueTask HandleAsync(TContext context)
        {
            if (context.Transaction.Request is not { } request)
                return default;
            foreach (var (name, value) in request.GetParameters())
            {
                var values = (ImmutableArray<string?>?)value ?? [];
                if (name.Contains('\0', StringComparison.Ordinal) || values.Any(text => text is not null && text.Contains('\0', StringComparison.Ordinal)))
                    context.Reject(Errors.InvalidRequest, "A parameter holds a NUL character.");
                else if (values.Length > 1 && name is not (Parameters.Resource or Parameters.Audience))
                    context.Reject(Errors.InvalidRequest, "A parameter stands there more than once.");
            }

            var http = context.Http().Request;
            if (http.HasFormContentType && http.Form[Parameters.ClientId] is [{ Length: > 0 } named] && named != request.ClientId)
                context.Reject(Errors.InvalidRequest, "The Authorization header and the body name different clients.");
            return default;
        }
    }

    /// <summary>
    /// RFC 7523 gives the assertion by which an application proves itself no type of its own: most libraries write JWT or nothing, where OpenIddict insists on the type of
    /// the standard's next edition. The type of anything else that an application signs stays refused. And an assertion counts for the time that it names, clocks being
    /// a little apart: OpenIddict adds five minutes, and looks at no <c>nbf</c> (FAPI 2.0 §5.3.2.1 wants ten seconds allowed and a minute refused).
    /// </summary>
    internal sealed class CheckAssertion(TimeProvider clock) : IOpenIddictServerHandler<ValidateTokenContext>
    {
        private const string AssertionType = "client-authentication+jwt";

        private static readonly TimeSpan s_clocksApart = TimeSpan.FromSeconds(30);

        public ValueTask HandleAsync(ValidateTokenContext context)
        {
            if (context.ValidTokenTypes.Contains(TokenTypeIdentifiers.Private.ClientAssertion) && context.TokenValidationParameters is { TypeValidator: { } validate } parameters)
            {
                parameters.TypeValidator = (type, token, inner) =>
                    validate(string.IsNullOrEmpty(type) || string.Equals(type, "JWT", StringComparison.OrdinalIgnoreCase) ? AssertionType : type, token, inner);
                var now = clock.GetUtcNow().UtcDateTime;
                parameters.ValidateLifetime = true;
                // One that names no end is refused by OpenIddict.
                parameters.LifetimeValidator = (from, to, _, _) => !(from > now + s_clocksApart) && !(to <= now - s_clocksApart);
            }

            return default;
        }
    }

    /// <summary>A suspended application gets nothing new. (The authorization page tells the person; revoking stays allowed.)</summary>
    internal sealed class RefuseSuspended(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<ProcessAuthenticationContext>
    {
        public async ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            if (context.EndpointType is OpenIddictServerEndpointType.Token or OpenIddictServerEndpointType.DeviceAuthorization or OpenIddictServerEndpointType.PushedAuthorization
                && context.ClientId is { } client && await applications.FindByClientIdAsync(client) is Application { Suspended: true })
                context.Reject(Errors.UnauthorizedClient, "The application is suspended.");
        }
    }

    /// <summary>RFC 7662 §2.1: whoever asks about tokens proves who it is, or the endpoint would tell stolen tokens from dead ones.</summary>
    internal sealed class RefusePublicIntrospection(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<ProcessAuthenticationContext>
    {
        public async ValueTask HandleAsync(ProcessAuthenticationContext context)
        {
            if (context.EndpointType == OpenIddictServerEndpointType.Introspection && context.ClientId is { } client
                && await applications.FindByClientIdAsync(client) is { } application && await applications.HasClientTypeAsync(application, ClientTypes.Public))
                context.Reject(Errors.InvalidClient, "Introspection needs a client that authenticates.");
        }
    }

    /// <summary>
    /// A scope that a client may not have is invalid_scope (RFC 6749 §5.2) and a malformed resource invalid_target, where OpenIddict says invalid_request, and an assertion that does not prove its client is
    /// invalid_client (RFC 7521 §4.2.1), which is an event of that client's organization. And OpenIddict's error_uri, which leads to its own documentation, explains nothing about this server.
    /// </summary>
    internal sealed class RightErrors<TContext> : IOpenIddictServerHandler<TContext> where TContext : BaseRequestContext
    {
        public ValueTask HandleAsync(TContext context)
        {
            if (context.Transaction.Response is not { } response)
                return default;
            var proof = context.Transaction.GetProperty<ProcessAuthenticationContext>(typeof(ProcessAuthenticationContext).FullName!);
            var reason = response.ErrorUri is { } uri ? uri.AsSpan()[^Math.Min(uri.Length, 6)..] : default;
            if (response.Error == Errors.InvalidRequest && reason is "ID2051" or "ID2035" or "ID2065")
                response.Error = Errors.InvalidScope;
            // RFC 6749 §6: a refresh for more than was granted.
            else if (response.Error == Errors.InvalidGrant && reason is "ID2052" && context.Transaction.Request?.IsRefreshTokenGrantType() == true)
                response.Error = Errors.InvalidScope;
            // RFC 8707 §2: one that is no absolute URI, or has a fragment.
            else if (reason is "ID2030" or "ID2031" && response.ErrorDescription?.Contains($"'{Parameters.Resource}'", StringComparison.Ordinal) == true)
                response.Error = Errors.InvalidTarget;
            // A claim of the assertion that is malformed, missing or wrong.
            else if (proof is { ClientAssertion.Length: > 0 } && ((response.Error == Errors.InvalidToken && proof.ClientAssertionPrincipal is null) || reason is "ID2171" or "ID2172" or "ID2173"))
                response.Error = Errors.InvalidClient;
            response.ErrorUri = null;
            if (response.Error is { } error)
                context.Http().RequestServices.GetRequiredService<ServerMeter>().Refused(ServerMeter.Surface.OAuth, error);
            return response.Error == Errors.InvalidClient && (proof?.ClientId ?? context.Transaction.Request?.ClientId) is { Length: > 0 } client ? RecordAsync(context.Http(), client) : default;
        }

        private static async ValueTask RecordAsync(HttpContext http, string client)
        {
            if (await http.RequestServices.GetRequiredService<ApplicationCache>().FindAsync(client, http.RequestAborted) is { } application)
                await http.RequestServices.GetRequiredService<AuditRefusals>().RecordAsync(http, application);
        }
    }

    /// <summary>OpenIddict's form_post page sends itself by one inline script to the redirect URI: the policy of that page allows exactly these.</summary>
    internal sealed class LetFormPostRun : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
    {
        private static readonly string s_script = Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes("document.form.submit();")));

        public ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
        {
            if (context.ResponseMode == ResponseModes.FormPost && Uri.TryCreate(context.RedirectUri, UriKind.Absolute, out var redirect))
            {
                context.Http().Response.Headers.ContentSecurityPolicy =
                    $"default-src 'none'; script-src 'sha256-{s_script}'; form-action {AuthorizePage.OriginOf(redirect)}; base-uri 'none'; frame-ancestors 'none'";
            }

            return default;
        }
    }

    /// <summary>
    /// RFC 6749 §4.1.2.1: what is wrong with a request is told to its application, unless application or address are wrong themselves. OpenIddict looks at
    /// the address last, and keeps to itself what it found before.
    /// </summary>
    internal sealed class TellTheApplication(IOpenIddictApplicationManager applications) : IOpenIddictServerHandler<ApplyAuthorizationResponseContext>
    {
        public async ValueTask HandleAsync(ApplyAuthorizationResponseContext context)
        {
            // Without this property it could not even be read (PlainParameters).
            if (context.Error is null || context.RedirectUri is not null || context.Request is not { ClientId: { Length: > 0 } client, RedirectUri: { Length: > 0 } redirect }
                || context.Transaction.GetProperty<ValidateAuthorizationRequestContext>(typeof(ValidateAuthorizationRequestContext).FullName!) is null)
                return;
            if (Uri.TryCreate(redirect, UriKind.Absolute, out _) && await applications.FindByClientIdAsync(client) is { } application
                && await applications.ValidateRedirectUriAsync(application, redirect))
            {
                context.RedirectUri = redirect;
                context.ResponseMode = context.Request.IsFormPostResponseMode() ? ResponseModes.FormPost : ResponseModes.Query;
            }
        }
    }

    /// <summary>An authorization request too wrong to be answered to the application is shown to the person, as a page (RFC 6749 §4.1.2.1).</summary>
    internal sealed class ShowErrorPage<TContext> : IOpenIddictServerHandler<TContext> where TContext : BaseRequestContext
    {
        public async ValueTask HandleAsync(TContext context)
        {
            if (context.Transaction.Response?.Error is not { } error)
                return;
            await ErrorPage.WriteAsync(context.Http(), StatusCodes.Status400BadRequest, "The application’s link is faulty",
                $"Go back to the application and try again; if it stays so, tell its makers what this says: {error}. {context.Transaction.Response.ErrorDescription}");
            context.HandleRequest();
        }
    }
}
