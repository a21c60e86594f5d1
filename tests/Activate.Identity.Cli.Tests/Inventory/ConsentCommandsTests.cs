using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Inventory;

public sealed class ConsentCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/consents";
    private const string Id = "0199aaaa-0000-7000-8000-000000000009";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task List_says_who_allowed_what_and_sends_the_filters()
    {
        _server.On($"GET {Path}", seen => new Reply(200,
            $$$"""{"items":[{"id":"{{{Id}}}","owner":"ada","application":"Portal\u001b[2J","scopes":["openid","platform"],"grantedAt":"2026-11-24T02:00:00Z","lastUsedAt":null,"lastUsedFrom":null}],"next":null}"""));
        var outcome = await _terminal.RunAsync("consent", "list", "--application", "portal id", "--owner", "ada", "--unused-since", "2026-08-24");
        Assert.Equal(0, outcome.Code);
        Assert.Matches($@"{Id}\s+ada\s+Portal.*openid platform", outcome.Out);
        Assert.DoesNotContain('\u001b', outcome.Out);
        foreach (var part in (string[])["application=portal%20id", "owner=ada", "lastUsedBefore=2026-08-24"])
            Assert.Contains(part, _server.Seen[^1].Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_takes_one_back()
    {
        _server.On($"DELETE {Path}/{Id}", _ => new Reply(204, ""));
        Assert.Equal(0, (await _terminal.RunAsync("consent", "delete", Id, "--yes")).Code);
        Assert.Equal("DELETE", _server.Seen[^1].Method);
        Assert.Equal(2, (await _terminal.RunAsync("consent", "delete", "not-an-id")).Code);
    }
}
