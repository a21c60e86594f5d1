using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Organizations;

public sealed class PolicyCommandsTests : IAsyncLifetime
{
    private const string Policy = """{"apiKeys":{"maximumDays":30}}""";
    private const string State = $$"""{"policy":{{Policy}},"effective":{"apiKeys":{"userChoice":true,"maximumDays":14},"requireTwoFactor":false},"ceiling":{"apiKeys":{"maximumDays":14} },"changedAt":"2026-11-23T02:00:00Z","changedBy":"ada"}""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On("GET /api/v1/organization/policy", _ => new Reply(200, State) { Headers = { ["ETag"] = "\"3\"" } });
        _server.On("PUT /api/v1/organization/policy", _ => new Reply(200, State) { Headers = { ["ETag"] = "\"4\"" } });
        _server.On("POST /api/v1/organization/policy/preview", seen => new Reply(200, seen.Query.Contains("after=", StringComparison.Ordinal)
            ? Preview("\"second\"", "null") : seen.Body.Contains("\"keep\"", StringComparison.Ordinal) ? Empty : Preview("\"first\"", "\"more\"")) { Headers = { ["ETag"] = "\"3\"" } });
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Show_sets_side_by_side_what_is_own_what_is_the_ceiling_and_what_counts()
    {
        var outcome = await _terminal.RunAsync("policy", "show");
        Assert.Equal(0, outcome.Code);
        Assert.Matches(@"MEMBER\s+OWN\s+CEILING\s+COUNTS", outcome.Out);
        Assert.Matches(@"apiKeys\.maximumDays\s+30\s+14\s+14", outcome.Out);
        Assert.Matches(@"apiKeys\.userChoice\s+inherited\s+-\s+true", outcome.Out);
        Assert.Contains("by ada", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(30, JsonDocument.Parse((await _terminal.RunAsync("policy", "show", "-o", "json")).Out).RootElement.GetProperty("policy").GetProperty("apiKeys").GetProperty("maximumDays").GetInt32());
    }

    [Fact]
    public async Task Preview_lists_everybody_page_by_page_and_changes_nothing()
    {
        _terminal.Input = Policy;
        var outcome = await _terminal.RunAsync("policy", "preview", "-", "--grace-days", "7");
        Assert.Equal(0, outcome.Code);
        Assert.Contains("2 API keys would end sooner:", outcome.Error, StringComparison.Ordinal);
        Assert.Matches(@"ada\s+apiKey\s+first\s+never\s+never", outcome.Out);
        Assert.Contains("second", outcome.Out, StringComparison.Ordinal);
        Assert.All(_server.Seen, seen => Assert.Equal(Change("shorten", 7), seen.Body));
        _terminal.Input = Policy;
        Assert.Equal(2, JsonDocument.Parse((await _terminal.RunAsync("policy", "preview", "-", "-o", "json")).Out).RootElement.GetProperty("affected").GetArrayLength());
        Assert.DoesNotContain(_server.Seen, seen => seen.Method == "PUT");
    }

    [Fact]
    public async Task Preview_says_how_many_have_no_second_factor()
    {
        _server.On("POST /api/v1/organization/policy/preview", _ => new Reply(200, """{"counts":{},"affected":[],"next":null,"withoutSecondFactor":3}""") { Headers = { ["ETag"] = "\"3\"" } });
        _terminal.Input = Policy;
        Assert.Contains("at their next sign-in: 3.", (await _terminal.RunAsync("policy", "preview", "-")).Error, StringComparison.Ordinal);
        _terminal.Input = Policy;
        Assert.Equal(3, JsonDocument.Parse((await _terminal.RunAsync("policy", "preview", "-", "-o", "json")).Out).RootElement.GetProperty("withoutSecondFactor").GetInt32());
    }

    [Theory]
    [InlineData("policy set -", "keep", 0)]
    [InlineData("policy set - --shorten", "shorten", 0)]
    [InlineData("policy set - --shorten --grace-days 14", "shorten", 14)]
    public async Task Set_sends_the_policy_with_the_etag_of_the_preview(string line, string mode, int grace)
    {
        // Also as 'policy show -o json' writes it.
        _terminal.Input = State;
        var outcome = await _terminal.RunAsync(line.Split(' '));
        Assert.Equal(0, outcome.Code);
        var put = _server.Seen.Single(seen => seen.Method == "PUT");
        Assert.Equal(Change(mode, grace), put.Body);
        Assert.Equal("\"3\"", put.IfMatch);
        Assert.Contains(mode == "keep" ? "No credential that exists ends sooner" : "2 API keys shortened", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_sits_at_a_terminal_is_asked_before_anything_is_shortened()
    {
        using var person = new Terminal { IsTerminal = true, Input = "n\n" };
        person.SignIn(_server);
        var file = Path.Combine(Path.GetTempPath(), $"policy-{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(file, Policy, TestContext.Current.CancellationToken);
        Assert.Equal(1, (await person.RunAsync("policy", "set", file, "--shorten")).Code);
        Assert.DoesNotContain(_server.Seen, seen => seen.Method == "PUT");
        Assert.Equal(0, (await person.RunAsync("policy", "set", file, "--shorten", "--yes")).Code);
        File.Delete(file);
    }

    [Fact]
    public async Task A_policy_that_somebody_changed_meanwhile_is_not_overwritten()
    {
        _server.On("PUT /api/v1/organization/policy", _ => Reply.Problem(412, "policy_changed", "Somebody changed the policy since you looked at it."));
        _terminal.Input = Policy;
        var outcome = await _terminal.RunAsync("policy", "set", "-");
        Assert.Equal(1, outcome.Code);
        Assert.Contains("policy_changed", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("policy set - --grace-days 3", "{}")]
    [InlineData("policy set -", "not json")]
    [InlineData("policy set -", "[]")]
    [InlineData("policy set /no/such/file", "{}")]
    [InlineData("policy preview", "{}")]
    public async Task Wrong_usage_sends_nothing(string line, string input)
    {
        _terminal.Input = input;
        Assert.Equal(2, (await _terminal.RunAsync(line.Split(' '))).Code);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task Api_sends_if_match_and_says_the_etag()
    {
        var outcome = await _terminal.RunAsync("api", "GET", "/organization/policy");
        Assert.Contains("ETag: \"3\"", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await _terminal.RunAsync("api", "PUT", "/organization/policy", "--data", "{}", "--if-match", "\"3\"")).Code);
        Assert.Equal("\"3\"", _server.Seen.Single(seen => seen.Method == "PUT").IfMatch);
    }

    private const string Empty = """{"counts":{"apiKey":0,"token":0,"session":0,"sshKey":0},"affected":[],"next":null}""";

    private static string Change(string mode, int graceDays) => $$$"""{"policy":{{{Policy}}},"existing":{"mode":"{{{mode}}}","graceDays":{{{graceDays}}}}}""";

    private static string Preview(string name, string next) =>
        $$"""{"counts":{"apiKey":2,"token":0,"session":0,"sshKey":0},"affected":[{"kind":"apiKey","id":"0199aaaa-0000-7000-8000-00000000000a","name":{{name}},"owner":"ada","lastUsedAt":null,"expiresAt":null,"wouldExpireAt":"2026-12-01T00:00:00Z"}],"next":{{next}}}""";
}
