using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Clusters;

public sealed class ClusterCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/clusters";
    private const string Id = "0199aaaa-0000-7000-8000-0000000000aa";
    private const string Cluster = $$"""{"id":"{{Id}}","name":"frontier","address":"login.example.test","access":{"mode":"users","usernames":["ada","grace"]},"createdAt":"2026-11-24T01:00:00Z"}""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On($"GET {Path}", _ => new Reply(200, $$"""{"items":[{{Cluster}}],"next":null}"""));
        _server.On($"POST {Path}", _ => new Reply(201, Cluster.Insert(Cluster.Length - 1, ",\"key\":\"pwt_first.secret\"")));
        _server.On($"GET {Path}/{Id}", _ => new Reply(200, Cluster));
        _server.On($"PATCH {Path}/{Id}", _ => new Reply(200, Cluster));
        _server.On($"DELETE {Path}/{Id}", _ => new Reply(204));
        _server.On($"POST {Path}/{Id}/rotate-key", _ => new Reply(200, Cluster.Insert(Cluster.Length - 1, ",\"key\":\"pwt_second.secret\",\"keyExpiresAt\":\"2027-01-01T00:00:00Z\"")));
        _server.On($"GET {Path}/{Id}/accounts", _ => new Reply(200, """{"ada":"x4711"}"""));
        _server.On($"PUT {Path}/{Id}/accounts", _ => new Reply(200, "{}"));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("create frontier --address login.example.test", "POST", "", """{"name":"frontier","address":"login.example.test"}""", "pwt_first.secret")]
    [InlineData("create frontier --address a --role admin --role owner", "POST", "", """{"name":"frontier","address":"a","access":{"mode":"roles","roles":["admin","owner"]}}""", "pwt_first.secret")]
    [InlineData($"update {Id} --user ada --user grace", "PATCH", $"/{Id}", """{"access":{"mode":"users","usernames":["ada","grace"]}}""")]
    [InlineData($"update {Id} --everyone --name n --address a", "PATCH", $"/{Id}", """{"name":"n","address":"a","access":{"mode":"everyone"}}""")]
    [InlineData($"accounts {Id} --map ada=x4711 --map grace=g", "PUT", $"/{Id}/accounts", """{"ada":"x4711","grace":"g"}""")]
    [InlineData($"accounts {Id} --none", "PUT", $"/{Id}/accounts", "{}")]
    [InlineData($"rotate-key {Id} --overlap-hours 0", "POST", $"/{Id}/rotate-key", """{"overlapHours":0}""", "pwt_second.secret")]
    [InlineData($"delete {Id}", "DELETE", $"/{Id}", "")]
    public async Task Each_verb_does_one_call(string line, string method, string path, string body, string shown = "")
    {
        var outcome = await _terminal.RunAsync(["cluster", .. line.Split(' ')]);
        Assert.Equal(0, outcome.Code);
        var seen = Assert.Single(_server.Seen);
        Assert.Equal((Path + path, body), (seen.Path, seen.Body));
        Assert.Equal(shown, outcome.Out.TrimEnd());
        _server.On($"{method} {Path}{path}", _ => Reply.Problem(403, "insufficient_role"));
        Assert.Equal(4, (await _terminal.RunAsync(["cluster", .. line.Split(' ')])).Code);
    }

    [Fact]
    public async Task What_is_there_is_shown_and_the_end_of_a_key_is_told()
    {
        Assert.Matches(@"frontier\s+login.example.test\s+ada grace", (await _terminal.RunAsync("cluster", "list")).Out);
        Assert.Contains("ada grace", (await _terminal.RunAsync("cluster", "show", Id)).Out, StringComparison.Ordinal);
        Assert.Matches(@"ada\s+x4711", (await _terminal.RunAsync("cluster", "accounts", Id)).Out);
        Assert.Matches("It ends .*2027-01-01", (await _terminal.RunAsync("cluster", "rotate-key", Id)).Error);
        Assert.Contains("never ends", (await _terminal.RunAsync("cluster", "create", "frontier", "--address", "a")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("create frontier")]
    [InlineData("create frontier --address a --role nobody")]
    [InlineData("create frontier --address a --everyone --user ada")]
    [InlineData($"update {Id}")]
    [InlineData($"accounts {Id} --map ada")]
    [InlineData($"accounts {Id} --map ada=a --map ada=b")]
    [InlineData($"accounts {Id} --map ada=a --none")]
    [InlineData("delete ..")]
    public async Task What_cannot_be_meant_is_not_sent(string line)
    {
        Assert.Equal(2, (await _terminal.RunAsync(["cluster", .. line.Split(' ')])).Code);
        Assert.Empty(_server.Seen);
    }
}
