using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Errors;
using Microsoft.Net.Http.Headers;

namespace Activate.Identity.Server.Web;

/// <summary>Says what is wrong with a JSON body without quoting it and without naming our types.</summary>
internal static partial class RequestBodies
{
    public static readonly Problem TooLarge = new(ProblemKind.TooLarge, "request_too_large", "The request body is larger than this server takes.");

    /// <summary>415.</summary>
    public static readonly Problem UnknownCharset = new(ProblemKind.Invalid, "request_invalid", "The charset of the body is not known. Send the body as JSON in UTF-8, with 'Content-Type: application/json'.");

    /// <summary>That the Content-Type names a charset which the JSON reader does not know.</summary>
    public static bool HasUnknownCharset(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type) || !type.Charset.HasValue)
            return false;
        try
        {
            return Encoding.GetEncoding(type.Charset.Value) is null;
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            return true;
        }
    }

    public static Problem Problem(JsonException? json, BadHttpRequestException bad)
    {
        if (json is null)
        {
            return new Problem(ProblemKind.Invalid, "request_invalid", bad.StatusCode == StatusCodes.Status415UnsupportedMediaType
                ? "Send the body as JSON, with 'Content-Type: application/json'."
                : "The request cannot be read: a parameter or the body is missing or malformed.");
        }

        var field = FieldOf(json.Path);
        if (json.Message.Contains("could not be mapped", StringComparison.Ordinal))
            return new Problem(ProblemKind.Invalid, "unknown_field", $"There is no field '{field}' here. Check the spelling, or leave it out.", field);
        if (field is null)
            return new Problem(ProblemKind.Invalid, "request_invalid", "The body is not valid JSON, a required field is missing, or a field stands there twice.");
        return new Problem(ProblemKind.Invalid, "field_invalid", $"The field '{field}' has a value of the wrong type or size.", field);
    }

    /// <summary>"$.expiresInDays" → "expiresInDays", "$.scopes[3]" → "scopes"; null when the path is the document itself or holds anything odd.</summary>
    private static string? FieldOf(string? path) => path is { Length: > 2 and < 100 } && PathForm().IsMatch(path) ? path[2..].Split('[')[0] : null;

    [GeneratedRegex(@"^\$\.[A-Za-z0-9_.\[\]]+$", RegexOptions.NonBacktracking)]
    private static partial Regex PathForm();
}
