using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.SigningKeys;

public sealed class SigningKeyCommandsTests : IAsyncLifetime
{
    private const string Current = """{"kid":"old-kid","algorithm":"RS256","createdAt":"2026-11-01T00:00:00Z","signsFrom":"2026-11-01T00:10:00Z","retiresAt":"2026-11-25T02:20:00Z","state":"current"}""";
    private const string Upcoming = """{"kid":"new-kid","algorithm":"ES256","createdAt":"2026-11-24T02:00:00Z","signsFrom":"2026-11-24T02:10:00Z","retiresAt":null,"state":"upcoming"}""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On("GET /api/v1/signing-keys", _ => new Reply(200, $$"""{"items":[{{Upcoming}},{{Current}}],"next":null}"""));
        _server.On("POST /api/v1/signing-keys/rotate", _ => new Reply(200, $$"""{"items":[{{Upcoming}}],"next":null}"""));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task List_shows_which_key_signs_and_when_each_retires()
    {
        var outcome = await _terminal.RunAsync("signing-key", "list");
        Assert.Equal(0, outcome.Code);
        Assert.Matches(@"KID\s+ALGORITHM\s+CREATED\s+SIGNS FROM\s+RETIRES\s+STATE", outcome.Out);
        Assert.Matches(@"new-kid\s+ES256\s.*2026-11-24T02:10:00Z\s+never\s+upcoming", outcome.Out);
        Assert.Matches(@"old-kid\s+RS256\s.*2026-11-25T02:20:00Z\s+current", outcome.Out);
        Assert.Equal(2, JsonDocument.Parse((await _terminal.RunAsync("signing-key", "list", "-o", "json")).Out).RootElement.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Rotate_says_which_key_signs_from_when()
    {
        var outcome = await _terminal.RunAsync("signing-key", "rotate");
        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Matches("The new ES256 key new-kid signs .*2026-11-24T02:10:00Z", outcome.Error);
        Assert.Equal("", _server.Seen.Single(seen => seen.Method == "POST").Body);
        Assert.Equal("new-kid", JsonDocument.Parse((await _terminal.RunAsync("signing-key", "rotate", "-o", "json")).Out).RootElement.GetProperty("items")[0].GetProperty("kid").GetString());
    }

    [Theory]
    [InlineData(403, "operator_required", 4)]
    [InlineData(429, "too_many_signing_keys", 1)]
    public async Task A_refusal_ends_with_the_servers_words(int status, string code, int exit)
    {
        _server.On("POST /api/v1/signing-keys/rotate", _ => Reply.Problem(status, code));
        var outcome = await _terminal.RunAsync("signing-key", "rotate");
        Assert.Equal((exit, ""), (outcome.Code, outcome.Out));
        Assert.Contains(code, outcome.Error, StringComparison.Ordinal);
    }
}
