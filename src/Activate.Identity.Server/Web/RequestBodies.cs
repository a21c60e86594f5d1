using System.Text.Json;
using System.Text.RegularExpressions;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Server.Web;

/// <summary>Says what is wrong with a JSON body without quoting it and without naming our types.</summary>
internal static partial class RequestBodies
{
    public static readonly Problem TooLarge = new(ProblemKind.TooLarge, "request_too_large", "The request body is larger than this server takes.");

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
