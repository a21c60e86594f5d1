using System.Net;
using System.Web;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>A third party's web application with its own small pages: an OAuth client as many are, that knows of the server only the issuer and what discovery tells.</summary>
internal sealed class Portal : IAsyncDisposable
{
    private readonly Listener _listener;
    private readonly HttpClient _client;
    private readonly Uri _issuer;
    private (string State, Pkce Pkce) _asked;

    public Portal(Uri issuer)
    {
        (_issuer, _client) = (issuer, TestServer.ClientOf(issuer, issuer.Port));
        _listener = new Listener(Home, AnswerAsync);
    }

    /// <summary>Opening it begins a sign-in.</summary>
    public string Home { get; } = $"http://127.0.0.1:{RunningProgram.FreePort()}/";

    public string RedirectUri => $"{Home}callback";

    public string ClientId { get; set; } = "";

    public string Secret { get; set; } = "";

    public string Scope { get; set; } = "openid profile offline_access";

    /// <summary>The last answer of the token endpoint.</summary>
    public Answer? Tokens { get; private set; }

    public Task<Answer> RefreshAsync() => TokenAsync(("grant_type", "refresh_token"), ("refresh_token", Tokens!.Text("refresh_token")));

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _client.Dispose();
    }

    private async Task<string> AnswerAsync(HttpListenerContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        if (context.Request.Url!.AbsolutePath != "/")
            return await EndAsync(context.Request.Url);
        context.Response.Redirect(await BeginAsync());
        return "";
    }

    private async Task<string> BeginAsync()
    {
        _asked = (Pkce.New().Verifier, Pkce.New());
        var query = HttpUtility.ParseQueryString("");
        foreach (var (name, value) in new[]
        {
            ("response_type", "code"), ("client_id", ClientId), ("redirect_uri", RedirectUri), ("scope", Scope), ("state", _asked.State),
            ("code_challenge", _asked.Pkce.Challenge), ("code_challenge_method", "S256"),
        })
            query[name] = value;
        return $"{await DiscoverAsync("authorization_endpoint")}?{query}";
    }

    private async Task<string> EndAsync(Uri address)
    {
        var answer = HttpUtility.ParseQueryString(address.Query);
        if (answer["state"] != _asked.State || answer["iss"] != _issuer.ToString() || answer["code"] is not { } code)
            return Page($"Not signed in: {answer["error"]}");
        Tokens = await TokenAsync(("grant_type", "authorization_code"), ("code", code), ("redirect_uri", RedirectUri), ("code_verifier", _asked.Pkce.Verifier));
        if (Tokens.Status != 200)
            return Page($"Not signed in: {Tokens.Error}");
        using var request = new HttpRequestMessage(HttpMethod.Get, await DiscoverAsync("userinfo_endpoint")) { Headers = { Authorization = new("Bearer", Tokens.Text("access_token")) } };
        return Page($"Welcome, {(await Answer.FromAsync(await _client.SendAsync(request))).Text("preferred_username")}");
    }

    private async Task<Answer> TokenAsync(params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, await DiscoverAsync("token_endpoint"))
        {
            Headers = { Authorization = TestServer.Basic(ClientId, Secret) },
            Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))),
        };
        return await Answer.FromAsync(await _client.SendAsync(request));
    }

    private async Task<string> DiscoverAsync(string endpoint) => (await Answer.FromAsync(await _client.GetAsync(".well-known/openid-configuration"))).Text(endpoint);

    private static string Page(string heading) => $"<!doctype html><html lang=en><title>Portal</title><main><h1>{WebUtility.HtmlEncode(heading)}</h1></main></html>";
}
