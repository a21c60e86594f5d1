using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Refuses requests for another host, and gives everything after it the configured origin, so that neither Host nor X-Forwarded-Host can steer a link,
/// a redirect or a token. Health checks are answered under any name: load balancers ask by address.
/// </summary>
internal sealed class HostFilter(RequestDelegate next, PublicOrigin origin)
{
    private readonly HostString _host = new(origin.Host);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
#pragma warning disable RS0030 // This is the host filter.
        if (!string.Equals(request.Host.Value, origin.Host, StringComparison.OrdinalIgnoreCase)
            && !request.Path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase))
        {
            var problem = new Problem(ProblemKind.Invalid, "wrong_host", $"This server answers as {origin.Value} only. Use that address, or set Server:PublicOrigin.");
            return request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
                ? ProblemResponses.WriteAsync(context, problem)
                : ErrorPage.WriteAsync(context, problem, origin.Issuer);
        }

        request.Host = _host;
#pragma warning restore RS0030
        request.Scheme = origin.Uri.Scheme;
        return next(context);
    }
}
