using System.Globalization;
using Activate.Identity.EndToEnd.Tests.Web;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Faults;

/// <summary>A person of the first owner's organization, who does in each round a little of all that people and programs do, and takes everything away again.</summary>
internal sealed class Everyday : IDisposable
{
    /// <summary>What the application answers for.</summary>
    public const string Resource = "https://portal.example.test/";

    private const string Password = "nanoseconds of wire no. 7";
    private static readonly string[] s_pages = ["/", "/account/authentication/api-keys", "/account/authentication/ssh-keys", "/account/connected-apps", "/account/security", "/account/profile"];
    private readonly ServerProcess _server;
    private readonly HttpClient _client;
    private readonly string _name;
    private readonly string _sshKey = SshLines.New();
    private readonly Things _things;
    private int _requests;
    private int _busy;

    private Everyday(ServerProcess server, string name, Things things)
    {
        (_server, _name, _things) = (server, name, things);
        _client = server.Client();
    }

    /// <param name="ClientId">Of an application that signs people in.</param>
    /// <param name="Secret">Its secret.</param>
    /// <param name="Cluster">The id of a cluster.</param>
    /// <param name="ClusterKey">What its sshd asks with.</param>
    internal sealed record Things(string ClientId, string Secret, string Cluster, string ClusterKey);

    public int Requests => _requests;

    /// <summary>How often the server said that it is busy, and was asked again, as clients do.</summary>
    public int Busy => _busy;

