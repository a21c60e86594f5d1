using System.Text.Json;
using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Tests.Login;

/// <summary>auth token, auth apikey, auth status.</summary>
public sealed class HandInTests : IAsyncLifetime
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
    public async Task An_api_key_from_stdin_finds_its_server_is_checked_there_and_kept()
    {
        _server.On("GET /api/v1/me", _ => new Reply(200, FakeServer.Me("apiKey", "")));
        _terminal.Input = _server.ApiKey + "\r\n";

        var outcome = await _terminal.RunAsync("auth", "apikey");

        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Equal($"Bearer {_server.ApiKey}", _server.Seen.Single().Authorization);
        var kept = _terminal.Contexts.Read(_server.ContextName)!;
        Assert.Equal((StoredContext.ApiKey, _server.ApiKey, null), (kept.Kind, kept.Credential, kept.ExpiresAt));
        Assert.Equal(_server.ContextName, _terminal.Contexts.Current);
        Assert.DoesNotContain(_server.ApiKey, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_from_the_hidden_prompt_is_kept_under_the_name_given()
    {
        using var terminal = new Terminal { IsTerminal = true, Hidden = FakeServer.Jwt(_server.Origin) };
        _server.On("GET /api/v1/me", _ => new Reply(200, FakeServer.Me("token")));

        var outcome = await terminal.RunAsync("auth", "token", "--context", "work");

        Assert.Equal(0, outcome.Code);
        Assert.Equal(StoredContext.Token, terminal.Contexts.Read("work")!.Kind);
        Assert.DoesNotContain(terminal.Hidden, outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apikey", "")]
    [InlineData("apikey", "not-a-key")]
    [InlineData("apikey", "TOKEN")]
    [InlineData("apikey", "MISTYPED")]
    [InlineData("apikey", "KEY\nKEY")]
    [InlineData("token", "KEY")]
    [InlineData("token", "opaque")]
    [InlineData("token", "a.b.c")]
    [InlineData("token", "TOKEN\u001b[0m")]
    public async Task What_cannot_be_right_is_refused_without_asking_the_server(string verb, string input)
    {
        var mistyped = _server.ApiKey[..^8] + "00000000";
        _terminal.Input = input.Replace("TOKEN", FakeServer.Jwt(_server.Origin), StringComparison.Ordinal).Replace("MISTYPED", mistyped, StringComparison.Ordinal)
            .Replace("KEY", _server.ApiKey, StringComparison.Ordinal);

        var outcome = await _terminal.RunAsync("auth", verb);

        Assert.Equal((2, ""), (outcome.Code, outcome.Out));
        Assert.Empty(_server.Seen);
        Assert.Empty(_terminal.Contexts.Names());
        if (input.Length > 10)
            Assert.DoesNotContain(_terminal.Input, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_of_another_server_than_the_one_named_is_not_sent()
    {
        _terminal.Input = ApiKeySecret.Generate(new Uri("https://id.example.org")).Reveal();

        var outcome = await _terminal.RunAsync("auth", "apikey", "--server", _server.Url);

        Assert.Equal(2, outcome.Code);
        Assert.Contains("https://id.example.org", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task A_key_that_the_server_refuses_is_not_kept()
    {
        _server.On("GET /api/v1/me", _ => Reply.Problem(401, "invalid_credential"));
        _terminal.Input = _server.ApiKey;

        var outcome = await _terminal.RunAsync("auth", "apikey");

        Assert.Equal(3, outcome.Code);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task Print_writes_the_token_alone_and_asks_nobody()
    {
        _terminal.SignIn(_server);

        var outcome = await _terminal.RunAsync("auth", "token", "--print");

        Assert.Equal(new Outcome(0, FakeServer.Jwt(_server.Origin) + Environment.NewLine, ""), outcome);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task Print_as_json_is_the_token_answer_of_RFC_6749()
    {
        _terminal.SignIn(_server);
        _terminal.Clock.Advance(TimeSpan.FromHours(1));

        var outcome = await _terminal.RunAsync("auth", "token", "--print", "-o", "json");

        using var document = JsonDocument.Parse(outcome.Out);
        Assert.Equal(["access_token", "token_type", "expires_in", "scope"], document.RootElement.EnumerateObject().Select(member => member.Name));
        Assert.Equal(FakeServer.Jwt(_server.Origin), document.RootElement.GetProperty("access_token").GetString());
        Assert.Equal("Bearer", document.RootElement.GetProperty("token_type").GetString());
        Assert.Equal(7200, document.RootElement.GetProperty("expires_in").GetInt32());
        Assert.Equal("openid platform", document.RootElement.GetProperty("scope").GetString());
    }

    [Fact]
    public async Task Print_takes_the_token_of_the_environment()
    {
        _terminal.Variables["ACTID_TOKEN"] = FakeServer.Jwt(_server.Origin, clientId: "pages");

        Assert.Equal(_terminal.Variables["ACTID_TOKEN"] + Environment.NewLine, (await _terminal.RunAsync("auth", "token", "--print")).Out);
    }

    [Fact]
    public async Task Print_has_nothing_to_print_where_an_api_key_is_kept()
    {
        _terminal.SignIn(_server, StoredContext.ApiKey);

        var outcome = await _terminal.RunAsync("auth", "token", "--print");

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.Contains("API key", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_shows_who_where_and_until_when()
    {
        _terminal.SignIn(_server);
        _terminal.Clock.Advance(TimeSpan.FromSeconds(1));

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        Assert.Contains("ada (Ada Byron)", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("hydrology-lab (Hydrology Lab)", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("owner, operator", outcome.Out, StringComparison.Ordinal);
        Assert.Contains(_server.Url, outcome.Out, StringComparison.Ordinal);
        Assert.Contains("device login 'login-node-07'", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("in 2 h 59 min, 2026-11-24T05:00:00Z", outcome.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_as_json_is_what_the_server_says_with_server_and_context()
    {
        _terminal.SignIn(_server);

        var outcome = await _terminal.RunAsync("auth", "status", "-o", "json");

        using var document = JsonDocument.Parse(outcome.Out);
        Assert.Equal(_server.Url, document.RootElement.GetProperty("server").GetString());
        Assert.Equal(_server.ContextName, document.RootElement.GetProperty("context").GetString());
        Assert.Equal("hydrology-lab", document.RootElement.GetProperty("organization").GetProperty("slug").GetString());
        Assert.Equal("2026-11-24T05:00:00Z", document.RootElement.GetProperty("credential").GetProperty("expiresAt").GetString());
    }

    [Fact]
    public async Task Status_is_exit_3_when_nobody_is_signed_in()
    {
        var outcome = await _terminal.RunAsync("auth", "status", "-o", "json");

        Assert.Equal((3, ""), (outcome.Code, outcome.Out));
        Assert.Contains("actid auth login", outcome.Error, StringComparison.Ordinal);
    }
}
