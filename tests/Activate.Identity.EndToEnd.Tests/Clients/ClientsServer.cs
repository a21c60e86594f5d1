using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>One server for the tests of a class, an administrator who registers applications through the API, and people who use them.</summary>
public class ClientsServer : IAsyncLifetime
{
    public const string Resource = "https://data.example.test/";

    private int _names;
    private string _administrator = "";

    public TestServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await TestServer.StartAsync();
        _administrator = await Server.LoginWithDeviceAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A browser with a new user signed in.</summary>
    public async Task<(string Username, Browser Browser)> NewPersonAsync()
    {
        var name = $"person{Interlocked.Increment(ref _names)}";
        await Server.CreateUserAsync(name);
        return (name, await Server.SignInAsync(username: name, password: TestServer.UserPassword));
    }

    public async Task<string> ApiKeyOfAsync(string username) =>
        (await Server.CreateApiKeyAsync(await Server.LoginWithDeviceAsync(username: username, password: TestServer.UserPassword), "nightly")).Key;

    /// <summary>Registers an application; <paramref name="changes"/> are members of the body beside the usual ones.</summary>
    public Task<(string Id, string Secret)> RegisterAsync(string type, params (string Name, object? Value)[] changes) => RegisterAsync(type, serverWide: false, changes);

    public async Task<(string Id, string Secret)> RegisterAsync(string type, bool serverWide, params (string Name, object? Value)[] changes)
    {
        var body = new Dictionary<string, object?> { ["name"] = $"Application {Interlocked.Increment(ref _names)}", ["type"] = type, ["scopes"] = Array.Empty<string>() };
        if (type is not ("service" or "resourceServer"))
            (body["redirectUris"], body["scopes"]) = (new[] { TestServer.Callback }, new[] { "openid", "profile", "email", "offline_access" });
        foreach (var (name, value) in changes)
            body[name] = value;
        var answer = await Server.ApiAsync(HttpMethod.Post, serverWide ? "/api/v1/applications" : "/api/v1/organization/applications", _administrator, body);
        Assert.True(answer.Status == 201, answer.ToString());
        return (answer.Text("clientId"), answer.Has("clientSecret") && answer.Json.GetProperty("clientSecret").ValueKind == JsonValueKind.String ? answer.Text("clientSecret") : "");
    }

    /// <summary>What a person does when a client program asks for it.</summary>
    public async Task<object?> PlayAsync(Browser browser, string what, JsonElement value)
    {
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        switch (what)
        {
            case "open":
                return await TestServer.AllowAsync(browser, text);
            case "deny":
                return await TestServer.AllowAsync(browser, text, "Deny");
            case "leave":
                return (await browser.GoAsync(text)).Response.Headers.Location;
            case "code" or "denyCode":
                await browser.GoAsync("/device");
                await browser.SubmitAsync("Continue", ("code", text));
                await browser.SubmitAsync(what == "code" ? "Allow" : "Deny");
                return null;
            case "register":
                return (await RegisterAsync("web", ("jwks", new { keys = new[] { value } }), ("signingAlgorithm", "ES256"))).Id;
            default:
                throw new InvalidOperationException($"Nobody knows how to '{what}'.");
        }
    }
}
