using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>What every scenario of a client program in Node has in common.</summary>
public abstract class NodeClientTests(ClientsServer fixture, string script)
{
    /// <summary>A web application that has everything.</summary>
    protected Task<(string Id, string Secret)> WebAsync() => fixture.RegisterAsync("web",
        ("grants", new[] { "authorization_code", "refresh_token", "client_credentials", "token_exchange" }), ("scopes", new[] { "openid", "profile", "email", "offline_access", "platform" }),
        ("resources", new[] { ClientsServer.Resource }), ("postLogoutRedirectUris", new[] { TestServer.SignedOut }));

    /// <summary>Something with neither a secret nor a browser.</summary>
    protected Task<(string Id, string Secret)> NativeAsync() =>
        fixture.RegisterAsync("native", ("grants", new[] { "device_code", "refresh_token" }), ("redirectUris", Array.Empty<string>()));

    protected async Task<(string Owner, string Key)> NewKeyAsync()
    {
        var (owner, browser) = await fixture.NewPersonAsync();
        browser.Dispose();
        return (owner, await fixture.ApiKeyOfAsync(owner));
    }

    protected async Task<(string Username, JsonElement Verdict)> RunAsync(string scenario, (string Id, string Secret) application = default, string? apiKey = null)
    {
        NodeProgram.Require();
        var (username, browser) = await fixture.NewPersonAsync();
        using (browser)
        {
            return (username, await NodeProgram.RunAsync(script, new
            {
                scenario, issuer = fixture.Server.Origin.ToString(), clientId = application.Id, clientSecret = application.Secret, redirectUri = TestServer.Callback, signedOutUri = TestServer.SignedOut,
                resource = ClientsServer.Resource, apiKey,
            }, (what, value) => fixture.PlayAsync(browser, what, value)));
        }
    }

    /// <summary>The clock is the real one: what an hour is when the answer is written has begun by then.</summary>
    protected static void AssertAnHour(JsonElement got) => Assert.InRange(got.GetProperty("expiresIn").GetInt32(), 3540, 3600);

    /// <summary>A member below others, as text.</summary>
    protected static string Text(JsonElement json, params string[] path)
    {
        foreach (var name in path)
        {
            Assert.True(json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out _), $"No '{name}' in {json}");
            json = json.GetProperty(name);
        }

        return json.ToString();
    }
}
