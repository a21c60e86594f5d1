using Activate.Identity.Core.Organizations;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>A server with what an administrator registers for the programs of docs/integrations, through the same REST calls that <c>actid app create</c> makes.</summary>
public sealed class IntegrationsServer : IAsyncLifetime
{
    private string _session = "";
    private int _names;

    public TestServer Server { get; private set; } = null!;

    public string Origin => Server.Origin.GetLeftPart(UriPartial.Authority);

    public string Platform => $"{Origin}/platform";

    public async ValueTask InitializeAsync()
    {
        Server = await TestServer.StartAsync();
        _session = await Server.LoginWithDeviceAsync();
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();

    /// <summary>Registers an application for everybody, as an operator: only one can register who answers for the platform.</summary>
    public async Task<(string Id, string Secret)> RegisterAsync(string type, object? settings = null)
    {
        var body = new Dictionary<string, object?> { ["name"] = $"{type} {Interlocked.Increment(ref _names)}", ["type"] = type, ["redirectUris"] = Array.Empty<string>(), ["scopes"] = Array.Empty<string>() };
        foreach (var property in settings?.GetType().GetProperties() ?? [])
            body[property.Name] = property.GetValue(settings);
        var answer = await Server.ApiAsync(HttpMethod.Post, "/api/v1/applications", _session, body);
        Assert.True(answer.Status == 201, answer.ToString());
        return (answer.Text("clientId"), answer.Has("clientSecret") && answer.Json.GetProperty("clientSecret").GetString() is { } secret ? secret : "");
    }

    /// <summary>A new member with an API key.</summary>
    public async Task<(string Username, ApiKeyAnswer Key)> AddMemberAsync(string? username = null, params string[] scopes)
    {
        var user = await Server.AddUserAsync(Role.Member, username);
        var key = await Server.CreateApiKeyAsync(await Server.GrantAsync(user.Id), "key", scopes.Length == 0 ? null : new { name = "key", scopes });
        return (user.UserName!, key);
    }

    /// <summary>A block of a document with this server's address and an application's credentials in the place of the examples.</summary>
    public string Documented(string document, string after, params (string Example, string Real)[] here) =>
        here.Append(("https://id.example.org", Origin)).Aggregate(Repository.CodeBlock(document, after), (text, pair) =>
        {
            Assert.True(pair.Item2 == Origin || text.Contains(pair.Item1, StringComparison.Ordinal), $"'{pair.Item1}' does not stand in the block after '{after}' of {document}.");
            return text.Replace(pair.Item1, pair.Item2, StringComparison.Ordinal);
        });
}
