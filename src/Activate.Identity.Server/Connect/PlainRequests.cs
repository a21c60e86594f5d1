using System.Text;
using Activate.Identity.Core.Devices;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Devices;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using static OpenIddict.Abstractions.OpenIddictConstants;
using Scopes = Activate.Identity.Core.Scopes;

namespace Activate.Identity.Server.Connect;

/// <summary>
/// Answers what machines ask most (introspection, client credentials, refresh, userinfo, the start and the polls of a device login) when it comes as client libraries send it: a form,
/// each parameter once and with a value, none that is unknown, from a client that proved itself by a secret or has none; or a bearer token and nothing else. Such a request needs none of the five hundred handlers that a token request
/// has in OpenIddict. Whatever is otherwise, and whatever is to be refused, goes on to OpenIddict, which says the same of a request that it would have got anyway: a parameter that
/// nobody knows sends it there, and tests compare the two.
/// </summary>
internal sealed class PlainRequests(
    RequestDelegate next, ApplicationCache applications, CredentialAuthenticator authenticator, LastUses uses, OwnTokens tokens, IdTokenWriter idTokens, DeviceCodeIssuer devices, DevicePolls polls, PublicOrigin origin, ServerMeter meter, TimeProvider clock)
{
    private const int LongestBody = 16 * 1024;

    public Task InvokeAsync(HttpContext context) =>
        context.Request.Path.Value switch
        {
            "/connect/introspect" or "/connect/token" or "/connect/device" when IsForm(context.Request) => AnswerAsync(context),
            "/connect/userinfo" when TryReadBearer(context, out var token) => DescribeAsync(context, token),
            _ => next(context),
        };

    private async Task AnswerAsync(HttpContext context)
    {
        // OpenIddict finds what was read here.
        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        var answered = context.Request.Path.Value switch
        {
            "/connect/introspect" => IntrospectAsync(context, form),
            "/connect/device" => StartDeviceAsync(context, form),
            _ => form[Parameters.GrantType].ToString() switch
            {
                GrantTypes.ClientCredentials => IssueAsync(context, form),
                GrantTypes.RefreshToken => RefreshAsync(context, form),
                GrantTypes.DeviceCode => PollAsync(context, form),
                _ => new ValueTask<bool>(false),
            },
        };
        if (!await answered)
            await next(context);
    }

    /// <summary>RFC 7662 §2.</summary>
    private async ValueTask<bool> IntrospectAsync(HttpContext context, IFormCollection form)
    {
        if (!IsPlain(form, Parameters.Token, Parameters.TokenTypeHint, Parameters.ClientId, Parameters.ClientSecret) || form[Parameters.Token] is not [{ } token]
            || form[Parameters.TokenTypeHint] is not ([] or [TokenTypeHints.AccessToken])
            || await ClientAsync(context, form, proven: true) is not { } application || !application.Has(Permissions.Endpoints.Introspection))
            return false;
        var known = await authenticator.AuthenticateAsync(token, context.RequestAborted);
        var caller = known?.Caller;
        if (caller is not null && IntrospectionAnswer.AnswersFor(application, caller))
            // Used at a resource server, whose address is not the user's.
            uses.Record(caller, address: null);
        else
            caller = null;
        if (caller is null)
            meter.Refused(ServerMeter.Surface.OAuth, Errors.InvalidToken);
        await IntrospectionAnswer.WriteAsync(context, caller);
        return true;
    }

    /// <summary>Client credentials (RFC 6749 §4.4).</summary>
    private async ValueTask<bool> IssueAsync(HttpContext context, IFormCollection form)
    {
        if (!IsPlain(form, Parameters.GrantType, Parameters.Scope, Parameters.ClientId, Parameters.ClientSecret)
            || await ClientAsync(context, form, proven: true) is not { } application || !application.Has(Permissions.Endpoints.Token) || !application.Has(Permissions.GrantTypes.ClientCredentials)
            || ScopesOf(form, application) is not { } scopes || !scopes.All(ExchangeGrant.ApplicationScopes.Contains))
            return false;
        var issued = tokens.Issue(application, Scopes.Join(scopes), resources: null);
        meter.Issued(ServerMeter.Grant.ClientCredentials);
        await WriteAsync(context, issued, idToken: null);
        return true;
    }

    /// <summary>A refresh token that counts, of a client that asks for all that was granted (RFC 6749 §6). What becomes of any other is for OpenIddict to tell.</summary>
    private async ValueTask<bool> RefreshAsync(HttpContext context, IFormCollection form)
    {
        if (!IsPlain(form, Parameters.GrantType, Parameters.RefreshToken, Parameters.ClientId, Parameters.ClientSecret) || form[Parameters.RefreshToken] is not [{ } token]
            || (await ClientAsync(context, form, proven: true) ?? await ClientAsync(context, form, proven: false)) is not { } application || !application.Has(Permissions.Endpoints.Token)
            || !application.Has(Permissions.GrantTypes.RefreshToken))
            return false;
        var refresh = context.RequestServices.GetRequiredService<RefreshGrant>();
        if (await refresh.ReadAsync(token, application.ClientId!, context.RequestAborted) is not var (grant, place)
            || await refresh.RedeemAsync(grant, place, application, scopes: null, resources: null, context.RequestAborted) is not { } standing)
            return false;
        meter.Issued(ServerMeter.Grant.RefreshToken);
        await WriteAsync(context, standing.Tokens, Scopes.Split(standing.Tokens.Scopes).Contains(Scopes.OpenId) ? idTokens.Write(standing, application.SigningAlgorithm) : null);
        return true;
    }

    /// <summary>RFC 6749 §5.1, OpenID Connect Core §3.1.3.3.</summary>
    private Task WriteAsync(HttpContext context, IssuedTokens issued, string? idToken) =>
        OAuthAnswers.WriteAsync(context, StatusCodes.Status200OK, (issued, idToken, Seconds: (long)(issued.ExpiresAt - clock.Now()).TotalSeconds), static (json, answer) =>
        {
            json.WriteString(Parameters.AccessToken, answer.issued.Access);
            json.WriteString(Parameters.TokenType, TokenTypes.Bearer);
            json.WriteNumber(Parameters.ExpiresIn, answer.Seconds);
            json.WriteString(Parameters.Scope, answer.issued.Scopes);
            if (answer.idToken is not null)
                json.WriteString(Parameters.IdToken, answer.idToken);
            if (answer.issued.Refresh is { } refresh)
                json.WriteString(Parameters.RefreshToken, refresh.Reveal());
        });

    /// <summary>Userinfo (OpenID Connect Core §5.3) for a sign-in.</summary>
    private async Task DescribeAsync(HttpContext context, string token)
    {
        var known = await authenticator.AuthenticateAsync(token, context.RequestAborted);
        if (known is { Caller: var caller } && UserInfoAnswer.IsSignIn(caller) && caller.Has(Scopes.OpenId))
        {
            uses.Record(caller, context.RemoteAddress());
            await OAuthAnswers.WriteAsync(context, StatusCodes.Status200OK, known.UserInfo ??= UserInfoAnswer.Of(caller).ToArray());
        }
        else
        {
            context.Features.Set(new CheckedBearer(known?.Caller));
            await next(context);
        }
    }

    /// <summary>A poll that waits, in time (RFC 8628 §3.5): nearly all are such.</summary>
    private async ValueTask<bool> PollAsync(HttpContext context, IFormCollection form)
    {
        if (!IsPlain(form, Parameters.GrantType, Parameters.DeviceCode, Parameters.ClientId) || form[Parameters.DeviceCode] is not [{ } text] || !DeviceCode.TryParse(text, out var code)
            || await ClientAsync(context, form, proven: false) is not { } application || !application.Has(Permissions.Endpoints.Token) || !application.Has(Permissions.GrantTypes.DeviceCode)
            || !await polls.IsWaitingAsync(code, application.ClientId!, clock.GetUtcNow(), context.RequestAborted))
            return false;
        context.Features.Set(RequestLog.Routine.Instance);
        meter.Refused(ServerMeter.Surface.OAuth, DeviceGrant.Pending.Code);
        await OAuthAnswers.WriteErrorAsync(context, DeviceGrant.Pending);
        return true;
    }

    /// <summary>RFC 8628 §3.1, §3.2.</summary>
    private async ValueTask<bool> StartDeviceAsync(HttpContext context, IFormCollection form)
    {
        if (!IsPlain(form, Parameters.ClientId, Parameters.Scope, "device_name", "lifetime_hours") || await ClientAsync(context, form, proven: false) is not { } application
            || !application.Has(Permissions.Endpoints.DeviceAuthorization) || !application.Has(Permissions.GrantTypes.DeviceCode) || ScopesOf(form, application) is not { } scopes
            || !DeviceWishes.Parse(form["device_name"], form["lifetime_hours"]).TryGet(out var wishes, out _))
            return false;
        var issued = await devices.IssueAsync(application.ClientId!, Scopes.Join(scopes), wishes, context.RemoteAddress(), context.RequestAborted);
        if (issued.TryGet(out var codes, out var problem))
        {
            // Somebody asked; who allows it is in the audit log.
            context.Features.Set(RequestLog.Routine.Instance);
            await OAuthAnswers.WriteAsync(context, StatusCodes.Status200OK, (codes, origin), static (json, answer) =>
            {
                json.WriteString(Parameters.DeviceCode, answer.codes.DeviceCode.Reveal());
                json.WriteString(Parameters.UserCode, answer.codes.UserCode);
                json.WriteString(Parameters.VerificationUri, answer.codes.VerificationUri(answer.origin));
                json.WriteString(Parameters.VerificationUriComplete, answer.codes.VerificationUriComplete(answer.origin));
                json.WriteNumber(Parameters.ExpiresIn, answer.codes.ExpiresIn);
                json.WriteNumber("interval", answer.codes.Interval);
            });
        }
        else
        {
            await OAuthAnswers.RefuseAsync(context, problem);
        }

        return true;
    }

    private static bool IsForm(HttpRequest request) =>
        HttpMethods.IsPost(request.Method) && !request.QueryString.HasValue && request.ContentLength is > 0 and <= LongestBody
        && string.Equals(request.ContentType, "application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    /// <summary>A bearer token in the header (RFC 6750 §2.1) of a request that has nothing else.</summary>
    private static bool TryReadBearer(HttpContext context, out string token)
    {
        token = "";
        const string Scheme = "Bearer ";
        var request = context.Request;
        if (!(HttpMethods.IsGet(request.Method) || HttpMethods.IsPost(request.Method)) || request.QueryString.HasValue || context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: false }
            || request.Headers.Authorization is not [{ } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        token = value[Scheme.Length..];
        return token.Length > 0 && !token.AsSpan().ContainsAny(' ', ',');
    }

    /// <summary>Whether each parameter is one of these, as it is written here, and has one value. (What holds a NUL is no form.)</summary>
    private static bool IsPlain(IFormCollection form, params ReadOnlySpan<string> known)
    {
        foreach (var (name, values) in form)
        {
            if (values is not [{ Length: > 0 }] || !known.Contains(name))
                return false;
        }

        return true;
    }

    /// <summary>The client in good standing that a request comes from, proven by its secret, in the body or as Basic (RFC 6749 §2.3.1), or public; null: OpenIddict looks who it is.</summary>
    private async ValueTask<Application?> ClientAsync(HttpContext context, IFormCollection form, bool proven)
    {
        var (id, secret) = ((string?)form[Parameters.ClientId], (string?)form[Parameters.ClientSecret]);
        if (context.Request.Headers.Authorization is { Count: > 0 } header && (id is not null || secret is not null || !TryReadBasic(header, out id, out secret)))
            return null;
        if (id is null || await applications.FindAsync(id, context.RequestAborted) is not { Suspended: false, Organization: null or { Suspended: false } } application)
            return null;
        var good = proven
            ? application.ClientType == ClientTypes.Confidential && secret is not null && ApplicationSecrets.IsSecretOf(application, secret, clock.GetUtcNow().UtcDateTime)
            : application.ClientType == ClientTypes.Public && secret is null;
        return good ? application : null;
    }

    private static bool TryReadBasic(StringValues header, out string? id, out string? secret)
    {
        (id, secret) = (null, null);
        const string Scheme = "Basic ";
        if (header is not [{ Length: <= 512 } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        Span<byte> bytes = stackalloc byte[512];
        if (!Convert.TryFromBase64Chars(value.AsSpan(Scheme.Length), bytes, out var length))
            return false;
        var text = Encoding.UTF8.GetString(bytes[..length]);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        // What is form-encoded there (RFC 6749 §2.3.1) is read by OpenIddict; nothing that we make needs it.
        if (colon <= 0 || text.AsSpan().ContainsAny('%', '+', '\0'))
            return false;
        (id, secret) = (text[..colon], text[(colon + 1)..]);
        return secret.Length > 0;
    }

    /// <summary>The scopes that are asked for, when the application may have each of them; null when not, or when none is asked for.</summary>
    private static string[]? ScopesOf(IFormCollection form, Application application)
    {
        if (form[Parameters.Scope] is not [{ } text])
            return null;
        var scopes = text.Split(' ');
        // openid is nobody's to permit; whether an application may be renewed (offline_access) is more than a scope.
        return scopes.All(scope => Scopes.All.Contains(scope) && (scope == Scopes.OpenId || (scope != Scopes.OfflineAccess && application.MayAskFor(scope))))
            && scopes.Distinct(StringComparer.Ordinal).Count() == scopes.Length ? scopes : null;
    }
}

/// <summary>The bearer token of this request was checked already: OpenIddict's refusal needs no second look at it.</summary>
/// <param name="Caller">Null: it does not count.</param>
internal sealed record CheckedBearer(Caller? Caller);
