using System.Net;
using System.Text.Json;
using Activate.Identity.EndToEnd.Tests.Web;
using Activate.Identity.Testing;
using Microsoft.Playwright;

namespace Activate.Identity.EndToEnd.Tests.Clients;

/// <summary>A program that runs in the browser itself, at an origin of its own, with an unmodified library: the browser judges our CORS headers.</summary>
public sealed class BrowserProgramTests(Site site) : IClassFixture<Site>
{
    private static readonly string[] s_scopes = ["openid", "profile", "offline_access", "platform"];

    [Fact]
    public async Task It_signs_somebody_in_refreshes_asks_who_it_is_and_revokes_and_the_API_stays_closed_to_it()
    {
        NodeProgram.Require();
        await using var window = await site.OpenAsync();
        await window.SignInAsync();
        var home = $"http://127.0.0.1:{RunningProgram.FreePort()}";
        using var client = TestServer.ClientOf(site.Origin, site.Origin.Port);
        client.DefaultRequestHeaders.Authorization = new("Bearer", await site.LoginWithDeviceAsync(window));
        var registered = await Answer.FromAsync(await client.PostAsync("/api/v1/organization/applications", System.Net.Http.Json.JsonContent.Create(
            new { name = "Notebook in the browser", type = "browser", redirectUris = new[] { $"{home}/callback" }, scopes = s_scopes })));
        Assert.True(registered.Status == 201, registered.ToString());
        Assert.False(registered.Has("clientSecret") && registered.Json.GetProperty("clientSecret").ValueKind == JsonValueKind.String, "A program that anybody can read has no secret.");

        var settings = new { issuer = site.Origin, clientId = registered.Text("clientId") };
        await using var pages = new Listener($"{home}/", context => FileAsync(context, settings));
        await window.Page.GotoAsync(home);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Allow" }).ClickAsync();
        await Assertions.Expect(window.Page.Locator("pre")).Not.ToBeEmptyAsync();
        var got = await window.Page.Locator("pre").TextContentAsync();
        Assert.Equal($$"""{"name":"{{Site.Username}}","scope":"openid profile offline_access platform","api":"refused by the browser","afterwards":401}""", got);
    }

    /// <summary>The program's files.</summary>
    private static async Task<string> FileAsync(HttpListenerContext context, object settings)
    {
        var (type, text) = context.Request.Url!.AbsolutePath switch
        {
            "/settings.json" => ("application/json", JsonSerializer.Serialize(settings)),
            "/browser.mjs" => ("text/javascript", await File.ReadAllTextAsync(Path.Combine(NodeProgram.Folder, "browser.mjs"))),
            "/oauth4webapi.js" => ("text/javascript", await File.ReadAllTextAsync(Path.Combine(NodeProgram.Modules, "oauth4webapi", "build", "index.js"))),
            _ => ("text/html", "<!doctype html><html lang=en><title>Notebook</title><link rel=icon href=data:,><main><h1>Notebook</h1><pre></pre></main><script type=module src=/browser.mjs></script></html>"),
        };
        context.Response.ContentType = $"{type}; charset=utf-8";
        return text;
    }
}
