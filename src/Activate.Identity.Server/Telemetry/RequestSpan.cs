using System.Collections.Frozen;
using System.Diagnostics;

namespace Activate.Identity.Server.Telemetry;

/// <summary>What the span of a request says, by OpenTelemetry's conventions: method, route and status. Never its path or query, which have codes in them, or its headers.</summary>
internal static class RequestSpan
{
    private const string Method = "http.request.method", Route = "http.route", Status = "http.response.status_code";

    public static readonly FrozenSet<string> Tags = FrozenSet.Create(Method, Route, Status);

    /// <summary>OpenIddict answers these itself, without a route.</summary>
    private static readonly FrozenSet<string> s_protocol = FrozenSet.Create(
        "/connect/token", "/connect/introspect", "/connect/revoke", "/connect/userinfo", "/connect/par", "/connect/device", "/connect/authorize", "/connect/logout",
        "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks");

    private static readonly FrozenSet<string> s_methods = FrozenSet.Create("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");

    public static void Describe(Activity span, HttpContext context)
    {
        var method = s_methods.TryGetValue(context.Request.Method, out var known) ? known : "_OTHER";
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? (s_protocol.TryGetValue(context.Request.Path.Value ?? "", out var path) ? path : null);
        var status = context.Response.StatusCode;
        span.DisplayName = route is null ? method : $"{method} {route}";
        span.SetTag(Method, method).SetTag(Route, route).SetTag(Status, status);
        if (status >= StatusCodes.Status500InternalServerError)
            span.SetStatus(ActivityStatusCode.Error);
    }
}
