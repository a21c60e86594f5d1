using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Organizations;

public sealed class OrganizationCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organizations";
    private const string Id = "0199aaaa-0000-7000-8000-0000000000aa";
    private const string Item = $$"""{"id":"{{Id}}","slug":"ocean-lab","name":"Ocean Lab","suspended":false,"people":3,"createdAt":"2026-11-24T01:00:00Z"}""";
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
    public async Task An_organization_is_listed_created_suspended_and_resumed()
    {
        _server.On($"GET {Path}", _ => new Reply(200, $$"""{"items":[{{Item}}],"next":null}"""));
        _server.On($"POST {Path}", _ => new Reply(201, $"{Item[..^1]},\"invitationUrl\":\"http://localhost/invitation?code=x\"}}"));
        _server.On($"PATCH {Path}/{Id}", _ => new Reply(200, Item));
        Assert.Matches(@"ocean-lab\s+Ocean Lab\s+3\s+.*active", (await _terminal.RunAsync("organization", "list")).Out);
        var created = await _terminal.RunAsync("organization", "create", "Ocean Lab", "--slug", "ocean-lab", "--owner", "grace", "--email", "grace@example.test");
        Assert.Equal((0, "http://localhost/invitation?code=x"), (created.Code, created.Out.TrimEnd()));
        Assert.Equal("""{"name":"Ocean Lab","slug":"ocean-lab","owner":{"username":"grace","email":"grace@example.test"}}""", _server.Seen[^1].Body);
        foreach (var (verb, body) in new[] { ("suspend", """{"suspended":true}"""), ("resume", """{"suspended":false}""") })
        {
            var outcome = await _terminal.RunAsync("organization", verb, Id);
            Assert.Equal((0, "", body), (outcome.Code, outcome.Out, _server.Seen[^1].Body));
        }

        _server.On($"PATCH {Path}/{Id}", _ => Reply.Problem(403, "operator_required"));
        Assert.Equal(4, (await _terminal.RunAsync("organization", "suspend", Id)).Code);
        Assert.Equal(2, (await _terminal.RunAsync("organization", "create", "Ocean Lab")).Code);
    }
}
