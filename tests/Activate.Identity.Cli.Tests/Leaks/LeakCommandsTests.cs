using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Applications;

namespace Activate.Identity.Cli.Tests.Leaks;

[Trait("Case", "K14")]
public sealed class LeakCommandsTests : IAsyncLifetime
{
    private const string Path = "POST /api/v1/leaked-credentials";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _server.On(Path, _ => new Reply(202));
        Directory.CreateDirectory(_terminal.Folder);
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Check_shows_line_kind_and_last_four_and_sends_nothing()
    {
        _terminal.SignIn(_server);
        var secret = ClientSecret.Generate().Reveal();
        _terminal.Input = $"nothing\nKEY={_server.ApiKey}\n\n\"{secret}\"\n";
        var outcome = await _terminal.RunAsync("leak", "check", "-");
        Assert.Equal(1, outcome.Code);
        Assert.Matches($@"2\s+API key\s+{_server.ApiKey[^4..]}\s+{_server.Url}", outcome.Out);
        Assert.Matches($@"4\s+client secret\s+{secret[^4..]}", outcome.Out);
        AssertSilent(outcome, _server.ApiKey, secret);
        Assert.Empty(_server.Seen);
        _terminal.Input = $"KEY={_server.ApiKey}";
        var item = JsonDocument.Parse((await _terminal.RunAsync("leak", "check", "-", "-o", "json")).Out).RootElement.GetProperty("items")[0];
        Assert.Equal((1, "API key", _server.ApiKey[^4..], _server.Url), (item.GetProperty("line").GetInt32(), item.GetProperty("kind").GetString(), item.GetProperty("last4").GetString(), item.GetProperty("server").GetString()));
    }

    [Fact]
    public async Task A_text_without_secrets_is_fine_and_a_file_that_is_not_there_is_said()
    {
        _terminal.Input = "pwt_aWQ.nothing " + _server.ApiKey[..^1];
        Assert.Equal(0, (await _terminal.RunAsync("leak", "check", "-")).Code);
        Assert.Equal(2, (await _terminal.RunAsync("leak", "check", System.IO.Path.Combine(_terminal.Folder, "none.log"))).Code);
    }

    [Fact]
    public async Task Report_sends_each_once_to_the_server_that_was_named_without_signing_in()
    {
        var file = System.IO.Path.Combine(_terminal.Folder, "build.log");
        var elsewhere = ApiKeySecret.Generate(new Uri("https://id.example.org")).Reveal();
        await File.WriteAllTextAsync(file, $"{_server.ApiKey}\n{elsewhere}\n{_server.ApiKey}\n");
        var outcome = await _terminal.RunAsync("leak", "check", file, "--report", "--server", _server.Url);
        Assert.Equal(1, outcome.Code);
        var seen = Assert.Single(_server.Seen);
        Assert.Equal((Path, null), (seen.Line, seen.Authorization));
        Assert.Equal([_server.ApiKey], JsonDocument.Parse(seen.Body).RootElement.GetProperty("credentials").EnumerateArray().Select(key => key.GetString()));
        Assert.Contains("Reported 1", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("https://id.example.org", outcome.Error, StringComparison.Ordinal);
        AssertSilent(outcome, _server.ApiKey, elsewhere);
    }

    [Fact]
    public async Task Report_goes_to_no_server_that_only_the_text_names()
    {
        _terminal.Input = _server.ApiKey;
        var outcome = await _terminal.RunAsync("leak", "check", "-", "--report");
        Assert.Equal(2, outcome.Code);
        Assert.Contains("--server", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
        _terminal.SignIn(_server);
        _terminal.Input = _server.ApiKey;
        Assert.Equal(1, (await _terminal.RunAsync("leak", "check", "-", "--report")).Code);
        Assert.Single(_server.Seen);
    }

    private static void AssertSilent(Outcome outcome, params string[] secrets)
    {
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(secret, outcome.Out, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, outcome.Error, StringComparison.Ordinal);
        }
    }
}
