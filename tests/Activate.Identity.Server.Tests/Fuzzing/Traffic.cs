using System.Collections.Concurrent;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Tests.ApiKeys;
using Activate.Identity.Server.Tests.Organizations;
using Activate.Identity.Server.Tests.SshKeys;
using Activate.Identity.Testing;
using AngleSharp.Html.Dom;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Activate.Identity.Server.Tests.Fuzzing;

/// <summary>
/// What people and programs send on a day: the requests of every OAuth flow and of every page as they came in, and one for each operation of the OpenAPI document and
/// each form, which are not sent, so that they are still good when they are changed.
/// </summary>
internal sealed class Traffic : IStartupFilter
{
    private const string Secret = "resource server secret";
    private static readonly string[] s_framing = ["Connection", "Content-Length", "Expect", "Transfer-Encoding"];
    private ConcurrentQueue<RecordedRequest>? _recording;

    public void AddTo(WebApplicationBuilder builder) => builder.Services.AddSingleton<IStartupFilter>(this);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(async (context, forward) =>
        {
            if (_recording is { } recording)
                recording.Enqueue(await ReadAsync(context.Request));
            await forward(context);
        });
        next(app);
    };

    private static async Task<RecordedRequest> ReadAsync(HttpRequest request)
    {
        request.EnableBuffering();
        using var reader = new StreamReader(request.Body, Encoding.Latin1, leaveOpen: true);
        var body = await reader.ReadToEndAsync();
        request.Body.Position = 0;
        return new RecordedRequest(request.Method, request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            [.. request.Headers.Where(header => !s_framing.Contains(header.Key)).Select(header => (header.Key, header.Value.ToString()))], body);
    }

    /// <summary>A day in an organization of its own.</summary>
    public async Task<IReadOnlyList<RecordedRequest>> RecordAsync(TestServer server)
    {
        var everything = await WholeOrganization.CreateAsync(server);
        var name = $"fuzz-{Guid.NewGuid():N}"[..20];
        await server.CreateUserAsync(name, Role.Owner, everything.Organization.Id);
        await server.RegisterApplicationAsync(name, Secret, audiences: $"{server.Origin}api", organizationId: everything.Organization.Id);
        var recording = new ConcurrentQueue<RecordedRequest>();
        _recording = recording;
        try
        {
            await FlowsAsync(server, everything, name);
            await PagesAsync(server, recording, name);
        }
        finally
        {
            _recording = null;
        }

        foreach (var operation in await OperationsAsync(server, everything))
            recording.Enqueue(operation);
        return [.. recording];
    }

    private static async Task FlowsAsync(TestServer server, WholeOrganization everything, string name)
    {
        var session = await server.LoginWithDeviceAsync(3, username: name, password: TestServer.UserPassword);
        var key = (await server.CreateApiKeyAsync(session, "fuzzed")).Key;
        using var browser = await server.SignInAsync(username: name, password: TestServer.UserPassword);
        var tokens = await server.ConnectAsync(browser, name, Secret, "openid profile email offline_access platform credentials:read");
        Assert.Equal(200, (await server.RefreshAsync(name, Secret, tokens.Text("refresh_token"))).Status);
        Assert.Equal(200, (await server.GetAsync("/connect/userinfo", tokens.Text("access_token"))).Status);
        foreach (var token in (string[])[key, session, tokens.Text("access_token")])
            Assert.Equal(200, (await server.IntrospectAsync(name, Secret, token)).Status);
        await PostAsync("/connect/token", ("grant_type", "client_credentials"), ("scope", "platform"));
        await PostAsync("/connect/token", ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", key), ("subject_token_type", "urn:parallelworks:token-type:api-key"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"), ("scope", "platform"));
        var pkce = Pkce.New();
        await PostAsync("/connect/par", ("response_type", "code"), ("redirect_uri", TestServer.Callback), ("scope", "openid platform"), ("state", "state-2"), ("nonce", "nonce-2"), ("code_challenge", pkce.Challenge),
            ("code_challenge_method", "S256"), ("prompt", "consent"), ("max_age", "600"), ("login_hint", name), ("acr_values", "urn:acr"), ("claims", """{"id_token":{"auth_time":{"essential":true}}}"""), ("resource", $"{server.Origin}api"));
        await PostAsync("/connect/revoke", ("token", tokens.Text("refresh_token")), ("token_type_hint", "refresh_token"));
        foreach (var path in (string[])["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/jwks", "/openapi/v1.json", "/health/ready", "/api/auth/session", $"/connect/logout?client_id={name}&post_logout_redirect_uri={Uri.EscapeDataString(TestServer.SignedOut)}&state=s"])
            await browser.GoAsync(path);
        Assert.Equal(200, (await server.GetAsync("/api/v1/me", everything.Session)).Status);

        async Task PostAsync(string path, params (string, string)[] fields)
        {
            var answer = await server.PostFormAsync(path, fields, authorization: TestServer.Basic(name, Secret));
            Assert.True(answer.Status is 200 or 201, $"{path}: {answer}");
        }
    }

    /// <summary>Every page that is reached by links, and every form on them.</summary>
    private static async Task PagesAsync(TestServer server, ConcurrentQueue<RecordedRequest> recording, string name)
    {
        using var browser = await server.SignInAsync(username: name, password: TestServer.UserPassword);
        var (seen, next) = (new HashSet<string>(), new Queue<string>(["/", "/device", "/sign-in", "/forgot-password", "/invitation"]));
        while (next.TryDequeue(out var path))
        {
            if (!seen.Add(path))
                continue;
            await browser.GoAsync(path);
            var page = browser.Page;
            foreach (var button in page.QuerySelectorAll("form[method=post] button").OfType<IHtmlButtonElement>().Select(button => button.TextContent.Trim()).Distinct())
            {
                using var form = browser.FormRequest(button);
                if (form.RequestUri!.Authority != server.Origin.Authority)
                    continue;
                recording.Enqueue(new RecordedRequest("POST", form.RequestUri.PathAndQuery,
                    [("Host", server.Origin.Authority), ("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", browser.Cookies.GetCookieHeader(server.Origin))], await form.Content!.ReadAsStringAsync()));
            }

            foreach (var link in page.QuerySelectorAll("a[href]").Select(link => new Uri(browser.Address, link.GetAttribute("href")!)))
            {
                if (link.Authority == server.Origin.Authority)
                    next.Enqueue(link.PathAndQuery);
            }
        }
    }

    private static async Task<IEnumerable<RecordedRequest>> OperationsAsync(TestServer server, WholeOrganization everything)
    {
        var document = JsonNode.Parse((await server.GetAsync("/openapi/v1.json", null)).Body)!;
        return (await Operation.AllAsync(server)).Select(operation =>
        {
            var path = operation.Collection is { } about ? operation.At(everything.Values[about]) : $"{operation.Path}{(operation.Method == HttpMethod.Get ? "?limit=5" : "")}";
            var schema = document["paths"]![operation.Path]![operation.Method.Method.ToLowerInvariant()]!["requestBody"]?["content"]?["application/json"]?["schema"];
            return new RecordedRequest(operation.Method.Method, path,
                [("Host", server.Origin.Authority), ("Authorization", $"Bearer {everything.Session}"), .. schema is null ? Array.Empty<(string, string)>() : [("Content-Type", "application/json")]],
                schema is null ? "" : Example(document, schema, "")?.ToJsonString() ?? "");
        });
    }

    /// <summary>A value of a schema, as somebody who has read the document would write it.</summary>
    private static JsonNode? Example(JsonNode document, JsonNode schema, string name)
    {
        if (schema["$ref"]?.GetValue<string>() is { } reference)
            return Example(document, document["components"]!["schemas"]![reference.Split('/')[^1]]!, name);
        if ((schema["oneOf"] ?? schema["anyOf"])?.AsArray() is { } several)
            return Example(document, several.First(one => one!["type"]?.ToJsonString() != "\"null\"")!, name);
        return schema["type"] switch
        {
            null => null,
            var type when type.ToJsonString().Contains("object", StringComparison.Ordinal) =>
                new JsonObject((schema["properties"]?.AsObject() ?? []).Select(property => KeyValuePair.Create(property.Key, Example(document, property.Value!, property.Key)))),
            var type when type.ToJsonString().Contains("array", StringComparison.Ordinal) => new JsonArray(Example(document, schema["items"]!, name)),
            var type when type.ToJsonString().Contains("integer", StringComparison.Ordinal) => 5,
            var type when type.ToJsonString().Contains("boolean", StringComparison.Ordinal) => true,
            _ => name switch
            {
                "publicKey" => SshTestKeys.Ed25519(),
                "email" => "fuzzed@example.test",
                "issuer" => "https://login.example.test",
                "role" => "member",
                "type" => "web",
                "mode" => "keep",
                "scopes" => "platform",
                "redirectUris" or "postLogoutRedirectUris" => TestServer.Callback,
                "allowedAddresses" => "192.0.2.0/24",
                _ => schema["enum"]?[0]?.GetValue<string>() ?? "fuzzed",
            },
        };
    }
}
