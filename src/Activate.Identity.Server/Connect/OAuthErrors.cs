using System.Globalization;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Telemetry;

namespace Activate.Identity.Server.Connect;

/// <summary>Answers of an OAuth endpoint that OpenIddict cannot give: those with another status than 400 or 401.</summary>
public static class OAuthErrors
{
    public static async Task WriteAsync(HttpContext context, Problem problem)
    {
        context.RequestServices.GetRequiredService<ServerMeter>().Refused(ServerMeter.Surface.OAuth, problem.Code);
        context.Response.StatusCode = Web.ProblemResponses.StatusCode(problem);
        context.Response.Headers.CacheControl = "no-store";
        if (problem.RetryAfter is { } wait)
            context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        await context.Response.WriteAsJsonAsync(
            new Dictionary<string, string>
            {
                // RFC 6749 has no code for these; the ones of its §4.1.2.1 are what clients know.
                ["error"] = problem.Kind switch
                {
                    ProblemKind.Unavailable or ProblemKind.TooMany => "temporarily_unavailable",
                    ProblemKind.Fault => "server_error",
                    _ => "invalid_request",
                },
                ["error_description"] = problem.Detail,
            }, context.RequestAborted);
    }
}
