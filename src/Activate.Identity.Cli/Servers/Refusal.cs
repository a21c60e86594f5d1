using System.Net;
using System.Text.Json;

namespace Activate.Identity.Cli.Servers;

/// <summary>What the server said no to, as a line and an exit code.</summary>
internal static class Refusal
{
    public static Failure Of(Answer answer, Uri server)
    {
        var problem = Output.JsonText.Read(answer.Body, ApiJson.Default.ProblemAnswer);
        var code = problem?.Code ?? problem?.Error;
        var text = problem?.Detail ?? problem?.ErrorDescription ?? problem?.Title ?? $"{ServerAddress.Origin(server)} answered {(int)answer.Status}.";
        var details = new List<string>();
        foreach (var (field, reasons) in problem?.Errors ?? [])
        {
            // One faulty field: the line above says it already.
            if (Reasons(reasons) is var reason && reason != text)
                details.Add($"{field}: {reason}");
        }

        if (answer.RetryAfter is { } wait)
            details.Add($"Try again in {Math.Ceiling(wait.TotalSeconds)} seconds.");
        if (Remedy(answer.Status, code) is { } remedy && !text.Contains(remedy.Command, StringComparison.Ordinal))
            details.Add(remedy.Sentence);
        return new Failure(ExitCodeOf(answer.Status), code is null ? text : $"{text} ({code})", details);
    }

    public static int ExitCodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => ExitCodes.NotSignedIn,
        HttpStatusCode.Forbidden => ExitCodes.Refused,
        _ => ExitCodes.Failed,
    };

    private static (string Command, string Sentence)? Remedy(HttpStatusCode status, string? code) => (status, code) switch
    {
        (HttpStatusCode.Unauthorized, _) => ("actid auth login", "Sign in again: actid auth login"),
        (HttpStatusCode.Forbidden, "insufficient_scope" or "interactive_sign_in_required") => ("actid auth login --manage", "Sign in for managing: actid auth login --manage"),
        _ => null,
    };

    private static string Reasons(JsonElement reasons) => reasons.ValueKind switch
    {
        JsonValueKind.Array => string.Join(" ", reasons.EnumerateArray().Select(reason => reason.ToString())),
        _ => reasons.ToString(),
    };
}
