using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.Web;

/// <summary>
/// What every resource server and client reads, and may keep for a while: discovery and the key set. The age is a promise: signing keys are published long
/// enough before they sign (Keys/SigningKeySchedule). Only the answer itself is kept, never a refusal or a fault.
/// </summary>
internal sealed class PublishedDocuments(RequestDelegate next)
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private static readonly string s_cacheControl = string.Create(CultureInfo.InvariantCulture, $"public, max-age={MaxAge.TotalSeconds}");
    private static readonly PathString[] s_paths = ["/.well-known/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

    public Task InvokeAsync(HttpContext context) =>
        HttpMethods.IsGet(context.Request.Method) && s_paths.Contains(context.Request.Path) ? AnswerAsync(context) : next(context);

    private async Task AnswerAsync(HttpContext context)
    {
        var response = context.Response;
        var body = response.Body;
        using var written = new MemoryStream();
        response.Body = written;
        try
        {
            await next(context);
        }
        finally
        {
            response.Body = body;
        }

        var content = written.GetBuffer().AsMemory(0, (int)written.Length);
        if (response.StatusCode == StatusCodes.Status200OK)
        {
            var tag = new EntityTagHeaderValue($"\"{Base64Url.EncodeToString(SHA256.HashData(content.Span).AsSpan(0, 16))}\"");
            response.Headers.CacheControl = s_cacheControl;
            response.Headers.ETag = tag.ToString();
            if (context.Request.GetTypedHeaders().IfNoneMatch.Any(seen => seen.Compare(tag, useStrongComparison: false) || seen.Equals(EntityTagHeaderValue.Any)))
            {
                response.StatusCode = StatusCodes.Status304NotModified;
                response.ContentLength = null;
                response.ContentType = null;
                return;
            }
        }

        await body.WriteAsync(content, context.RequestAborted);
    }
}
