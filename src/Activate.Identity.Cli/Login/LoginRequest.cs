using System.Globalization;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Cli.Login;

/// <summary>
/// What a login asks for, as the built-in public client, and what the token endpoint's answer means. The same for a login with a code and for one in the
/// browser: they differ only in how the person gets to the page.
/// </summary>
internal sealed class LoginRequest(Wire wire, Discovery endpoints, IReadOnlyList<string> scopes, string deviceName, int? hours)
{
    public const string ClientId = "activate-cli";

    public Uri Server => wire.Server;

    public Discovery Endpoints => endpoints;

    /// <summary>A name for this device that the server will take.</summary>
    public static string NameOf(string host)
    {
        var start = host.Length > CredentialName.MaximumLength ? host[..CredentialName.MaximumLength] : host;
        return CredentialName.Parse(start).TryGet(out var name, out _) ? name : "a terminal";
    }

    /// <summary>What is asked for, in the words of both endpoints that begin a login.</summary>
    public Dictionary<string, string> Fields()
    {
        var fields = new Dictionary<string, string> { ["client_id"] = ClientId, ["scope"] = string.Join(' ', scopes), ["device_name"] = deviceName };
        if (hours is { } wish)
            fields["lifetime_hours"] = wish.ToString(CultureInfo.InvariantCulture);
        return fields;
    }

    public async Task<Answer> PostAsync(Uri endpoint, Dictionary<string, string> fields, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(fields) };
        return await wire.SendAsync(request, cancellation);
    }

    /// <summary>A token that can be kept and sent, or what to tell the person.</summary>
    public (TokenAnswer? Token, LoginRefusal Refusal) Understand(Answer answer)
    {
        var token = JsonText.Read(answer.Body, OAuthJson.Default.TokenAnswer);
        return (answer.Succeeded, token) switch
        {
            (true, { AccessToken: { Length: > 0 } secret }) when secret.All(c => c is > ' ' and <= '~') => (token, default),
            (false, { Error: { } error }) => (null, LoginRefusal.Of(error, token.ErrorDescription)),
            _ => (null, new LoginRefusal(
                null, $"{ServerAddress.Origin(Server)} answered the sign-in with something else than expected ({(int)answer.Status}).")),
        };
    }
}

/// <summary>Why there is no token: the OAuth error, when the server gave one, and words for people.</summary>
internal readonly record struct LoginRefusal(string? Error, string Message)
{
    public static LoginRefusal Of(string error, string? description) => new(error, error switch
    {
        "access_denied" => "The sign-in was denied in the browser (access_denied).",
        "expired_token" => $"{DevicePolling.ExpiredMessage} (expired_token)",
        "invalid_grant" => $"The server does not take the code any more: {description ?? "it was used, withdrawn or never existed."} "
            + "Run the command again. (invalid_grant)",
        _ => $"{description ?? "The server ended the sign-in."} ({error})",
    });
}
