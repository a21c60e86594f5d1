using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests;

/// <summary>The main job as a stranger does it, with the programs as they are shipped: two server processes on one database, the command line, a browser.</summary>
public sealed class StoryTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-story-");
    private readonly int _portA = RunningProgram.FreePort();
    private readonly int _portB = RunningProgram.FreePort();
    private readonly List<RunningProgram> _servers = [];

    private Uri Origin => new($"http://localhost:{_portA}");

    [Fact]
    public async Task Start_set_up_log_the_command_line_in_make_a_key_call_the_api_delete_the_key()
    {
        // Start: a fresh server prints a one-time link.
        await StartServerAsync(_portA);
        var link = await _servers[0].WaitForAsync(@"(http://localhost:\d+/setup\?code=\S+)");
        using var browser = new Browser(Origin, [TestServer.ClientOf(Origin, _portA), TestServer.ClientOf(Origin, _portB)]);
        await browser.GoAsync(new Uri(link).PathAndQuery);
        Assert.DoesNotContain("code=", browser.Address.Query, StringComparison.Ordinal);
        await browser.SubmitAsync("Create account", ("Organization", "Hydrology Lab"), ("Username", "ada"), ("Email", "ada@example.test"),
            ("Password", "analytical engine no. 1"), ("Repeat", "analytical engine no. 1"));
        Assert.Equal("/", browser.Address.AbsolutePath);
        await StartServerAsync(_portB);

        // Device login with three hours chosen.
        var actid = new Actid(Path.Combine(_folder.FullName, "actid"));
        await using (var login = actid.Start("auth", "login", "--server", Origin.GetLeftPart(UriPartial.Authority), "--manage", "--hours", "3", "--device-name", "login-node-07", "--no-browser"))
        {
            var code = await login.WaitForAsync(@"\b([BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4})\b");
            await browser.GoAsync("/device");
            await browser.SubmitAsync("Continue", ("code", code));
            Assert.Contains("login-node-07", browser.PageText, StringComparison.Ordinal);
            await browser.SubmitAsync("Allow");
            Assert.Contains("Device connected", browser.PageText, StringComparison.Ordinal);
            Assert.True(await login.ExitAsync() == 0, login.Output);
        }

        var printed = await RunAsync(actid, "", "auth", "token", "--print", "-o", "json");
        var token = JsonDocument.Parse(printed).RootElement;
        Assert.InRange(token.GetProperty("expires_in").GetInt32(), 10800 - 60, 10800);
        var access = token.GetProperty("access_token").GetString()!;
        Assert.Equal(10800, Lifetime(access));

        // /me with the token, with a key by Bearer, by Basic; through actid and directly.
        var me = JsonDocument.Parse(await RunAsync(actid, "", "api", "GET", "/me")).RootElement;
        Assert.Equal("session", me.GetProperty("credential").GetProperty("kind").GetString());
        Assert.Equal("login-node-07", me.GetProperty("credential").GetProperty("name").GetString());
        var key = (await RunAsync(actid, "", "api-key", "create", "nightly", "--days", "7")).Trim();
        Assert.StartsWith("pwt_", key, StringComparison.Ordinal);
        foreach (var authorization in new[] { new AuthenticationHeaderValue("Bearer", access), new AuthenticationHeaderValue("Bearer", key), TestServer.Basic(key) })
        {
            Assert.Equal(HttpStatusCode.OK, await MeAsync(_portA, authorization));
            Assert.Equal(HttpStatusCode.OK, await MeAsync(_portB, authorization));
        }

        var keyContext = new Actid(Path.Combine(_folder.FullName, "other-host"));
        await RunAsync(keyContext, key + "\n", "auth", "apikey");
        Assert.Contains("ada", await RunAsync(keyContext, "", "auth", "status"), StringComparison.Ordinal);

        // A 25-hour token is refused with code and rule.
        var refused = await actid.RunAsync("", "token", "create", "too-long", "--hours", "25");
        Assert.Equal(4, refused.Code);
        Assert.Empty(refused.Out);
        Assert.Contains("expiration_beyond_maximum", refused.Error, StringComparison.Ordinal);
        Assert.Contains("24 hours", refused.Error, StringComparison.Ordinal);

        // The key is deleted: 401 on the next call at the node that did it, within a second at the other.
        Assert.Equal(HttpStatusCode.OK, await MeAsync(_portB, new AuthenticationHeaderValue("Bearer", key)));
        var id = JsonDocument.Parse(await RunAsync(actid, "", "api-key", "list", "-o", "json")).RootElement.GetProperty("items")[0].GetProperty("id").GetString()!;
        var sinceDeletion = Stopwatch.StartNew();
        await RunAsync(actid, "", "api-key", "delete", id, "--yes");
        Assert.Equal(HttpStatusCode.Unauthorized, await MeAsync(_portA, new AuthenticationHeaderValue("Bearer", key)));
        while (await MeAsync(_portB, new AuthenticationHeaderValue("Bearer", key)) != HttpStatusCode.Unauthorized)
            Assert.True(sinceDeletion.Elapsed < TimeSpan.FromSeconds(5), "The other node still takes the deleted key.");
        Assert.Equal(3, (await keyContext.RunAsync("", "auth", "status")).Code);

        // And out.
        await RunAsync(actid, "", "auth", "logout");
        Assert.Equal(HttpStatusCode.Unauthorized, await MeAsync(_portA, new AuthenticationHeaderValue("Bearer", access)));
        Assert.Equal(3, (await actid.RunAsync("", "auth", "status")).Code);
        foreach (var server in _servers)
        {
            Assert.DoesNotContain(key, server.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(access, server.Output, StringComparison.Ordinal);
        }
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task StartServerAsync(int port)
    {
        _servers.Add(RunningProgram.Start("Activate.Identity.Server.dll",
            ["--environment", "Development", $"--Urls=http://127.0.0.1:{port}", $"--Server:PublicOrigin={Origin.GetLeftPart(UriPartial.Authority)}", $"--Data:Folder={_folder.FullName}"]));
        await _servers[^1].WaitForAsync("Application started");
    }

    private async Task<HttpStatusCode> MeAsync(int port, AuthenticationHeaderValue authorization)
    {
        using var client = TestServer.ClientOf(Origin, port);
        client.DefaultRequestHeaders.Authorization = authorization;
        return (await client.GetAsync("/api/v1/me")).StatusCode;
    }

    private static async Task<string> RunAsync(Actid actid, string input, params string[] arguments)
    {
        var ended = await actid.RunAsync(input, arguments);
        Assert.True(ended.Code == 0, $"actid {string.Join(' ', arguments)} ended with {ended.Code}: {ended.Error}");
        return ended.Out;
    }

    /// <summary>exp − iat of a JWT, in seconds.</summary>
    private static long Lifetime(string token)
    {
        var payload = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])).RootElement;
        return payload.GetProperty("exp").GetInt64() - payload.GetProperty("iat").GetInt64();
    }
}
