using System.Globalization;
using System.Net;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;
using Activate.Identity.Core.Credentials;

namespace Activate.Identity.Cli.Login;

/// <summary>Signing in on a host without a browser: RFC 8628, as the built-in public client.</summary>
internal sealed class DeviceLogin(Wire wire, Discovery endpoints, Surroundings around)
{
    public const string ClientId = "activate-cli";
    private const double DefaultInterval = 5;

    /// <summary>Asks for a code, shows it, and waits until somebody has allowed it.</summary>
    public async Task<TokenAnswer> RunAsync(IEnumerable<string> scopes, string deviceName, int? hours, bool browser, CancellationToken cancellation)
    {
        var device = await StartAsync(scopes, deviceName, hours, cancellation);
        var started = around.Time.GetUtcNow();
        var page = Show(device, browser);
        var polling = new DevicePolling(
            TimeSpan.FromSeconds(Math.Clamp(device.Interval ?? DefaultInterval, 1, 60)), started + TimeSpan.FromSeconds(Math.Clamp(device.ExpiresIn ?? 600, 1, 3600)), around.Time);
        var token = await Waiting.ForAsync(around, polling.ExpiresAt, page, stop => polling.RunAsync(ask => PollAsync(device.DeviceCode!, ask), stop), cancellation);
        return token;
    }

    /// <summary>A name for this device that the server will take.</summary>
    public static string NameOf(string host) => CredentialName.Parse(host.Length > CredentialName.MaximumLength ? host[..CredentialName.MaximumLength] : host).TryGet(out var name, out _)
        ? name
        : "a terminal";

    private async Task<DeviceAnswer> StartAsync(IEnumerable<string> scopes, string deviceName, int? hours, CancellationToken cancellation)
    {
        var fields = new Dictionary<string, string> { ["client_id"] = ClientId, ["scope"] = string.Join(' ', scopes), ["device_name"] = deviceName };
        if (hours is { } wish)
            fields["lifetime_hours"] = wish.ToString(CultureInfo.InvariantCulture);
        var answer = await PostAsync(endpoints.DeviceAuthorization, fields, cancellation);
        if (!answer.Succeeded)
            throw Refusal.Of(answer, wire.Server);
        return JsonText.Read(answer.Body, OAuthJson.Default.DeviceAnswer) is { DeviceCode: not null, UserCode: not null, VerificationUri: not null } device
            ? device
            : throw Failure.Failed($"{ServerAddress.Origin(wire.Server)} answered the request for a code with something else.");
    }

    private string Show(DeviceAnswer device, bool browser)
    {
        around.Error.WriteLine($"To sign in, open this page in any browser:");
        around.Error.WriteLine();
        around.Error.WriteLine($"    {SafeText.OneLine(device.VerificationUri)}");
        around.Error.WriteLine();
        around.Error.WriteLine($"and enter the code:  {SafeText.OneLine(device.UserCode)}");
        around.Error.WriteLine();

        // Only a page of the server itself is opened: the address came over the wire.
        if (browser && Uri.TryCreate(device.VerificationUriComplete ?? device.VerificationUri, UriKind.Absolute, out var page)
            && page.Scheme is "https" or "http" && ServerAddress.Same(page, wire.Server) && around.OpenBrowser(page))
            around.Error.WriteLine("The page has been opened in your browser. Compare the code before you allow it.");
        return "Waiting until it is allowed";
    }

    private async Task<PollAnswer> PollAsync(string deviceCode, CancellationToken cancellation)
    {
        Answer answer;
        try
        {
            answer = await PostAsync(endpoints.Token, new Dictionary<string, string>
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
                ["client_id"] = ClientId,
                ["device_code"] = deviceCode,
            }, cancellation);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException || problem is OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return new PollAnswer.Unreachable(null);
        }

        if (answer.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)answer.Status >= 500)
            return new PollAnswer.Unreachable(answer.RetryAfter);
        var token = JsonText.Read(answer.Body, OAuthJson.Default.TokenAnswer);
        return (answer.Succeeded, token) switch
        {
            (true, { AccessToken: { Length: > 0 } secret }) when secret.All(c => c is > ' ' and <= '~') => new PollAnswer.Granted(token),
            (false, { Error: "authorization_pending" }) => new PollAnswer.Pending(),
            (false, { Error: "slow_down" }) => new PollAnswer.SlowDown(),
            (false, { Error: "access_denied" }) => new PollAnswer.Ended("The sign-in was denied in the browser (access_denied)."),
            (false, { Error: "expired_token" }) => new PollAnswer.Ended($"{DevicePolling.ExpiredMessage} (expired_token)"),
            (false, { Error: "invalid_grant" }) => new PollAnswer.Ended(
                $"The server does not take the code any more: {token.ErrorDescription ?? "it was used, withdrawn or never existed."} Run the command again. (invalid_grant)"),
            (false, { Error: { } error }) => new PollAnswer.Ended($"{token.ErrorDescription ?? "The server ended the sign-in."} ({error})"),
            _ => new PollAnswer.Ended($"{ServerAddress.Origin(wire.Server)} answered the sign-in with something else than expected ({(int)answer.Status})."),
        };
    }

    private async Task<Answer> PostAsync(Uri endpoint, Dictionary<string, string> fields, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(fields) };
        return await wire.SendAsync(request, cancellation);
    }
}
