using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Login;

public sealed class LogoutTests : IAsyncLifetime
{
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _server.On("POST /connect/revoke", _ => new Reply(200));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_session_is_revoked_at_the_server_and_forgotten()
    {
        _terminal.SignIn(_server);

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(0, outcome.Code);
        var revocation = _server.Seen.Single(seen => seen.Line == "POST /connect/revoke");
        Assert.Equal(("activate-cli", FakeServer.Jwt(_server.Origin)), (revocation.Form("client_id"), revocation.Form("token")));
        Assert.Empty(_terminal.Contexts.Names());
        Assert.Equal(3, (await _terminal.RunAsync("auth", "status")).Code);
    }

    [Fact]
    public async Task A_session_that_cannot_be_revoked_is_deleted_through_the_api()
    {
        _terminal.SignIn(_server);
        _server.On("POST /connect/revoke", _ => Reply.OAuth("invalid_client"));
        _server.On("DELETE /api/v1/sessions/0199aaaa-0000-7000-8000-000000000003", _ => new Reply(204));

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(0, outcome.Code);
        Assert.Equal("DELETE /api/v1/sessions/0199aaaa-0000-7000-8000-000000000003", _server.Lines.Last());
    }

    [Theory]
    [InlineData("activate-cli", "POST /connect/revoke")]
    [InlineData("pages", "DELETE /api/v1/tokens/0199aaaa-0000-7000-8000-000000000003")]
    public async Task A_generated_token_is_revoked_where_it_is_ours_and_deleted_where_not(string client, string last)
    {
        _terminal.SignIn(_server, StoredContext.Token, FakeServer.Jwt(_server.Origin, client));
        _server.On("DELETE /api/v1/tokens/0199aaaa-0000-7000-8000-000000000003", _ => new Reply(204));

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(0, outcome.Code);
        Assert.Equal(last, _server.Lines.Last());
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task An_api_key_is_only_forgotten_and_that_is_said()
    {
        _terminal.SignIn(_server, StoredContext.ApiKey);

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(0, outcome.Code);
        Assert.Empty(_server.Seen);
        Assert.Empty(_terminal.Contexts.Names());
        Assert.Contains("still works", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("actid api-key delete 0199aaaa-0000-7000-8000-000000000003", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_server_could_not_be_told_is_forgotten_here_and_is_exit_1()
    {
        _terminal.SignIn(_server);
        _server.On("POST /connect/revoke", _ => new Reply(500));
        _server.On("DELETE /api/v1/sessions/0199aaaa-0000-7000-8000-000000000003", _ => Reply.Problem(403, "insufficient_scope"));

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(1, outcome.Code);
        Assert.Empty(_terminal.Contexts.Names());
        Assert.Contains("could not be told", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("2026-11-24T05:00:00Z", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_gone_does_not_keep_anybody_signed_in_here()
    {
        _terminal.SignIn(_server);
        await _server.DisposeAsync();

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(1, outcome.Code);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task A_session_that_has_ended_is_just_forgotten()
    {
        _terminal.SignIn(_server, expires: Clock.Start.AddHours(-1));

        Assert.Equal(0, (await _terminal.RunAsync("auth", "logout")).Code);
        Assert.Empty(_server.Seen);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task A_context_that_was_pointed_elsewhere_sends_nothing_and_is_forgotten()
    {
        await using var other = await FakeServer.StartAsync();
        _terminal.SignIn(_server, credential: FakeServer.Jwt(other.Origin));

        var outcome = await _terminal.RunAsync("auth", "logout");

        Assert.Equal(1, outcome.Code);
        Assert.Empty(_server.Seen);
        Assert.Empty(other.Seen);
        Assert.Empty(_terminal.Contexts.Names());
    }

    [Fact]
    public async Task Logout_names_a_variable_that_stays_in_use()
    {
        _terminal.SignIn(_server);
        _terminal.Variables["ACTID_TOKEN"] = FakeServer.Jwt(_server.Origin);

        Assert.Contains("unset ACTID_TOKEN", (await _terminal.RunAsync("auth", "logout")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logout_without_a_sign_in_is_exit_3() => Assert.Equal(3, (await _terminal.RunAsync("auth", "logout")).Code);
}
