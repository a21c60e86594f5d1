namespace Activate.Identity.Server.Connect;

/// <summary>
/// Lets applications that run in browsers (type <c>browser</c>, RFC 9700 §2.6) read what they need: discovery, the key set, and the endpoints of public clients. Pages of
/// any origin may, for nothing there is answered to a cookie: what counts is the code, the verifier or the token, which only its application has. The pages that people
/// see, introspection and our own API stay closed, and no answer is ever for requests with credentials of the browser.
/// </summary>
internal sealed class CrossOrigin(RequestDelegate next)
{
    private static readonly PathString[] s_paths =
    [
        "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks", "/connect/par", "/connect/token", "/connect/userinfo", "/connect/revoke",
    ];

    public Task InvokeAsync(HttpContext context)
    {
        if (!s_paths.Contains(context.Request.Path))
            return next(context);
        // Always the same, with or without an Origin: a cache must not keep an answer that only some may read. At the last moment, as in SecurityHeaders.
        context.Response.OnStarting(() =>
        {
            context.Response.Headers.AccessControlAllowOrigin = "*";
            context.Response.Headers.AccessControlExposeHeaders = "WWW-Authenticate, Retry-After";
            return Task.CompletedTask;
        });
        if (!HttpMethods.IsOptions(context.Request.Method) || context.Request.Headers.AccessControlRequestMethod.Count == 0)
            return next(context);
        context.Response.Headers.AccessControlAllowMethods = "GET, POST";
        context.Response.Headers.AccessControlAllowHeaders = "Authorization, Content-Type";
        context.Response.Headers.AccessControlMaxAge = "7200";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }
}
