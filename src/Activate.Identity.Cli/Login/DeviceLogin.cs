using System.Net;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Login;

/// <summary>Signing in on a host without a browser: RFC 8628, as the built-in public client.</summary>
internal sealed class DeviceLogin(LoginRequest request, Surroundings around)
{
    private const double DefaultInterval = 5;

    /// <summary>Asks for a code, shows it, and waits until somebody has allowed it.</summary>
    /// <param name="browser">Open the page here.</param>
    /// <param name="picture">Draw its address for the camera of a telephone, where no browser opens here.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<TokenAnswer> RunAsync(bool browser, bool picture, CancellationToken cancellation)
    {
        var device = await StartAsync(cancellation);
        var started = around.Time.GetUtcNow();
        Show(device, browser, picture);
        var polling = new DevicePolling(
            TimeSpan.FromSeconds(Math.Clamp(device.Interval ?? DefaultInterval, 1, 60)), started + TimeSpan.FromSeconds(Math.Clamp(device.ExpiresIn ?? 600, 1, 3600)), around.Time);
        var token = await Waiting.ForAsync(around, polling.ExpiresAt, "Waiting until it is allowed", stop => polling.RunAsync(ask => PollAsync(device.DeviceCode!, ask), stop), cancellation);
        return token;
    }

    private async Task<DeviceAnswer> StartAsync(CancellationToken cancellation)
    {
        var answer = await request.PostAsync(request.Endpoints.DeviceAuthorization, request.Fields(), cancellation);
        if (!answer.Succeeded)
            throw Refusal.Of(answer, request.Server);
        return JsonText.Read(answer.Body, OAuthJson.Default.DeviceAnswer) is { DeviceCode: not null, UserCode: not null, VerificationUri: not null } device
            ? device
            : throw Failure.Failed($"{ServerAddress.Origin(request.Server)} answered the request for a code with something else.");
    }

    private void Show(DeviceAnswer device, bool browser, bool picture)
    {
        around.Error.WriteLine($"To sign in, open this page in any browser:");
        around.Error.WriteLine();
        around.Error.WriteLine($"    {SafeText.OneLine(device.VerificationUri)}");
        around.Error.WriteLine();
        around.Error.WriteLine($"and enter the code:  {SafeText.OneLine(device.UserCode)}");
        around.Error.WriteLine();

        // Only a page of the server itself is opened, or put before a camera: the address came over the wire.
        if (!Uri.TryCreate(device.VerificationUriComplete ?? device.VerificationUri, UriKind.Absolute, out var page) || page.Scheme is not ("https" or "http") || !ServerAddress.Same(page, request.Server))
            return;
        if (browser && around.OpenBrowser(page))
        {
            around.Error.WriteLine("The page has been opened in your browser. Compare the code before you allow it.");
        }
        else if (picture && QrPicture.Of(page, around, Tables.TerminalWidth()) is { } drawn)
        {
            around.Error.WriteLine("Or scan this with a telephone, and compare the code there:");
            around.Error.WriteLine();
            around.Error.WriteLine(drawn);
        }
    }

    private async Task<PollAnswer> PollAsync(string deviceCode, CancellationToken cancellation)
    {
        Answer answer;
        try
        {
            answer = await request.PostAsync(request.Endpoints.Token, new Dictionary<string, string>
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
                ["client_id"] = LoginRequest.ClientId,
                ["device_code"] = deviceCode,
            }, cancellation);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException || problem is OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return new PollAnswer.Unreachable(null);
        }

        if (answer.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)answer.Status >= 500)
            return new PollAnswer.Unreachable(answer.RetryAfter);
        return request.Understand(answer) switch
        {
            ({ } token, _) => new PollAnswer.Granted(token),
            (_, { Error: "authorization_pending" }) => new PollAnswer.Pending(),
            (_, { Error: "slow_down" }) => new PollAnswer.SlowDown(),
            (_, var refusal) => new PollAnswer.Ended(refusal.Message),
        };
    }
}
