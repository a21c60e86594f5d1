using System.Text.Json;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Login;

public sealed class LoginTests : IAsyncLifetime
{
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await FakeServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Login_shows_page_and_code_waits_and_keeps_the_session_as_the_current_context()
    {
        _server.AllowLoginAfter(Reply.OAuth("authorization_pending"), Reply.OAuth("slow_down"));

        var outcome = await LoginAsync();

        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Contains($"{_server.Url}/device\n", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("WDJB-MJHT", outcome.Error, StringComparison.Ordinal);
        Assert.Contains($"Signed in as ada of hydrology-lab at {_server.Url}, until 2026-11-24 06:00 local time (2026-11-24T05:00:00Z).", outcome.Error, StringComparison.Ordinal);
        Assert.Equal([5, 5, 10], _terminal.Clock.Waits);
        Assert.Equal(_server.ContextName, _terminal.Contexts.Current);
        var kept = _terminal.Contexts.Read(_server.ContextName)!;
        Assert.Equal((FakeServer.Jwt(_server.Origin), StoredContext.Session, "ada"), (kept.Credential, kept.Kind, kept.Username));
    }

    [Fact]
    public async Task The_request_names_client_scopes_device_and_wish()
    {
        _server.AllowLoginAfter();

        await LoginAsync("--hours", "7");

        var request = _server.Seen.Single(seen => seen.Line == "POST /connect/device");
        Assert.Equal("activate-cli", request.Form("client_id"));
        Assert.Equal("openid profile platform credentials:read", request.Form("scope"));
        Assert.Equal("login-node-07", request.Form("device_name"));
        Assert.Equal("7", request.Form("lifetime_hours"));
        var poll = _server.Seen.Single(seen => seen.Line == "POST /connect/token");
        Assert.Equal("urn:ietf:params:oauth:grant-type:device_code", poll.Form("grant_type"));
        Assert.Equal("device-secret", poll.Form("device_code"));
        Assert.Equal("activate-cli", poll.Form("client_id"));
    }

    [Fact]
    public async Task Without_hours_no_wish_is_sent_and_manage_asks_for_the_managing_scopes()
    {
        _server.AllowLoginAfter();

        await LoginAsync("--manage", "--device-name", "  My laptop ");

        var request = _server.Seen.Single(seen => seen.Line == "POST /connect/device");
        Assert.Null(request.Form("lifetime_hours"));
        Assert.Equal("My laptop", request.Form("device_name"));
        Assert.Equal("openid profile platform credentials:read credentials:write organization:read organization:write", request.Form("scope"));
    }

    [Fact]
    public async Task Scopes_that_are_named_replace_the_usual_ones()
    {
        _server.AllowLoginAfter();

        await LoginAsync("--scope", "openid", "--scope", "audit:read");

        Assert.Equal("openid audit:read", _server.Seen.Single(seen => seen.Line == "POST /connect/device").Form("scope"));
    }

    [Fact]
    public async Task A_lost_answer_a_broken_connection_and_a_server_error_do_not_end_the_login()
    {
        _server.AllowLoginAfter(new Reply(0) { Abort = true }, new Reply(502, "<html>", "text/html"), new Reply(429) { Headers = { ["Retry-After"] = "20" } });

        var outcome = await LoginAsync();

        Assert.Equal(0, outcome.Code);
        Assert.Equal(4, _server.Lines.Count(line => line == "POST /connect/token"));
        Assert.Equal([5, 5, 10, 20], _terminal.Clock.Waits);
    }

    [Theory]
    [InlineData("access_denied", "denied")]
    [InlineData("expired_token", "expired")]
    [InlineData("invalid_grant", "does not take the code any more")]
    [InlineData("invalid_client", "invalid_client")]
    public async Task A_final_refusal_ends_with_its_reason_and_keeps_nothing(string error, string words)
    {
        _server.AllowLoginAfter();
        _server.On("POST /connect/token", _ => Reply.OAuth(error));

        var outcome = await LoginAsync();

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.Contains(words, outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_terminal.Contexts.Names());
        Assert.Single(_server.Lines, line => line == "POST /connect/token");
    }

    [Theory]
    [InlineData("0")]
    [InlineData("25")]
    [InlineData("-1")]
    [InlineData("two")]
    public async Task Hours_outside_1_to_24_are_refused_before_anything_is_sent(string hours)
    {
        var outcome = await LoginAsync("--hours", hours);

        Assert.Equal(2, outcome.Code);
        Assert.Contains("--hours", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task A_discovery_document_of_another_issuer_is_refused()
    {
        _server.On("GET /.well-known/openid-configuration", _ => new Reply(200, _server.DiscoveryDocument(issuer: _server.Url)));

        var outcome = await LoginAsync();

        Assert.Equal(1, outcome.Code);
        Assert.Equal(["GET /.well-known/openid-configuration"], _server.Lines);
    }

    [Theory]
    [InlineData("https://evil.example/connect/token")]
    [InlineData("http://127.0.0.1:1/connect/token")]
    [InlineData("javascript:alert(1)")]
    public async Task An_endpoint_on_another_origin_is_refused(string endpoint)
    {
        _server.AllowLoginAfter();
        _server.On("GET /.well-known/openid-configuration", _ => new Reply(200, _server.DiscoveryDocument(token: endpoint)));

        var outcome = await LoginAsync();

        Assert.Equal(1, outcome.Code);
        Assert.Contains("not its own", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(["GET /.well-known/openid-configuration"], _server.Lines);
    }

    [Fact]
    public async Task A_token_of_another_server_is_not_kept()
    {
        _server.AllowLoginAfter(FakeServer.Jwt(new Uri("https://other.example.org")));

        var outcome = await LoginAsync();

        Assert.Equal(1, outcome.Code);
        Assert.Empty(_terminal.Contexts.Names());
        Assert.DoesNotContain("GET /api/v1/me", _server.Lines);
    }

    [Fact]
    public async Task The_session_is_kept_even_when_the_server_does_not_say_whose_it_is()
    {
        _server.AllowLoginAfter();
        _server.On("GET /api/v1/me", _ => new Reply(500));

        var outcome = await LoginAsync();

        Assert.Equal(0, outcome.Code);
        var kept = _terminal.Contexts.Read(_server.ContextName)!;
        Assert.Equal(Clock.Start.AddSeconds(5 + 10799), kept.ExpiresAt);
    }

    [Fact]
    public async Task A_damaged_context_is_found_before_anybody_goes_to_a_browser()
    {
        _server.AllowLoginAfter();
        await LoginAsync("--context", "work");
        var path = Path.Combine(_terminal.Folder, "contexts", "work.json");
        await File.WriteAllTextAsync(path, "{ half");
        var before = _server.Seen.Count;

        var outcome = await LoginAsync("--context", "work");

        Assert.Equal(1, outcome.Code);
        Assert.Contains(path, outcome.Error, StringComparison.Ordinal);
        Assert.Equal("{ half", await File.ReadAllTextAsync(path));
        Assert.Equal(before, _server.Seen.Count);
    }

    [Theory]
    [InlineData("DISPLAY", null, true, 1)]
    [InlineData("WAYLAND_DISPLAY", null, true, 1)]
    [InlineData("DISPLAY", "10.0.0.1 5 10.0.0.2 22", true, 0)]
    [InlineData("DISPLAY", null, false, 0)]
    public async Task A_browser_is_opened_where_there_is_one(string variable, string? ssh, bool allowed, int opened)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "macOS and Windows always have a browser.");
        _terminal.Variables[variable] = ":0";
        _terminal.Variables["SSH_CONNECTION"] = ssh;
        _server.AllowLoginAfter();

        var outcome = await LoginAsync(allowed ? [] : ["--no-browser"]);

        Assert.Equal(opened, _terminal.Opened.Count);
        Assert.All(_terminal.Opened, page => Assert.Equal($"{_server.Url}/device?user_code=WDJB-MJHT", page.AbsoluteUri));
        Assert.Contains("WDJB-MJHT", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_takes_no_qr_and_draws_none_for_a_server_that_no_telephone_reaches()
    {
        _server.AllowLoginAfter();

        var outcome = await LoginAsync("--no-qr");

        Assert.Equal(0, outcome.Code);
        Assert.DoesNotContain("telephone", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_of_another_server_is_not_opened()
    {
        _terminal.Variables["DISPLAY"] = ":0";
        _server.AllowLoginAfter();
        _server.On("POST /connect/device", _ => new Reply(200,
            """{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"file:///etc/passwd","verification_uri_complete":"https://evil.example/","expires_in":600}"""));

        await LoginAsync();

        Assert.Empty(_terminal.Opened);
    }

    [Fact]
    public async Task The_code_and_page_cannot_drive_the_terminal()
    {
        _server.AllowLoginAfter();
        _server.On("POST /connect/device", _ => new Reply(200,
            """{"device_code":"d","user_code":"AB\u001b[2JCD","verification_uri":"http://x/\u001b]0;owned\u0007","expires_in":600}"""));

        var outcome = await LoginAsync();

        Assert.DoesNotContain('\u001b', outcome.Error);
        Assert.DoesNotContain('\u0007', outcome.Error);
    }

    [Fact]
    public async Task Json_output_says_who_and_where_without_the_token()
    {
        _server.AllowLoginAfter();

        var outcome = await LoginAsync("-o", "json");

        using var document = JsonDocument.Parse(outcome.Out);
        Assert.Equal("ada", document.RootElement.GetProperty("username").GetString());
        Assert.Equal("2026-11-24T05:00:00Z", document.RootElement.GetProperty("expiresAt").GetString());
        Assert.DoesNotContain(FakeServer.Jwt(_server.Origin), outcome.Out + outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_login_needs_no_server_and_an_overwritten_api_key_is_mentioned()
    {
        _terminal.SignIn(_server, StoredContext.ApiKey);
        _server.AllowLoginAfter();

        var outcome = await _terminal.RunAsync("auth", "login");

        Assert.Equal(0, outcome.Code);
        Assert.Contains("the API key that", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_without_any_server_says_what_to_do()
    {
        var outcome = await _terminal.RunAsync("auth", "login");

        Assert.Equal(2, outcome.Code);
        Assert.Contains("--server URL", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("ACTID_SERVER", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_over_plain_http_to_another_machine_is_refused()
    {
        var outcome = await _terminal.RunAsync("auth", "login", "--server", "http://id.example.org");

        Assert.Equal(2, outcome.Code);
        Assert.Contains("plain http", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_ends_a_waiting_login_with_130_and_keeps_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There is no SIGINT to send.");
        _server.AllowLoginAfter();
        _server.On("POST /connect/token", _ => Reply.OAuth("authorization_pending"));
        using var process = _terminal.Start("auth", "login", "--server", _server.Url);
        var line = "";
        while (line is not null && !line.StartsWith("Waiting", StringComparison.Ordinal))
            line = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
        using var kill = System.Diagnostics.Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await process.WaitForExitAsync(limit.Token);

        Assert.Equal(130, process.ExitCode);
        Assert.Empty(_terminal.Contexts.Names());
    }

    private Task<Outcome> LoginAsync(params string[] more) => _terminal.RunAsync(["auth", "login", "--server", _server.Url, .. more]);
}
