using System.Text.Json;
using Activate.Identity.Core.Errors;
using Activate.Identity.Data;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Web;

/// <summary>
/// What a caller learns of an exception: that the request was malformed (400, 413, 415), that the database cannot work just now (503), or a trace id (500).
/// The cause goes to the log.
/// </summary>
internal sealed class ExceptionAnswers(ILogger<ExceptionAnswers> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && httpContext.RequestAborted.IsCancellationRequested)
        {
            httpContext.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return true;
        }

        var problem = Read(httpContext, exception);
        if (httpContext.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            await ProblemResponses.WriteAsync(httpContext, problem, problem == RequestBodies.UnknownCharset ? StatusCodes.Status415UnsupportedMediaType : null);
            return true;
        }

        httpContext.Response.StatusCode = problem.StatusCode();
        if (problem.RetryAfter is { } wait)
            httpContext.Response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (httpContext.Request.Path.StartsWithSegments("/connect", StringComparison.OrdinalIgnoreCase) && !HttpMethods.IsGet(httpContext.Request.Method))
        {
            await Connect.OAuthAnswers.RefuseAsync(httpContext, problem);
            return true;
        }

        await ErrorPage.WriteAsync(httpContext, problem);
        return true;
    }

    private Problem Read(HttpContext context, Exception exception)
    {
        if (exception is BadHttpRequestException bad)
        {
            return bad.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? RequestBodies.TooLarge
                : RequestBodies.Problem(bad.InnerException as JsonException, bad);
        }

        // The JSON reader has no kinder way to say that it does not know the charset.
        if (exception is InvalidOperationException { InnerException: ArgumentException or NotSupportedException } && RequestBodies.HasUnknownCharset(context.Request))
            return RequestBodies.UnknownCharset;

        // The second is Kestrel's for the size of a chunk that no number holds.
        if (exception is InvalidDataException or IOException { InnerException: OverflowException })
            return new Problem(ProblemKind.Invalid, "request_invalid", "The request cannot be read: too many or too long fields, or a malformed form.");

        if (exception is DatabaseSilentException || DatabaseFaults.IsUnavailable(exception))
        {
            logger.LogError(exception, "The database is unavailable");
            return Problems.Unavailable;
        }

        // Another request changed the same row first; nothing was written. The caller may simply repeat.
        if (exception is DbUpdateConcurrencyException)
            return new Problem(ProblemKind.Conflict, "conflict", "Somebody else changed the same thing at the same moment. Try again.");

        logger.LogError(exception, "Unhandled exception in request {TraceId}", context.TraceIdentifier);
        return new Problem(ProblemKind.Fault, "server_error", $"Something went wrong on our side. Trace id: {context.TraceIdentifier}");
    }
}
