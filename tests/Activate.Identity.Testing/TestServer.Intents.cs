using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Xunit;

namespace Activate.Identity.Testing;

/// <summary>What people and programs do with the server, in one call each.</summary>
public sealed partial class TestServer
{
    public const string Cli = "activate-cli";
    public const string DeviceGrantType = "urn:ietf:params:oauth:grant-type:device_code";

    /// <summary>All that <c>actid auth login --manage</c> asks for.</summary>
    public const string ManageScopes = "openid profile platform credentials:read credentials:write organization:read organization:write";

    /// <summary>A browser with the first owner signed in.</summary>
    public async Task<Browser> SignInAsync(int node = 0, string username = OwnerName, string password = OwnerPassword)
    {
        var browser = await Browser(node).SignInAsync(username, password);
        Assert.True(browser.Address.AbsolutePath != "/sign-in", $"Sign-in failed: {browser.PageText}");
        return browser;
    }

    /// <summary>POSTs a form to an OAuth endpoint and reads the JSON answer.</summary>
    public async Task<Answer> PostFormAsync(string path, IEnumerable<(string Name, string Value)> fields, int node = 0, AuthenticationHeaderValue? authorization = null)
    {
        using var client = Client(node);
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))),
        };
        request.Headers.Authorization = authorization;
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    public async Task<DeviceLogin> StartDeviceAsync(string scope = "", string? deviceName = null, string? lifetimeHours = null, int node = 0)
    {
        List<(string, string)> fields = [("client_id", Cli)];
        if (scope.Length > 0)
            fields.Add(("scope", scope));
        if (deviceName is not null)
            fields.Add(("device_name", deviceName));
        if (lifetimeHours is not null)
            fields.Add(("lifetime_hours", lifetimeHours));
        var answer = await PostFormAsync("/connect/device", fields, node);
        Assert.True(answer.Status == 200, answer.ToString());
        return new DeviceLogin(answer.Text("device_code"), answer.Text("user_code"), answer);
    }

    public Task<Answer> PollAsync(DeviceLogin login, int node = 0, string clientId = Cli) =>
        PostFormAsync("/connect/token", [("grant_type", DeviceGrantType), ("client_id", clientId), ("device_code", login.DeviceCode)], node);

    /// <summary>Signs in by the device flow and returns the access token: by default one that may do everything.</summary>
    public async Task<string> LoginWithDeviceAsync(int? hours = null, string scope = ManageScopes, int node = 0, string username = OwnerName, string password = OwnerPassword)
    {
        var login = await StartDeviceAsync(scope, node: node);
        using var browser = await SignInAsync(node, username, password);
        await ApproveAsync(browser, login, hours);
        var answer = await PollAsync(login, node);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Text("access_token");
    }

    /// <summary>Enters the code, chooses the lifetime and allows.</summary>
    public static async Task<Browser> ApproveAsync(Browser browser, DeviceLogin login, int? hours = null)
    {
        await browser.GoAsync("/device");
        await browser.SubmitAsync("Continue", ("code", login.UserCode));
        return hours is null
            ? await browser.SubmitAsync("Allow")
            : await browser.SubmitAsync("Allow", ("hours", hours.Value.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>A call to the REST API with a bearer credential.</summary>
    public Task<Answer> ApiAsync(HttpMethod method, string path, string? bearer, object? body = null, int node = 0) =>
        ApiAsync(method, path, bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer), body is null ? null : JsonContent.Create(body), node);

    public async Task<Answer> ApiAsync(HttpMethod method, string path, AuthenticationHeaderValue? authorization, HttpContent? content, int node = 0)
    {
        using var client = Client(node);
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = authorization;
        return await Answer.FromAsync(await client.SendAsync(request));
    }

    public async Task<ApiKeyAnswer> CreateApiKeyAsync(string bearer, string name, object? body = null, int node = 0)
    {
        var answer = await ApiAsync(HttpMethod.Post, "/api/v1/api-keys", bearer, body ?? new { name }, node);
        Assert.True(answer.Status == 201, answer.ToString());
        return new ApiKeyAnswer(answer.Text("id"), answer.Text("key"), answer);
    }

    public static AuthenticationHeaderValue Basic(string username, string password = "") =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{username}:{password}")));
}

public sealed record DeviceLogin(string DeviceCode, string UserCode, Answer Answer);

public sealed record ApiKeyAnswer(string Id, string Key, Answer Answer);

/// <summary>An answer with its JSON, read.</summary>
public sealed record Answer(int Status, HttpResponseMessage Response, string Body)
{
    private readonly Lazy<JsonElement> _json = new(() => JsonDocument.Parse(Body).RootElement);

    public JsonElement Json => _json.Value;

    /// <summary>A string member; fails with the whole answer when it is not there.</summary>
    public string Text(string member)
    {
        Assert.True(Body.StartsWith('{') && Json.TryGetProperty(member, out _), $"No '{member}' in {this}");
        return Json.GetProperty(member).GetString()!;
    }

    public bool Has(string member) => Body.StartsWith('{') && Json.TryGetProperty(member, out _);

    /// <summary>The <c>code</c> of a problem, or the <c>error</c> of OAuth; null when it is neither.</summary>
    public string? Error => Has("code") && Has("status") ? Text("code") : Has("error") ? Text("error") : null;

    public string? Header(string name) => Response.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;

    public override string ToString() => $"{Status} {Body}";

    public static async Task<Answer> FromAsync(HttpResponseMessage response) => new((int)response.StatusCode, response, await response.Content.ReadAsStringAsync());
}
