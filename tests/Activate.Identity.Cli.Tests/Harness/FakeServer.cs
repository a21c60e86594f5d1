using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Core.ApiKeys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Activate.Identity.Cli.Tests.Harness;

internal sealed record Seen(string Method, string Path, string Query, string? Authorization, string Body, string? IfMatch = null, string? IfNoneMatch = null)
{
    public string Line => $"{Method} {Path}";

    public string? Form(string field) => Value(Body, field);

    public string? Parameter(string name) => Value(Query.TrimStart('?'), name);

    private static string? Value(string pairs, string name) => pairs.Split('&').Select(pair => pair.Split('=', 2)).Where(pair => pair[0] == name)
        .Select(pair => WebUtility.UrlDecode(pair[1])).FirstOrDefault();
}

internal sealed record Reply(int Status, string Body = "", string MediaType = "application/json")
{
    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>The connection breaks instead of an answer.</summary>
    public bool Abort { get; init; }

    public static Reply Problem(int status, string code, string detail = "The rule.") => new(status, $$"""{"status":{{status}},"code":"{{code}}","detail":"{{detail}}"}""", "application/problem+json");

    public static Reply Redirect(string to) => new(302) { Headers = { ["Location"] = to } };

    public static Reply OAuth(string error) => new(400, $$"""{"error":"{{error}}"}""");
}

/// <summary>A server on a free port of 127.0.0.1 that answers what a test tells it, and remembers what it was asked.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private static readonly string[] s_meScopes = ["openid", "profile", "platform", "credentials:read"];
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<Seen> _seen = new();
    private readonly ConcurrentDictionary<string, Func<Seen, Reply>> _routes = new();

    private FakeServer(WebApplication app) => _app = app;

    public Uri Origin { get; private set; } = null!;
    public string Url => $"http://127.0.0.1:{Origin.Port}";
    public string ContextName => $"127.0.0.1:{Origin.Port}";
    public IReadOnlyList<Seen> Seen => [.. _seen];
    public IEnumerable<string> Lines => _seen.Select(seen => seen.Line);

    public string ApiKey => ApiKeySecret.From(Origin, new string('k', 43)).Reveal();

    public static async Task<FakeServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new FakeServer(app);
        app.Run(server.AnswerAsync);
        await app.StartAsync();
        server.Origin = new Uri(app.Urls.Single());
        server.On("GET /.well-known/openid-configuration", _ => new Reply(200, server.DiscoveryDocument()));
        server.On("GET /api/v1/me", _ => new Reply(200, Me("session")));
        return server;
    }

    public string DiscoveryDocument(string? issuer = null, string? token = null, string? authorization = null) =>
        $$"""
        {"issuer":"{{issuer ?? Url + "/"}}","authorization_endpoint":"{{authorization ?? Url + "/connect/authorize"}}","authorization_response_iss_parameter_supported":true,
         "device_authorization_endpoint":"{{Url}}/connect/device","token_endpoint":"{{token ?? Url + "/connect/token"}}","revocation_endpoint":"{{Url}}/connect/revoke"}
        """;

    public static string Me(string kind, string expiresAt = "2026-11-24T05:00:00Z") => $$"""
        {"id":"0199aaaa-0000-7000-8000-000000000001","username":"ada","displayName":"Ada Byron","email":"ada@example.test","kind":"person","role":"owner","operator":true,
         "organization":{"id":"0199aaaa-0000-7000-8000-000000000002","slug":"hydrology-lab","name":"Hydrology Lab"},
         "credential":{"kind":"{{kind}}","id":"0199aaaa-0000-7000-8000-000000000003","name":"login-node-07","scopes":{{JsonSerializer.Serialize(s_meScopes)}},"expiresAt":{{(expiresAt.Length > 0 ? $"\"{expiresAt}\"" : "null")}} } }
        """;

    public void On(string line, Func<Seen, Reply> answer) => _routes[line] = answer;

    /// <summary>Answers one after the other; the last one again and again.</summary>
    public void OnEach(string line, params Reply[] answers)
    {
        var next = -1;
        On(line, _ => answers[Math.Min(Interlocked.Increment(ref next), answers.Length - 1)]);
    }

    /// <summary>A device login that will be allowed after these polls.</summary>
    public void AllowLoginAfter(params Reply[] before) => AllowLoginAfter(Jwt(Origin), before);

    public void AllowLoginAfter(string token, params Reply[] before)
    {
        On("POST /connect/device", _ => new Reply(200,
            $$"""{"device_code":"device-secret","user_code":"WDJB-MJHT","verification_uri":"{{Url}}/device","verification_uri_complete":"{{Url}}/device?user_code=WDJB-MJHT","expires_in":600,"interval":5}"""));
        OnEach("POST /connect/token", [.. before, Token(token)]);
    }

    /// <summary>A login in the browser that is allowed at once: the page sends the browser back with a code, worth a token to whoever has the verifier.</summary>
    public void AllowLoginInBrowser(string? token = null)
    {
        Seen? asked = null;
        On("GET /connect/authorize", seen =>
        {
            asked = seen;
            return Reply.Redirect($"{seen.Parameter("redirect_uri")}?code=code-secret&state={seen.Parameter("state")}&iss={Uri.EscapeDataString(Url + "/")}");
        });
        On("POST /connect/token", seen => seen.Form("grant_type") == "authorization_code" && seen.Form("client_id") == "activate-cli"
            && seen.Form("code") == "code-secret" && seen.Form("redirect_uri") == asked?.Parameter("redirect_uri") && Challenge(seen.Form("code_verifier")) == asked?.Parameter("code_challenge")
            ? Token(token ?? Jwt(Origin))
            : Reply.OAuth("invalid_grant"));
    }

    /// <summary>RFC 7636 §4.2, written down once more.</summary>
    public static string Challenge(string? verifier) =>
        Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes(verifier ?? ""))).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    public static Reply Token(string token) =>
        new(200, $$"""{"access_token":"{{token}}","token_type":"Bearer","expires_in":10799,"scope":"openid profile platform credentials:read"}""");

    /// <summary>A token in the form of ours. Nobody here verifies the signature.</summary>
    public static string Jwt(Uri origin, string clientId = "activate-cli", DateTimeOffset? expires = null, string? sessionId = null) =>
        string.Join('.', Base64("""{"typ":"at+jwt","alg":"RS256"}"""), Base64(
            $$"""{"iss":"{{origin}}","platform_host":"{{ApiKeySecret.PlatformOf(origin)}}","exp":{{(expires ?? Clock.Start.AddHours(3)).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)}},"client_id":"{{clientId}}","scope":"openid platform"{{(sessionId is null ? "" : $",\"sid\":\"{sessionId}\"")}}}"""),
            Base64("signature"));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var seen = new Seen(context.Request.Method, context.Request.Path, context.Request.QueryString.Value ?? "", context.Request.Headers.Authorization, await reader.ReadToEndAsync(),
            context.Request.Headers.IfMatch.Count > 0 ? context.Request.Headers.IfMatch.ToString() : null,
            context.Request.Headers.IfNoneMatch.Count > 0 ? context.Request.Headers.IfNoneMatch.ToString() : null);
        _seen.Enqueue(seen);
        var reply = _routes.TryGetValue(seen.Line, out var answer) ? answer(seen) : Reply.Problem(404, "not_found");
        if (reply.Abort)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = reply.Status;
        foreach (var (name, value) in reply.Headers)
            context.Response.Headers[name] = value;
        if (reply.Body.Length > 0)
        {
            context.Response.ContentType = reply.MediaType;
            await context.Response.WriteAsync(reply.Body);
        }
    }

    private static string Base64(string text) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
