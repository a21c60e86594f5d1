using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Api;

public sealed class ApiCommandsTests : IAsyncLifetime
{
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

    [Theory]
    [InlineData("/api/v1/me", "/api/v1/me")]
    [InlineData("/me", "/api/v1/me")]
    [InlineData("me", "/api/v1/me")]
    [InlineData("/api-keys?limit=5&after=x", "/api/v1/api-keys?limit=5&after=x")]
    [InlineData("/health/ready", "/health/ready")]
    [InlineData("/openapi/v1.json", "/openapi/v1.json")]
    [InlineData("/api/auth/session", "/api/auth/session")]
    [InlineData("SERVER/api/v1/me", "/api/v1/me")]
    public async Task A_path_is_taken_under_the_api(string path, string asked)
    {
        await _terminal.RunAsync("api", "get", path.Replace("SERVER", _server.Url, StringComparison.Ordinal));

        Assert.Equal(asked, _server.Seen.Select(seen => seen.Path + seen.Query).Single());
        Assert.Equal("GET", _server.Seen.Single().Method);
    }

    [Theory]
    [InlineData("https://evil.example/api/v1/me")]
    [InlineData("http://127.0.0.1:1/api/v1/me")]
    [InlineData("//evil.example/me")]
    [InlineData("/\\evil.example/me")]
    [InlineData("http://ada@127.0.0.1/api/v1/me")]
    [InlineData("/a b")]
    [InlineData("")]
    public async Task Another_server_and_what_is_no_path_are_refused(string path)
    {
        var outcome = await _terminal.RunAsync("api", "GET", path);

        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task The_answer_goes_to_stdout_as_it_came()
    {
        _server.On("GET /api/v1/me", _ => new Reply(200, "{\"a\" :1,\n\"ü\":\"\\u001b\"}  "));

        Assert.Equal(new Outcome(0, "{\"a\" :1,\n\"ü\":\"\\u001b\"}  ", ""), await _terminal.RunAsync("api", "GET", "/me"));
    }

    [Fact]
    public async Task On_a_terminal_json_is_indented_and_nothing_drives_the_terminal()
    {
        using var terminal = new Terminal { IsTerminal = true };
        terminal.SignIn(_server);
        _server.On("GET /api/v1/me", _ => new Reply(200, "{\"a\":\"\\u001b[31m\u009b1m\"}"));
        _server.On("GET /api/v1/text", _ => new Reply(200, "one\n\u001b]0;owned\u0007two", "text/plain"));

        var json = await terminal.RunAsync("api", "GET", "/me");
        var text = await terminal.RunAsync("api", "GET", "/text");

        Assert.StartsWith("{\n  \"a\":", json.Out.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.DoesNotContain(json.Out + text.Out, c => char.IsControl(c) && c is not '\n' and not '\r');
        Assert.StartsWith("one\n", text.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("inline")]
    [InlineData("file")]
    [InlineData("stdin")]
    public async Task Data_comes_from_the_line_a_file_or_stdin(string source)
    {
        const string json = """{"name":"Hydrology Lab ü"}""";
        var file = Path.Combine(_terminal.Folder, "body.json");
        await File.WriteAllTextAsync(file, json);
        _terminal.Input = json;
        _server.On("PATCH /api/v1/organization", _ => new Reply(204));

        var outcome = await _terminal.RunAsync("api", "patch", "/organization", "--data", source switch { "file" => $"@{file}", "stdin" => "-", _ => json });

        Assert.Equal(new Outcome(0, "", ""), outcome);
        Assert.Equal(json, _server.Seen.Single().Body);
    }

    [Theory]
    [InlineData("POST", "{broken")]
    [InlineData("POST", "@/nowhere/body.json")]
    [InlineData("GET", "{}")]
    [InlineData("BREW", null)]
    public async Task Data_that_is_no_json_or_no_file_and_unknown_methods_are_wrong_usage(string method, string? data)
    {
        var outcome = await _terminal.RunAsync(["api", method, "/me", .. data is null ? Array.Empty<string>() : ["--data", data]]);

        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Empty(_server.Seen);
    }

    [Theory]
    [InlineData(400, 1)]
    [InlineData(401, 3)]
    [InlineData(403, 4)]
    [InlineData(404, 1)]
    [InlineData(409, 1)]
    [InlineData(412, 1)]
    [InlineData(429, 1)]
    [InlineData(500, 1)]
    [InlineData(503, 1)]
    public async Task The_status_decides_the_exit_code_and_stdout_stays_empty(int status, int code)
    {
        _server.On("GET /api/v1/me", _ => Reply.Problem(status, "some_code", "What happened."));

        var outcome = await _terminal.RunAsync("api", "GET", "/me", "-o", "json");

        Assert.Equal((code, ""), (outcome.Code, outcome.Out));
        Assert.StartsWith("error: What happened. (some_code)", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_of_fields_are_listed()
    {
        _server.On("POST /api/v1/api-keys", _ => new Reply(400, """{"code":"invalid","detail":"Two fields are wrong.","errors":{"name":["Too long.","Taken."],"expiresInDays":"Negative."}}""", "application/problem+json"));

        var outcome = await _terminal.RunAsync("api", "POST", "/api-keys", "--data", "{}");

        Assert.Equal("error: Two fields are wrong. (invalid)\n  name: Too long. Taken.\n  expiresInDays: Negative.\n", outcome.Error.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task A_refusal_for_want_of_scope_names_the_remedy()
    {
        _server.On("GET /api/v1/me", _ => Reply.Problem(403, "insufficient_scope"));

        Assert.Contains("actid auth login --manage", (await _terminal.RunAsync("api", "GET", "/me")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_cannot_drive_the_terminal_or_forge_lines()
    {
        _server.On("GET /api/v1/me", _ => new Reply(400, """{"code":"x","detail":"bad\n\u001b[2Jerror: forged"}"""));

        var outcome = await _terminal.RunAsync("api", "GET", "/me");

        Assert.DoesNotContain('\u001b', outcome.Error);
        Assert.Single(outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_get_that_is_told_to_wait_a_little_waits_twice_at_most()
    {
        _server.OnEach("GET /api/v1/me", Wait(2), Wait(3), new Reply(200, "{}"));
        Assert.Equal(0, (await _terminal.RunAsync("api", "GET", "/me")).Code);
        Assert.Equal([2, 3], _terminal.Clock.Waits);

        _server.OnEach("GET /api/v1/me", Wait(1), Wait(1), Wait(1), new Reply(200, "{}"));
        var outcome = await _terminal.RunAsync("api", "GET", "/me");
        Assert.Equal(1, outcome.Code);
        Assert.Contains("Try again in 1 seconds.", outcome.Error, StringComparison.Ordinal);
        Assert.Equal([2, 3, 1, 1], _terminal.Clock.Waits);
    }

    [Theory]
    [InlineData("GET", 60)]
    [InlineData("POST", 1)]
    public async Task A_long_wait_and_a_change_are_left_to_the_user(string method, int seconds)
    {
        _server.On($"{method} /api/v1/tokens", _ => Wait(seconds));

        var outcome = await _terminal.RunAsync("api", method, "/tokens");

        Assert.Equal(1, outcome.Code);
        Assert.Single(_server.Seen);
        Assert.Empty(_terminal.Clock.Waits);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_exit_1_and_says_so()
    {
        await _server.DisposeAsync();

        var outcome = await _terminal.RunAsync("api", "GET", "/me");

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.StartsWith("error: The server cannot be reached", outcome.Error, StringComparison.Ordinal);
    }

    private static Reply Wait(int seconds) => Reply.Problem(503, "temporarily_unavailable") with
    {
        Headers = new() { ["Retry-After"] = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture) },
    };
}
