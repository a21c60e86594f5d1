using System.Security.Claims;
using Activate.Identity.AspNetCore.Scopes;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>
/// The authentication scheme. It stands directly on <see cref="IAuthenticationHandler"/>: the base class of ASP.NET Core costs options, a logger and a message for each request.
/// </summary>
internal sealed class CredentialHandler(CredentialAuthenticator authenticator, IOptions<ActivateIdentityOptions> options) : IAuthenticationHandler
{
    private static readonly Task<AuthenticateResult> s_none = Task.FromResult(AuthenticateResult.NoResult());

    // Refusals are texts, not exceptions: nothing of the credential can be in them.
    private static readonly AuthenticateResult s_invalid = AuthenticateResult.Fail("The credential is unknown, malformed, expired, revoked, or not for this resource server.");
    private static readonly AuthenticateResult s_several = AuthenticateResult.Fail("The request has more than one credential.");
    private static readonly AuthenticateResult s_elsewhere = AuthenticateResult.Fail("The credential may not be used from this address.");
    private static readonly AuthenticateResult s_unavailable = AuthenticateResult.Fail("The credential could not be checked.");

    private HttpContext _context = null!;
    private Task<AuthenticateResult>? _result;

    public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context)
    {
        _context = context;
        return Task.CompletedTask;
    }

    public Task<AuthenticateResult> AuthenticateAsync() => _result ??= CheckAsync();

    private Task<AuthenticateResult> CheckAsync()
    {
        switch (RequestCredential.Read(_context.Request, out var credential))
        {
            case Presented.None:
                return s_none;
            case Presented.Several:
                return Task.FromResult(s_several);
            case Presented.Wrong:
                return Task.FromResult(s_invalid);
        }

        var check = authenticator.CheckAsync(credential!, _context.RequestAborted);
        return check.IsCompletedSuccessfully ? Task.FromResult(ToResult(check.Result)) : WaitAsync(check);
    }

    private async Task<AuthenticateResult> WaitAsync(ValueTask<Verdict> check) => ToResult(await check);

    private AuthenticateResult ToResult(Verdict verdict) => verdict.Outcome switch
    {
        Outcome.Good when verdict.AllowedAddresses is { } addresses && !addresses.Contain(_context.Connection.RemoteIpAddress) => s_elsewhere,
        // A principal for each request: what an application adds to one must not be there in the next, nor in another thread.
        Outcome.Good => AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(verdict.Identity!.Clone()), ActivateIdentityDefaults.AuthenticationScheme)),
        Outcome.Refused => s_invalid,
        Outcome.Unavailable => s_unavailable,
    };

    /// <summary>RFC 6750 §3: no error is named to who has not presented a credential.</summary>
    public async Task ChallengeAsync(AuthenticationProperties? properties)
    {
        var result = await AuthenticateAsync();
        var response = _context.Response;
        if (ReferenceEquals(result, s_unavailable))
        {
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            response.Headers.RetryAfter = "1";
            return;
        }

        // As the server itself answers: the credential counts (RFC 6750 §3.1 keeps invalid_token for one that does not), and the list is nobody's business.
        if (ReferenceEquals(result, s_elsewhere))
        {
            response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        response.StatusCode = ReferenceEquals(result, s_several) ? StatusCodes.Status400BadRequest : StatusCodes.Status401Unauthorized;
        response.Headers.Append("WWW-Authenticate", ReferenceEquals(result, s_several)
            ? $"""{Realm}, error="invalid_request", error_description="Send one credential, in the Authorization header." """.TrimEnd()
            : ReferenceEquals(result, s_invalid)
            ? $"""{Realm}, error="invalid_token", error_description="The credential is unknown, malformed, expired, revoked, or not for this resource server." """.TrimEnd()
            : Realm);
    }

    public Task ForbidAsync(AuthenticationProperties? properties)
    {
        _context.Response.StatusCode = StatusCodes.Status403Forbidden;
        if (RequiredScopes.Of(_context) is { Length: > 0 } scopes)
            _context.Response.Headers.Append("WWW-Authenticate", $"{Realm}, error=\"insufficient_scope\", scope=\"{scopes}\"");
        return Task.CompletedTask;
    }

    private string Realm => $"Bearer realm=\"{options.Value.Audiences[0]}\"";
}
