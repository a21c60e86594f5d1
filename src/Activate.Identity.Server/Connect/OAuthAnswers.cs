using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Telemetry;
using Activate.Identity.Server.Web;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Activate.Identity.Server.Connect;

/// <summary>JSON answers of the OAuth endpoints that we write ourselves, with the headers of RFC 6749 §5.1, as OpenIddict's have them.</summary>
internal static class OAuthAnswers
{
    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="value">What <paramref name="write"/> writes of.</param>
    /// <param name="write">Writes the members of the object.</param>
    public static Task WriteAsync<T>(HttpContext http, int status, T value, Action<Utf8JsonWriter, T> write) => WriteAsync(http, status, Object(value, write));

    /// <summary>A JSON object in UTF-8.</summary>
    /// <param name="value">What <paramref name="write"/> writes of.</param>
    /// <param name="write">Writes the members.</param>
    public static ReadOnlyMemory<byte> Object<T>(T value, Action<Utf8JsonWriter, T> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json, value);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="body">A JSON object in UTF-8.</param>
    public static Task WriteAsync(HttpContext http, int status, ReadOnlyMemory<byte> body)
    {
        var response = http.Response;
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.Pragma = "no-cache";
        response.Headers.Expires = "Thu, 01 Jan 1970 00:00:00 GMT";
        response.ContentType = "application/json;charset=UTF-8";
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, http.RequestAborted).AsTask();
    }

    /// <summary>An error of RFC 6749 §5.2 or RFC 8628 §3.5, whose code is the problem's.</summary>
    public static Task WriteErrorAsync(HttpContext http, Problem problem) => WriteErrorAsync(http, StatusCodes.Status400BadRequest, problem.Code, problem.Detail);

    /// <summary>A refusal that RFC 6749 §5.2 has no code for (too many, unavailable, a fault), with its own HTTP status; the codes of its §4.1.2.1 are what clients know.</summary>
    public static Task RefuseAsync(HttpContext http, Problem problem)
    {
        http.RequestServices.GetRequiredService<ServerMeter>().Refused(ServerMeter.Surface.OAuth, problem.Code);
        if (problem.RetryAfter is { } wait)
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        var code = problem.Kind switch
        {
            ProblemKind.Unavailable or ProblemKind.TooMany => Errors.TemporarilyUnavailable,
            ProblemKind.Fault => Errors.ServerError,
            _ => Errors.InvalidRequest,
        };
        return WriteErrorAsync(http, ProblemResponses.StatusCode(problem), code, problem.Detail);
    }

    private static Task WriteErrorAsync(HttpContext http, int status, string code, string detail) => WriteAsync(http, status, (code, detail), static (json, error) =>
    {
        json.WriteString(Parameters.Error, error.code);
        json.WriteString(Parameters.ErrorDescription, error.detail);
    });
}
