using Activate.Identity.Core.Errors;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.Web;

/// <summary>
/// Refuses a request that says twice where it ends (RFC 9112 §6.1): who stands in front of us may have believed the other one, and what is left over would be the next person's request. Kestrel
/// believes Transfer-Encoding, moves Content-Length out of the way and goes on; all else that is ambiguous it refuses itself.
/// </summary>
internal sealed class RequestFraming(RequestDelegate next)
{
    private const string MovedByKestrel = "X-Content-Length";

    private static readonly Problem s_ambiguous = new(ProblemKind.Invalid, "ambiguous_length", "A request has either Content-Length or Transfer-Encoding, not both.");

    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.TransferEncoding.Count == 0 || !headers.ContainsKey(MovedByKestrel))
            return next(context);
        context.Response.Headers[HeaderNames.Connection] = "close";
        return ProblemResponses.WriteAsync(context, s_ambiguous);
    }
}
