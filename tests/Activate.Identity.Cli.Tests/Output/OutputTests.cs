using System.Globalization;
using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Output;

public sealed class OutputTests
{
    [Theory]
    [InlineData("plain Ünïcödé 漢字 🙂", "plain Ünïcödé 漢字 🙂")]
    [InlineData("\u001b[31mred\u001b[0m", "\uFFFD[31mred\uFFFD[0m")]
    [InlineData("a\u009b2Jb", "a\uFFFD2Jb")]
    [InlineData("a\r\nb\tc\u007f\b", "a\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFD")]
    [InlineData("abc\u202Egnp.exe\u2066\u200b\ufeff", "abc\uFFFDgnp.exe\uFFFD\uFFFD\uFFFD")]
    [InlineData("a\u2028b\ue000", "a\uFFFDb\uFFFD")]
    [InlineData(null, "")]
    public void Text_of_a_server_cannot_drive_a_terminal(string? text, string expected) => Assert.Equal(expected, SafeText.OneLine(text));

    [Fact]
    public void Half_a_character_is_replaced() => Assert.Equal("a\uFFFDb", SafeText.OneLine($"a{'\ud83d'}b"));

    [Fact]
    public void Lines_keeps_line_feeds_and_tabs_only() => Assert.Equal("a\n\tb\uFFFD\uFFFD", SafeText.Lines("a\n\tb\r\u001b"));

    [Theory]
    [InlineData(0, "in 0 s")]
    [InlineData(59, "in 59 s")]
    [InlineData(60, "in 1 min")]
    [InlineData(3599, "in 59 min")]
    [InlineData(3600, "in 1 h")]
    [InlineData(10799, "in 2 h 59 min")]
    [InlineData(86400, "in 1 d")]
    [InlineData(90000, "in 1 d 1 h")]
    [InlineData(2592000 - 1, "in 29 d")]
    [InlineData(-1, "1 s ago")]
    [InlineData(-7260, "2 h 1 min ago")]
    public void A_moment_is_said_relatively_and_never_longer_than_it_is(int seconds, string expected) =>
        Assert.Equal(expected, Times.Relative(Clock.Start.AddSeconds(seconds), Clock.Start));

    [Fact]
    public void A_moment_is_said_exactly_in_utc() =>
        Assert.Equal("2026-11-24T01:00:00Z", Times.Exact(DateTimeOffset.Parse("2026-11-24T02:00:00+01:00", CultureInfo.InvariantCulture)));

    [Fact]
    public async Task A_name_in_a_list_cannot_drive_a_terminal_or_make_a_second_line()
    {
        await using var server = await FakeServer.StartAsync();
        using var terminal = new Terminal { IsTerminal = true };
        terminal.SignIn(server);
        server.On("GET /api/v1/api-keys", _ => new Reply(200, """{"items":[{"id":"1","name":"a\u001b]0;owned\u0007\nb [red]markup[/]","state":"active"}],"next":null}"""));

        var outcome = await terminal.RunAsync("api-key", "list");

        Assert.Equal(0, outcome.Code);
        Assert.DoesNotContain("\u001b]", outcome.Out, StringComparison.Ordinal);
        Assert.DoesNotContain('\u0007', outcome.Out);
        Assert.Contains("[red]", outcome.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Json_stays_json_with_control_characters_escaped(bool isTerminal)
    {
        await using var server = await FakeServer.StartAsync();
        using var terminal = new Terminal { IsTerminal = isTerminal };
        terminal.SignIn(server);
        server.On("GET /api/v1/api-keys", _ => new Reply(200, "{\"items\":[{\"id\":\"1\",\"name\":\"\\u001b\u009b\u202e\"}],\"next\":null}"));

        var outcome = await terminal.RunAsync("api-key", "list", "-o", "json");

        Assert.DoesNotContain(outcome.Out, c => c is '\u001b' or '\u009b' || (isTerminal && c == '\u202e'));
        using var document = System.Text.Json.JsonDocument.Parse(outcome.Out);
        Assert.Equal(isTerminal ? "\u001b\u009b\uFFFD" : "\u001b\u009b\u202e", document.RootElement.GetProperty("items")[0].GetProperty("name").GetString());
    }
}
