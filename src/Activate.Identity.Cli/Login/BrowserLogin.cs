using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Servers;

namespace Activate.Identity.Cli.Login;

/// <summary>
/// Signing in with the browser of this machine: the code comes back to a port of ours (RFC 8252), so there is none that somebody could be talked into entering.
/// The answer must know the state and name our server (RFC 9207), and its code is worth nothing without the verifier (RFC 7636).
/// </summary>
internal sealed class BrowserLogin(LoginRequest request, Surroundings around)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    /// <summary>Opens the page, waits for its answer, redeems the code and has the token kept. Only then does the browser show that it went well.</summary>
    public async Task<T> RunAsync<T>(bool browser, Func<TokenAnswer, T> keep, CancellationToken cancellation)
    {
        var page = request.Endpoints.Authorization;
        var (state, verifier) = (Random(), Random());
        using var listener = CallbackListener.Start(state, around.Time);
        Show(AuthorizationRequest(page, listener.Address, state, verifier), browser);
        using var callback = await WaitAsync(listener, cancellation);
        try
        {
            var kept = keep(await RedeemAsync(CodeOf(callback), listener.Address, verifier, cancellation));
            await callback.AnswerAsync(CallbackPage.SignedIn);
            return kept;
        }
        catch (Exception problem)
        {
            await callback.AnswerAsync(CallbackPage.Failed(problem is Failure ? problem.Message : "The terminal says why."));
            throw;
        }
    }

    private Uri AuthorizationRequest(Uri page, Uri callback, string state, string verifier)
    {
        var parameters = new Dictionary<string, string>(request.Fields())
        {
            ["response_type"] = "code",
            ["redirect_uri"] = callback.AbsoluteUri,
            ["state"] = state,
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier))),
            ["code_challenge_method"] = "S256",
        };
        var query = string.Join('&', parameters.Select(field => $"{field.Key}={Uri.EscapeDataString(field.Value)}"));
        // An endpoint may have a query of its own, which is kept (RFC 6749 §3.1).
        return new Uri($"{page.GetLeftPart(UriPartial.Query)}{(page.Query.Length > 0 ? '&' : '?')}{query}");
    }

    private void Show(Uri page, bool browser)
    {
        around.Error.WriteLine("To sign in, open this page in a browser on this machine:");
        around.Error.WriteLine();
        around.Error.WriteLine($"    {SafeText.OneLine(page.AbsoluteUri)}");
        around.Error.WriteLine();
        if (browser && around.OpenBrowser(page))
            around.Error.WriteLine("The page has been opened in your browser.");
        else if (!browser)
            around.Error.WriteLine("No browser can be opened from here. With one on another machine, run actid auth login without --browser: its answer cannot get here.");
    }

    private async Task<Callback> WaitAsync(CallbackListener listener, CancellationToken cancellation)
    {
        try
        {
            var until = around.Time.GetUtcNow() + s_limit;
            return await Waiting.ForAsync(around, until, "Waiting for the browser", stop => listener.WaitAsync(s_limit, stop), cancellation);
        }
        catch (TimeoutException)
        {
            throw Failure.Failed($"Nobody signed in within {s_limit.TotalMinutes:0} minutes. Run the command again.",
                "With a browser on another machine: actid auth login, without --browser");
        }
    }

    /// <summary>The code, from an answer that has proved to be one to this login.</summary>
    private string CodeOf(Callback callback)
    {
        var issuer = callback["iss"];
        // RFC 9207 §2.4: the same bytes; before anything else is believed, an error too.
        if (issuer is null ? request.Endpoints.NamesIssuer : issuer != request.Endpoints.Issuer)
        {
            throw Failure.Failed(issuer is null
                ? $"The answer in the browser does not say that it is from {ServerAddress.Origin(request.Server)}. Its code was not used."
                : $"The answer in the browser is from '{issuer}', not from {ServerAddress.Origin(request.Server)}. Its code was not used.");
        }

        if (callback["error"] is { } error)
            throw Refused(LoginRefusal.Of(error, callback["error_description"]));
        return callback["code"] is { Length: > 0 } code ? code : throw Failure.Failed("The browser brought neither a code nor an error.");
    }

    private async Task<TokenAnswer> RedeemAsync(string code, Uri callback, string verifier, CancellationToken cancellation)
    {
        // Once: a code that is sent again ends what the first answer gave (RFC 6749 §4.1.2).
        var (token, refusal) = request.Understand(await request.PostAsync(request.Endpoints.Token, new Dictionary<string, string>
        {
            ["grant_type"] = "authorization_code",
            ["client_id"] = LoginRequest.ClientId,
            ["code"] = code,
            ["redirect_uri"] = callback.AbsoluteUri,
            ["code_verifier"] = verifier,
        }, cancellation));
        return token ?? throw Refused(refusal);
    }

    private static Failure Refused(LoginRefusal refusal) =>
        new(refusal.Error == "access_denied" ? ExitCodes.Refused : ExitCodes.Failed, refusal.Message);

    /// <summary>256 bits in 43 characters.</summary>
    private static string Random() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
