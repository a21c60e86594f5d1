using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Leaks;

/// <summary>
/// <c>POST /api/v1/leaked-credentials</c>: for anybody who found secrets, without signing in. The answer is given before anything is looked up, so that neither it nor the
/// time it takes tells whether one is genuine.
/// </summary>
internal static class LeakedCredentialsApi
{
    private const int Most = 100;

    private static readonly Problem s_tooMany = Problems.Invalid("credentials", "too_many_credentials", $"At most {Most} credentials at a time.");

    private static readonly Problem s_slowDown = new(ProblemKind.TooMany, "too_many_reports",
        $"More than {LeakLimit.MostReports} reports a minute came from your address. Put up to {Most} credentials into each, and send the rest in a minute.") { RetryAfter = LeakLimit.Window };

    private static readonly Problem s_full = new(ProblemKind.Unavailable, "reports_waiting",
        "Too many reports are waiting to be worked on. Send this one again in a minute.") { RetryAfter = LeakLimit.Window };

    public static void MapLeakedCredentialsApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapPost("/api/v1/leaked-credentials", Report).AllowAnonymous().WithTags("Leaked credentials").Produces(202)
            .WithSummary("Report API keys, tokens and client secrets that were found where they do not belong. No sign-in; genuine ones end");

    private static IResult Report(LeakedCredentialsBody body, LeakQueue queue, LeakLimit limit, HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (!limit.TryTake(context.Connection.RemoteIpAddress))
            return s_slowDown.ToResult();
        if (body.Credentials.Count > Most)
            return s_tooMany.ToResult();
        var address = context.RemoteAddress();
        foreach (var credential in body.Credentials)
        {
            if (LeakReport.Of(credential, address) is { } report && !queue.TryAdd(report))
                return s_full.ToResult();
        }

        return Results.StatusCode(StatusCodes.Status202Accepted);
    }
}

/// <param name="Credentials">At most 100: what was found, whole.</param>
internal sealed record LeakedCredentialsBody(IReadOnlyList<string?> Credentials)
{
    public override string ToString() => $"{Credentials.Count} credentials";
}
