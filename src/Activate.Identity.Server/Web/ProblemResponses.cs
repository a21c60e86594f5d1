using System.Globalization;
using System.Text.Json.Serialization;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Telemetry;

namespace Activate.Identity.Server.Web;

/// <summary>The one place where a <see cref="Problem"/> becomes an RFC 9457 answer.</summary>
public static class ProblemResponses
{
    public static int StatusCode(this Problem problem) => problem.Kind switch
    {
        ProblemKind.Invalid => StatusCodes.Status400BadRequest,
        ProblemKind.Unauthenticated => StatusCodes.Status401Unauthorized,
        ProblemKind.Refused => StatusCodes.Status403Forbidden,
        ProblemKind.NotFound => StatusCodes.Status404NotFound,
        ProblemKind.Conflict => StatusCodes.Status409Conflict,
        ProblemKind.Stale => StatusCodes.Status412PreconditionFailed,
        ProblemKind.PreconditionRequired => StatusCodes.Status428PreconditionRequired,
        ProblemKind.TooLarge => StatusCodes.Status413PayloadTooLarge,
        ProblemKind.TooMany => StatusCodes.Status429TooManyRequests,
        ProblemKind.Unavailable => StatusCodes.Status503ServiceUnavailable,
        ProblemKind.Fault => StatusCodes.Status500InternalServerError,
    };

    public static IResult ToResult(this Problem problem) => new ProblemResult(problem);

    /// <param name="context">The request.</param>
    /// <param name="problem">What to tell.</param>
    /// <param name="status">The status where it is more exact than the kind's: 405, 415.</param>
    public static async Task WriteAsync(HttpContext context, Problem problem, int? status = null)
    {
        context.Features.Set(problem);
        context.RequestServices.GetRequiredService<ServerMeter>().Refused(ServerMeter.Surface.Api, problem.Code);
        var response = context.Response;
        response.StatusCode = status ?? problem.StatusCode();
        response.Headers.CacheControl = "no-store";
        if (problem.Kind == ProblemKind.Unauthenticated)
            response.Headers.WWWAuthenticate = problem.Code == Problems.CredentialRequired.Code ? "Bearer" : "Bearer error=\"invalid_token\"";
        else if (problem.Code == "insufficient_scope")
            response.Headers.WWWAuthenticate = "Bearer error=\"insufficient_scope\"";
        if (problem.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.WriteAsJsonAsync(
                new ProblemBody("about:blank", Title(problem.Kind), response.StatusCode, problem.Code, problem.Detail,
                    problem.Field is null ? null : new Dictionary<string, string[]> { [problem.Field] = [problem.Detail] }),
                ApiJson.Options, "application/problem+json", context.RequestAborted);
        }
    }

    private static string Title(ProblemKind kind) => kind switch
    {
        ProblemKind.Invalid => "The request is not valid",
        ProblemKind.Unauthenticated => "Not signed in",
        ProblemKind.Refused => "Refused",
        ProblemKind.NotFound => "Not found",
        ProblemKind.Conflict => "Conflict",
        ProblemKind.Stale => "Somebody changed it in the meantime",
        ProblemKind.PreconditionRequired => "Say which version you change",
        ProblemKind.TooLarge => "Too large",
        ProblemKind.TooMany => "Too many requests",
        ProblemKind.Unavailable => "Temporarily unavailable",
        ProblemKind.Fault => "Something went wrong",
    };

    private sealed class ProblemResult(Problem problem) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext, problem);
    }
}

/// <summary>RFC 9457 with our members: <c>code</c> (stable, snake_case) and <c>errors</c> per field.</summary>
public sealed record ProblemBody(
    string Type,
    string Title,
    int Status,
    string Code,
    string Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, string[]>? Errors);
