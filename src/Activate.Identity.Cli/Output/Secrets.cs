using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Output;

/// <summary>Answers that show a secret once: the secret alone on stdout, so that <c>KEY=$(…)</c> works, and every word about it on stderr.</summary>
internal static class Secrets
{
    public static int Show(Call call, ApiClient api, Answer answer, string what)
    {
        var made = api.Understand(answer.Body, ApiJson.Default.NewCredential);
        var secret = made.Key ?? made.Token;
        if (secret is null || secret.Length == 0 || secret.Any(c => c is <= ' ' or > '~'))
            throw Failure.Failed($"{ServerAddress.Origin(api.Server)} did not answer with {what}.");
        call.Show(call.Json ? JsonText.Indent(answer.Body) : secret);
        var reason = made.ExpiresBecause is "policy" or "default" ? $" ({made.ExpiresBecause})" : "";
        call.Say($"This is {what}{(made.Name is null ? "" : $" '{made.Name}'")}, id {made.Id}. It {(made.ExpiresAt is { } end ? $"ends {Times.Full(end, call.Now)}" : "never ends")}{reason}.");
        call.Say("It cannot be shown again: keep it now.");
        return ExitCodes.Done;
    }
}
