using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.ServiceAccounts;

public sealed class ServiceAccountCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/service-accounts";
    private const string Id = "0199aaaa-0000-7000-8000-0000000000aa";
    private const string Key = "0199aaaa-0000-7000-8000-0000000000bb";
    private const string Account = $$"""{"id":"{{Id}}","username":"archiver","description":"Copies results","role":"member","keepers":[{"id":"{{Key}}","username":"grace","active":true},{"id":"{{Key}}","username":"ada","active":false}],"state":"noKeeper","disabled":false,"cluster":null,"apiKeys":2,"createdAt":"2026-11-24T01:00:00Z","lastUsedAt":null}""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On($"GET {Path}", _ => new Reply(200, $$"""{"items":[{{Account}}],"next":null}"""));
        _server.On($"POST {Path}", _ => new Reply(201, Account));
        _server.On($"PATCH {Path}/{Id}", _ => new Reply(200, Account));
        _server.On($"DELETE {Path}/{Id}", _ => new Reply(204));
        _server.On($"GET {Path}/{Id}/api-keys", _ => new Reply(200, """{"items":[],"next":null}"""));
        _server.On($"POST {Path}/{Id}/api-keys", _ => new Reply(201, $$"""{"id":"{{Key}}","name":"nightly","expiresAt":null,"key":"pwt_new.secret"}"""));
        _server.On($"POST {Path}/{Id}/api-keys/{Key}/rotate", _ => new Reply(200, $$"""{"id":"{{Key}}","name":"nightly","expiresAt":null,"key":"pwt_rotated.secret"}"""));
        _server.On($"DELETE {Path}/{Id}/api-keys/{Key}", _ => new Reply(204));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("create archiver --description copies --keeper grace --keeper ada", "POST", "", """{"username":"archiver","description":"copies","keepers":["grace","ada"]}""")]
    [InlineData("create archiver --description copies --keeper grace --role admin", "POST", "", """{"username":"archiver","description":"copies","role":"admin","keepers":["grace"]}""")]
    [InlineData($"update {Id} --keeper grace", "PATCH", $"/{Id}", """{"keepers":["grace"]}""")]
    [InlineData($"update {Id} --description copies --role member", "PATCH", $"/{Id}", """{"description":"copies","role":"member"}""")]
    [InlineData($"disable {Id}", "PATCH", $"/{Id}", """{"disabled":true}""")]
    [InlineData($"enable {Id}", "PATCH", $"/{Id}", """{"disabled":false}""")]
    [InlineData($"delete {Id}", "DELETE", $"/{Id}", "")]
    [InlineData($"key create {Id} nightly --days 30 --allow-address 192.0.2.0/24", "POST", $"/{Id}/api-keys", """{"name":"nightly","expiresInDays":30,"allowedAddresses":["192.0.2.0/24"]}""")]
    [InlineData($"key rotate {Id} {Key} --overlap-hours 1", "POST", $"/{Id}/api-keys/{Key}/rotate", """{"overlapHours":1}""")]
    [InlineData($"key delete {Id} {Key}", "DELETE", $"/{Id}/api-keys/{Key}", "")]
    public async Task Each_verb_does_one_call(string line, string method, string path, string body)
    {
        var outcome = await _terminal.RunAsync(["service-account", .. line.Split(' ')]);
        Assert.Equal(0, outcome.Code);
        var seen = Assert.Single(_server.Seen);
        Assert.Equal((Path + path, body), (seen.Path, seen.Body));
        Assert.Equal(line.StartsWith("key create", StringComparison.Ordinal) ? "pwt_new.secret" : line.StartsWith("key rotate", StringComparison.Ordinal) ? "pwt_rotated.secret" : "", outcome.Out.TrimEnd());
        _server.On($"{method} {Path}{path}", _ => Reply.Problem(403, "insufficient_role"));
        Assert.Equal(4, (await _terminal.RunAsync(["service-account", .. line.Split(' ')])).Code);
    }

    [Fact]
    public async Task List_shows_who_keeps_what_and_who_of_them_cannot_sign_in()
    {
        var outcome = await _terminal.RunAsync("service-account", "list");
        Assert.Equal(0, outcome.Code);
        Assert.Matches(@"archiver\s+Copies results\s+member\s+grace \(ada\)\s+2\s+never\s+no keeper", outcome.Out);
    }

    [Theory]
    [InlineData("create archiver --description copies")]
    [InlineData("create archiver --keeper grace")]
    [InlineData("create archiver --description copies --keeper grace --role owner")]
    [InlineData($"update {Id}")]
    [InlineData("delete ..")]
    [InlineData($"key delete {Id} ..")]
    [InlineData($"key create {Id} nightly --days 3 --no-expiration")]
    public async Task What_cannot_be_meant_is_not_sent(string line)
    {
        Assert.Equal(2, (await _terminal.RunAsync(["service-account", .. line.Split(' ')])).Code);
        Assert.Empty(_server.Seen);
    }
}