    /// <summary>What the organization has, made by its owner.</summary>
    public static async Task<Things> PrepareAsync(ServerProcess server, string owner)
    {
        using var client = server.Client();
        var app = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/organization/applications", owner,
            new
            {
                name = "Portal", type = "web", redirectUris = new[] { TestServer.Callback }, grants = new[] { "authorization_code", "refresh_token", "client_credentials" },
                scopes = new[] { "openid", "profile", "offline_access", "platform" }, resources = new[] { Resource },
            });
        Assert.True(app.Status == 201, app.ToString());
        var cluster = await ServerProcess.SendAsync(client, HttpMethod.Post, "/api/v1/organization/clusters", owner, new { name = "frontier", address = "login.example.test", access = new { mode = "everyone" } });
        Assert.True(cluster.Status == 201, cluster.ToString());
        return new Things(app.Text("clientId"), app.Text("clientSecret"), cluster.Text("id"), cluster.Text("key"));
    }

    /// <summary>Somebody who is invited, and joins.</summary>
    public static async Task<Everyday> JoinAsync(ServerProcess server, string owner, string name, Things things)
    {
        var person = new Everyday(server, name, things);
        var invited = await person.ApiAsync(201, HttpMethod.Post, "/api/v1/organization/members", owner, new { username = name, email = $"{name}@example.test", role = "member" });
        using var browser = person.Browser();
        await person.BrowseAsync(browser, async () =>
        {
            await browser.GoAsync(new Uri(invited.Text("invitationUrl")).PathAndQuery);
            await browser.SubmitAsync("Join", ("Password", Password), ("Repeat", Password));
        });
        return person;
    }

    public async Task RoundAsync()
    {
        using var browser = Browser();
        await BrowseAsync(browser, () => browser.SignInAsync(_name, Password));
        var login = await FormAsync(200, "/connect/device", null, ("client_id", TestServer.Cli), ("scope", TestServer.ManageScopes));
        await BrowseAsync(browser, () => TestServer.ApproveAsync(browser, new DeviceLogin(login.Text("device_code"), login.Text("user_code"), login)));
        var session = (await PollAsync(200, login)).Text("access_token");
        await UseKeysAsync(session);
        await UseSshAsync(session);
        await UseApplicationAsync(browser);
        foreach (var page in s_pages)
            await BrowseAsync(browser, () => browser.GoAsync(page));

        await FormAsync(200, "/connect/revoke", null, ("client_id", TestServer.Cli), ("token", session));
        // Somebody who starts, asks whether it is allowed, and is not heard of again.
        await PollAsync(400, await FormAsync(200, "/connect/device", null, ("client_id", TestServer.Cli)));
        await BrowseAsync(browser, async () =>
        {
            await browser.GoAsync("/sign-out");
            await browser.SubmitAsync("Sign out");
        });
    }

    public void Dispose() => _client.Dispose();

    private Task<Answer> PollAsync(int status, Answer login) =>
        FormAsync(status, "/connect/token", null, ("grant_type", TestServer.DeviceGrantType), ("client_id", TestServer.Cli), ("device_code", login.Text("device_code")));

    private async Task UseKeysAsync(string session)
    {
        var key = await ApiAsync(201, HttpMethod.Post, "/api/v1/api-keys", session, new { name = "nightly", expiresInDays = 7 });
        for (var i = 0; i < 5; i++)
            await ApiAsync(200, HttpMethod.Get, "/api/v1/me", key.Text("key"));
        var rotated = await ApiAsync(200, HttpMethod.Post, $"/api/v1/api-keys/{key.Text("id")}/rotate", session, new { overlapHours = 0 });
        await ApiAsync(401, HttpMethod.Get, "/api/v1/me", key.Text("key"));
        await ApiAsync(200, HttpMethod.Get, "/api/v1/me", rotated.Text("key"));
        await ApiAsync(204, HttpMethod.Delete, $"/api/v1/api-keys/{key.Text("id")}", session);
        var token = await ApiAsync(201, HttpMethod.Post, "/api/v1/tokens", session, new { name = "brief", expiresInHours = 1 });
        await ApiAsync(200, HttpMethod.Get, "/api/v1/me", token.Text("token"));
        await ApiAsync(204, HttpMethod.Delete, $"/api/v1/tokens/{token.Text("id")}", session);
        await ApiAsync(401, HttpMethod.Get, "/api/v1/me", token.Text("token"));
    }

    private async Task UseSshAsync(string session)
    {
        var key = await ApiAsync(201, HttpMethod.Post, "/api/v1/ssh-keys", session, new { name = "laptop", publicKey = _sshKey });
        for (var i = 0; i < 3; i++)
            Seen((await ApiAsync(200, HttpMethod.Get, $"/api/v1/authorized-keys/{_name}", _things.ClusterKey)).Body.Contains("ecdsa-sha2-nistp256", StringComparison.Ordinal), "The key is not told of.");
        await ApiAsync(204, HttpMethod.Post, $"/api/v1/authorized-keys/{_name}/logins", _things.ClusterKey, new { fingerprint = key.Text("fingerprint") });
        var certificate = await ApiAsync(201, HttpMethod.Post, "/api/v1/ssh-certificates", session, new { publicKey = _sshKey, cluster = _things.Cluster });
        await ApiAsync(204, HttpMethod.Delete, $"/api/v1/ssh-certificates/{certificate.Text("id")}", session);
        await ApiAsync(204, HttpMethod.Delete, $"/api/v1/ssh-keys/{key.Text("id")}", session);
    }

    private async Task UseApplicationAsync(Browser browser)
    {
        var (pkce, basic) = (Pkce.New(), TestServer.Basic(_things.ClientId, _things.Secret));
        Uri? sent = null;
        await BrowseAsync(browser, async () => sent = await TestServer.AllowAsync(browser, TestServer.AuthorizePath(_things.ClientId, pkce, ("scope", "openid profile offline_access platform"))));
        var tokens = await FormAsync(200, "/connect/token", basic,
            ("grant_type", "authorization_code"), ("code", TestServer.Parameter(sent, "code")), ("redirect_uri", TestServer.Callback), ("code_verifier", pkce.Verifier));
        tokens = await FormAsync(200, "/connect/token", basic, ("grant_type", "refresh_token"), ("refresh_token", tokens.Text("refresh_token")));
        await ApiAsync(200, HttpMethod.Get, "/connect/userinfo", tokens.Text("access_token"));
        await FormAsync(200, "/connect/introspect", basic, ("token", tokens.Text("access_token")));
        await FormAsync(200, "/connect/revoke", basic, ("token", tokens.Text("refresh_token")));
        await ApiAsync(401, HttpMethod.Get, "/connect/userinfo", tokens.Text("access_token"));
    }

    private async Task<Answer> ApiAsync(int status, HttpMethod method, string path, string bearer, object? body = null)
    {
        var answer = await AgainAsync(() => ServerProcess.SendAsync(_client, method, path, bearer, body));
        Seen(answer.Status == status, $"{method} {path}: {answer}");
        return answer;
    }

    private async Task<Answer> FormAsync(int status, string path, System.Net.Http.Headers.AuthenticationHeaderValue? authorization, params (string Name, string Value)[] fields)
    {
        var answer = await AgainAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
            request.Headers.Authorization = authorization;
            return await Answer.FromAsync(await _client.SendAsync(request));
        });
        Seen(answer.Status == status, $"{path}: {answer}");
        return answer;
    }

    private async Task<Answer> AgainAsync(Func<Task<Answer>> ask)
    {
        while (true)
        {
            var answer = await ask();
            if (answer.Status != 503 || answer.Response.Headers.RetryAfter is null)
                return answer;
            _busy++;
            await Task.Delay(1_000);
        }
    }

    /// <summary>What a person does in the browser from the start of a page, and once more when the server was too busy.</summary>
    private async Task BrowseAsync(Browser browser, Func<Task> step)
    {
        while (true)
        {
            try
            {
                await step();
            }
            catch (Xunit.Sdk.XunitException) when (IsBusy(browser))
            {
                // The page says so, and has no button.
            }

            if (!IsBusy(browser))
                break;
            _busy++;
            await Task.Delay(1_000);
        }

        Seen((int)browser.Response.StatusCode < 400, $"{browser.Address}: {(int)browser.Response.StatusCode} {browser.Body}");
    }

    private static bool IsBusy(Browser browser) => (int)browser.Response.StatusCode == 503 && browser.Response.Headers.RetryAfter is not null;

    private Browser Browser() => new(_server.Origin, [_server.Client()]);

    private void Seen(bool isRight, string what)
    {
        _requests++;
        Assert.True(isRight, string.Create(CultureInfo.InvariantCulture, $"Request {_requests} of {_name}: {what}"));
    }
}
