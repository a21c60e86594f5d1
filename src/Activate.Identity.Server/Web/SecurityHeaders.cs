namespace Activate.Identity.Server.Web;

/// <summary>Headers of every answer. Pages load nothing from elsewhere, run no inline script, and are never framed or kept.</summary>
internal sealed class SecurityHeaders(RequestDelegate next, PublicOrigin origin, Operations.Drain drain)
{
    private const string Policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public Task InvokeAsync(HttpContext context)
    {
        // At the last moment: the exception handler clears what was set before.
        context.Response.OnStarting(() =>
        {
            Set(context);
            return Task.CompletedTask;
        });
        return next(context);
    }

    private void Set(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        drain.Prepare(context);
        if (!context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            // Assets and PublishedDocuments say otherwise.
            if (headers.CacheControl.Count == 0)
                headers.CacheControl = "no-cache, no-store";
            if (!IsJson(context.Response))
                SetForPages(headers);
        }

        if (origin.IsHttps)
            headers.StrictTransportSecurity = "max-age=31536000";
    }

    /// <summary>What a program reads: a browser that is sent there shows text.</summary>
    private static bool IsJson(HttpResponse response) => response.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) == true;

    private static void SetForPages(IHeaderDictionary headers)
    {
        // Unless the page has one of its own, by the methods below.
        if (headers.ContentSecurityPolicy.Count == 0)
            headers.ContentSecurityPolicy = Policy;
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
    }

    /// <summary>For the API reference alone: it starts with an inline script (the one with this nonce) and writes its own style elements.</summary>
    public static void AllowApiReference(HttpContext context, string nonce) =>
        context.Response.Headers.ContentSecurityPolicy = Policy
            .Replace("script-src 'self'", $"script-src 'self' 'nonce-{nonce}'", StringComparison.Ordinal)
            .Replace("style-src 'self'", "style-src 'self' 'unsafe-inline'; font-src 'self' data:", StringComparison.Ordinal);

    /// <summary>Lets the page's form end, by redirects, at a foreign origin: the validated redirect URI of an application.</summary>
    public static void AllowFormTo(HttpContext context, string origin) =>
        context.Response.Headers.ContentSecurityPolicy = Policy.Replace("form-action 'self'", $"form-action 'self' {origin}", StringComparison.Ordinal);
}
