using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.ApiKeys;

/// <summary>api-key, token and session: what is sent, and what is shown where.</summary>
public sealed class ApiKeyCommandsTests : IAsyncLifetime
{
    private const string Id = "0199aaaa-0000-7000-8000-00000000000a";
    private const string Item = $$"""{"id":"{{Id}}","name":"nightly","last4":"7f3K","scopes":["platform","credentials:read"],"createdAt":"2026-11-01T00:00:00Z","expiresAt":"2026-12-24T02:00:00Z","expiresBecause":"requested","lastUsedAt":"2026-11-24T01:30:00Z","lastUsedFrom":"192.0.2.7","state":"active","future":{"x":1} }""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On("POST /api/v1/api-keys", _ => new Reply(201, $$"""{"id":"{{Id}}","name":"nightly","expiresAt":"2026-12-24T02:00:00Z","expiresBecause":"default","key":"pwt_new.secret"}"""));
        _server.On("POST /api/v1/tokens", _ => new Reply(201, $$"""{"id":"{{Id}}","expiresAt":"2026-11-24T05:00:00Z","token":"new.token.secret"}"""));
        _server.On($"POST /api/v1/api-keys/{Id}/rotate", _ => new Reply(200, $$"""{"id":"{{Id}}","name":"nightly","key":"pwt_rotated.secret","expiresAt":null}"""));
        _server.On($"PATCH /api/v1/api-keys/{Id}", _ => new Reply(200, Item));
        foreach (var collection in (string[])["api-keys", "tokens", "sessions"])
        {
            _server.On($"DELETE /api/v1/{collection}/{Id}", _ => new Reply(204));
            _server.On($"GET /api/v1/{collection}", seen => new Reply(200, seen.Query.Contains("after=", StringComparison.Ordinal)
                ? $$"""{"items":[{{Item.Replace("nightly", "second", StringComparison.Ordinal)}}],"next":null}"""
                : $$"""{"items":[{{Item}}],"next":"a b/c="}"""));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("api-key create nightly", """{"name":"nightly"}""")]
    [InlineData("api-key create nightly --days 30", """{"name":"nightly","expiresInDays":30}""")]
    [InlineData("api-key create nightly --days -1", """{"name":"nightly","expiresInDays":-1}""")]
    [InlineData("api-key create nightly --no-expiration", """{"name":"nightly","expiresInDays":null}""")]
    [InlineData("api-key create nightly --scope platform --scope audit:read", """{"name":"nightly","scopes":["platform","audit:read"]}""")]
    [InlineData("token create", """{}""")]
    [InlineData("token create pipeline --hours 99 --scope platform", """{"name":"pipeline","expiresInHours":99,"scopes":["platform"]}""")]
    [InlineData($"api-key rotate {Id}", """{}""")]
    [InlineData($"api-key rotate {Id} --overlap-hours 0", """{"overlapHours":0}""")]
    [InlineData("api-key create nightly --allow-address 192.0.2.7 --allow-address 2001:db8::/32", """{"name":"nightly","allowedAddresses":["192.0.2.7","2001:db8::/32"]}""")]
    [InlineData($"api-key limit {Id} --allow-address 192.0.2.7", """{"allowedAddresses":["192.0.2.7"]}""")]
    [InlineData($"api-key limit {Id} --anywhere", """{"allowedAddresses":null}""")]
    [InlineData($"api-key rename {Id} weekly", """{"name":"weekly"}""")]
    public async Task The_request_says_what_was_typed_and_nothing_else(string line, string body)
    {
        var outcome = await _terminal.RunAsync(line.Split(' '));

        Assert.Equal(0, outcome.Code);
        Assert.Equal(body, _server.Seen.Single().Body);
        Assert.Equal($"Bearer {FakeServer.Jwt(_server.Origin)}", _server.Seen.Single().Authorization);
    }

    [Theory]
    [InlineData("api-key create nightly", "pwt_new.secret")]
    [InlineData($"api-key rotate {Id}", "pwt_rotated.secret")]
    [InlineData("token create", "new.token.secret")]
    public async Task The_secret_alone_goes_to_stdout_and_every_word_to_stderr(string line, string secret)
    {
        var outcome = await _terminal.RunAsync(line.Split(' '));

        Assert.Equal(secret + Environment.NewLine, outcome.Out);
        Assert.Contains("cannot be shown again", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_says_when_it_ends_and_that_the_default_decided()
    {
        var outcome = await _terminal.RunAsync("api-key", "create", "nightly");

        Assert.Contains("in 30 d, 2026-12-24T02:00:00Z (default)", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_as_json_is_the_whole_answer()
    {
        var outcome = await _terminal.RunAsync("api-key", "create", "nightly", "-o", "json");

        using var document = JsonDocument.Parse(outcome.Out);
        Assert.Equal("pwt_new.secret", document.RootElement.GetProperty("key").GetString());
        Assert.Equal(Id, document.RootElement.GetProperty("id").GetString());
    }

    [Fact]
    public async Task An_answer_without_the_secret_is_a_failure()
    {
        _server.On("POST /api/v1/api-keys", _ => new Reply(201, """{"id":"x"}"""));

        var outcome = await _terminal.RunAsync("api-key", "create", "nightly");

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
    }

    [Fact]
    public async Task Days_and_no_expiration_exclude_each_other()
    {
        var outcome = await _terminal.RunAsync("api-key", "create", "nightly", "--days", "3", "--no-expiration");

        Assert.Equal(2, outcome.Code);
        Assert.Empty(_server.Seen);
    }

    [Theory]
    [InlineData("api-key", "api-keys")]
    [InlineData("token", "tokens")]
    [InlineData("session", "sessions")]
    public async Task A_list_has_a_line_per_item_of_every_page(string noun, string collection)
    {
        var outcome = await _terminal.RunAsync(noun, "list");

        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        Assert.Equal([$"/api/v1/{collection} ?limit=200", $"/api/v1/{collection} ?limit=200&after=a%20b%2Fc%3D"], _server.Seen.Select(seen => $"{seen.Path} {seen.Query}"));
        var lines = outcome.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("ID", lines[0], StringComparison.Ordinal);
        Assert.Matches($"^{Id} +nightly +7f3K +platform credentials:read +in 30 d, 2026-12-24T02:00:00Z +30 min ago, 2026-11-24T01:30:00Z from 192.0.2.7 +active", lines[1]);
        Assert.Contains("second", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_as_json_has_the_items_of_every_page_with_every_member()
    {
        var outcome = await _terminal.RunAsync("api-key", "list", "-o", "json");

        using var document = JsonDocument.Parse(outcome.Out);
        Assert.Equal(["items"], document.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["nightly", "second"], document.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()));
        Assert.Equal(1, document.RootElement.GetProperty("items")[0].GetProperty("future").GetProperty("x").GetInt32());
    }

    [Theory]
    [InlineData("api-key", "api-keys", "actid api-key create NAME")]
    [InlineData("token", "tokens", "actid token create")]
    [InlineData("session", "sessions", "actid auth login")]
    public async Task An_empty_list_says_what_to_do_on_stderr_and_is_empty_json(string noun, string collection, string words)
    {
        _server.On($"GET /api/v1/{collection}", _ => new Reply(200, """{"items":[],"next":null}"""));

        var table = await _terminal.RunAsync(noun, "list");
        var json = await _terminal.RunAsync(noun, "list", "-o", "json");

        Assert.Equal((0, ""), (table.Code, table.Out));
        Assert.Contains(words, table.Error, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(json.Out);
        Assert.Equal(0, document.RootElement.GetProperty("items").GetArrayLength());
        Assert.Equal("", json.Error);
    }

    [Fact]
    public async Task A_list_that_does_not_end_is_ended()
    {
        _server.On("GET /api/v1/tokens", _ => new Reply(200, """{"items":[],"next":"again"}"""));

        Assert.Equal(1, (await _terminal.RunAsync("token", "list")).Code);
    }

    [Theory]
    [InlineData("api-key", "api-keys")]
    [InlineData("token", "tokens")]
    [InlineData("session", "sessions")]
    public async Task Delete_asks_nothing_without_a_terminal(string noun, string collection)
    {
        var outcome = await _terminal.RunAsync(noun, "delete", Id);

        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Equal([$"DELETE /api/v1/{collection}/{Id}"], _server.Lines);
    }

    [Theory]
    [InlineData("y\n", 0, 1)]
    [InlineData("YES\n", 0, 1)]
    [InlineData("\n", 1, 0)]
    [InlineData("n\n", 1, 0)]
    [InlineData("", 1, 0)]
    public async Task Delete_asks_on_a_terminal(string input, int code, int requests)
    {
        using var terminal = new Terminal { IsTerminal = true, Input = input };
        terminal.SignIn(_server);

        var outcome = await terminal.RunAsync("api-key", "delete", Id);

        Assert.Equal(code, outcome.Code);
        Assert.Contains("[y/N]", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(requests, _server.Seen.Count);
    }

    [Fact]
    public async Task Delete_with_yes_does_not_ask()
    {
        using var terminal = new Terminal { IsTerminal = true };
        terminal.SignIn(_server);

        var outcome = await terminal.RunAsync("api-key", "delete", Id, "--yes");

        Assert.Equal(0, outcome.Code);
        Assert.DoesNotContain("[y/N]", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../../connect/revoke")]
    [InlineData("nightly")]
    public async Task What_is_no_id_never_gets_into_a_path(string id)
    {
        var outcome = await _terminal.RunAsync("api-key", "delete", id);

        Assert.Equal(2, outcome.Code);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task A_key_that_is_about_to_end_is_mentioned_on_a_terminal()
    {
        using var terminal = new Terminal { IsTerminal = true };
        terminal.SignIn(_server, "apiKey");
        _server.On("GET /api/v1/tokens", _ => new Reply(200, """{"items":[],"next":null}""") { Headers = { ["Activate-Credential-Expires"] = "2026-11-26T02:00:00Z" } });

        Assert.Contains("this API key ends in 2 d, 2026-11-26T02:00:00Z", (await terminal.RunAsync("token", "list")).Error, StringComparison.Ordinal);
    }
}
