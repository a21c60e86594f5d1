using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Inventory;

public sealed class CredentialCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/credentials";
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
    public async Task List_shows_whose_they_are_and_sends_the_filters()
    {
        _server.On($"GET {Path}", seen => new Reply(200,
            $$$"""{"items":[{"kind":"apiKey","id":"{{{Id}}}","name":"nightly\u001b[2J","owner":"ada","expiresAt":null,"lastUsedAt":null,"lastUsedFrom":null,"state":"active"}],"next":null}"""));
        var outcome = await _terminal.RunAsync("credential", "list", "--kind", "apiKey", "--owner", "ada", "--unused-since", "2026-08-24", "--state", "active");
        Assert.Equal(0, outcome.Code);
        Assert.Matches($@"apiKey\s+{Id}\s+ada\s+nightly", outcome.Out);
        Assert.DoesNotContain('\u001b', outcome.Out);
        foreach (var part in (string[])["kind=apiKey", "owner=ada", "lastUsedBefore=2026-08-24", "state=active"])
            Assert.Contains(part, _server.Seen[^1].Query, StringComparison.Ordinal);
        Assert.Equal(2, (await _terminal.RunAsync("credential", "list", "--kind", "cookie")).Code);
    }

    [Fact]
    public async Task Delete_and_explain_name_the_kind_in_the_path()
    {
        _server.On($"DELETE {Path}/ssh-keys/{Id}", _ => new Reply(204, ""));
        _server.On($"GET {Path}/api-keys/{Id}/explain", _ => new Reply(200, """{"name":"nightly","owner":"ada","expiresAt":null,"code":"requested","detail":"Asked for.","policyNow":"No maximum."}"""));
        Assert.Equal(0, (await _terminal.RunAsync("credential", "delete", "sshKey", Id, "--yes")).Code);
        var outcome = await _terminal.RunAsync("credential", "explain", "apiKey", Id);
        Assert.Contains("Asked for. (requested)", outcome.Out, StringComparison.Ordinal);
        Assert.Equal(2, (await _terminal.RunAsync("credential", "delete", "sshKey", "..")).Code);
    }

    [Fact]
    public async Task End_counts_first_and_goes_on_until_none_is_left()
    {
        var sent = 0;
        _server.On($"POST {Path}/end", seen => seen.Parameter("dryRun") == "true" ? new Reply(200, """{"dryRun":true,"counts":{"apiKey":7000,"token":0},"kept":1,"more":false}""")
            : new Reply(200, ++sent == 1 ? """{"dryRun":false,"counts":{"apiKey":5000,"token":0},"kept":1,"more":true}""" : """{"dryRun":false,"counts":{"apiKey":2000,"token":0},"kept":1,"more":false}"""));
        var counted = await _terminal.RunAsync("credential", "end", "--unused-since", "90d", "--dry-run");
        Assert.Contains("Would end 7000 apiKey. Kept 1", counted.Error, StringComparison.Ordinal);
        Assert.Equal(0, sent);
        var ended = await _terminal.RunAsync("credential", "end", "--unused-since", "90d", "--yes");
        Assert.Equal((0, 2), (ended.Code, sent));
        Assert.Contains("Ended 7000 apiKey.", ended.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await _terminal.RunAsync("credential", "end")).Code);
    }
}
