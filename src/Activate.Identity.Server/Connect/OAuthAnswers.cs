using System.Buffers;
using System.Text.Json;

namespace Activate.Identity.Server.Connect;

/// <summary>JSON answers of the OAuth endpoints that we write ourselves, with the headers of RFC 6749 §5.1, as OpenIddict's have them.</summary>
internal static class OAuthAnswers
{
    /// <param name="http">The request.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="value">What <paramref name="write"/> writes of.</param>
    /// <param name="write">Writes the members of the object.</param>
    public static Task WriteAsync<T>(HttpContext http, int status, T value, Action<Utf8JsonWriter, T> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json, value);
            json.WriteEndObject();
        }

        var response = http.Response;
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.Pragma = "no-cache";
        response.Headers.Expires = "Thu, 01 Jan 1970 00:00:00 GMT";
        response.ContentType = "application/json;charset=UTF-8";
        response.ContentLength = buffer.WrittenCount;
        return response.Body.WriteAsync(buffer.WrittenMemory, http.RequestAborted).AsTask();
    }

    /// <summary>An error of RFC 6749 §5.2 or RFC 8628 §3.5.</summary>
    public static Task WriteErrorAsync(HttpContext http, Core.Errors.Problem problem) => WriteAsync(http, StatusCodes.Status400BadRequest, problem, static (json, problem) =>
    {
        json.WriteString("error", problem.Code);
        json.WriteString("error_description", problem.Detail);
    });
}
