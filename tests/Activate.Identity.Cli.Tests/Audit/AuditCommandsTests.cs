using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Audit;

public sealed class AuditCommandsTests : IAsyncLifetime
{
    private const string Path = "GET /api/v1/organization/audit-events";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On(Path, seen => new Reply(200, seen.Parameter("after") is null ? Page("api_key.created", "\"more\"") : Page("api_key.deleted", "null")));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    private static string Page(string type, string next) => $$"""
        {"items":[{"id":"0199aaaa-0000-7000-8000-000000000009","at":"2026-11-23T02:00:00Z","type":"{{type}}","outcome":"done","actor":{"id":"0199aaaa-0000-7000-8000-000000000001","username":"ada"},
         "credentialId":null,"subject":{"id":"0199aaaa-0000-7000-8000-000000000004","username":null},"owner":null,"clientId":"activate-cli","address":"192.0.2.7","name":"nightly\u001b[2J","detail":null,"before":null,"after":null}],"next":{{next}} }
        """;

    [Fact]
    public async Task List_shows_who_did_what_page_by_page()
    {
        var outcome = await _terminal.RunAsync("audit", "list");
        Assert.Equal(0, outcome.Code);
        Assert.Matches(@"TIME\s+TYPE\s+OUTCOME\s+ACTOR\s+SUBJECT\s+OWNER\s+CLIENT\s+ADDRESS\s+DETAIL", outcome.Out);
        Assert.Matches(@"2026-11-23T02:00:00Z\s+api_key\.created\s+done\s+ada\s+0199aaaa-0000-7000-8000-000000000004\s+activate-cli\s+192\.0\.2\.7\s+nightly", outcome.Out);
        Assert.Contains("api_key.deleted", outcome.Out, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', outcome.Out);
        Assert.Equal(2, JsonDocument.Parse((await _terminal.RunAsync("audit", "list", "-o", "json")).Out).RootElement.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Filters_are_sent_as_they_were_given_and_a_time_ago_as_a_time()
    {
        Assert.Equal(0, (await _terminal.RunAsync("audit", "list", "--type", "a.b", "--type", "c.d", "--actor", "ada", "--subject", "bob", "--outcome", "refused", "--client", "activate-cli", "--address", "::1",
            "--since", "24h", "--until", "2026-11-24", "--limit", "1")).Code);
        var query = _server.Seen[^1].Query;
        foreach (var part in (string[])["limit=1", "type=a.b&type=c.d", "actor=ada", "subject=bob", "outcome=refused", "client=activate-cli", "address=%3A%3A1", $"from={Uri.EscapeDataString(Clock.Start.AddHours(-24).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture))}", "to=2026-11-24"])
            Assert.Contains(part, query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_ends_the_list_and_says_that_there_is_more()
    {
        var outcome = await _terminal.RunAsync("audit", "list", "--limit", "1");
        Assert.Single(_server.Lines, line => line == Path);
        Assert.DoesNotContain("api_key.deleted", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("older ones", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await _terminal.RunAsync("audit", "list", "--limit", "0")).Code);
        Assert.Equal(2, (await _terminal.RunAsync("audit", "list", "--outcome", "maybe")).Code);
    }

    [Fact]
    public async Task An_empty_log_and_a_refusal_are_said_in_words()
    {
        _server.On(Path, _ => new Reply(200, """{"items":[],"next":null}"""));
        Assert.Equal((0, "", "No events match."), await LineAsync("audit", "list"));
        _server.On(Path, _ => Reply.Problem(403, "insufficient_scope", "The credential lacks the scope 'audit:read'."));
        Assert.Equal(4, (await _terminal.RunAsync("audit", "list")).Code);
        Assert.Equal(4, (await _terminal.RunAsync("audit", "export")).Code);
    }

    [Fact]
    public async Task Export_hands_on_every_byte_as_it_came()
    {
        var file = string.Join("\r\n", Enumerable.Range(0, 100_000).Select(i => $"{i},\"ä\"")) + "\r\n";
        _server.On(Path, seen => new Reply(200, file, "text/csv"));
        var outcome = await _terminal.RunAsync("audit", "export", "--format", "csv", "--since", "2026-11-01");
        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        Assert.Equal(file, outcome.Out);
        Assert.Equal("?from=2026-11-01", _server.Seen[^1].Query);
    }

    private async Task<(int, string, string)> LineAsync(params string[] args)
    {
        var outcome = await _terminal.RunAsync(args);
        return (outcome.Code, outcome.Out, outcome.Error.Trim());
    }
}
