using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Tests.Contexts;

/// <summary>Which credential goes where, and what is never sent.</summary>
public sealed class CredentialInUseTests : IAsyncLifetime
{
    private readonly Terminal _terminal = new();
    private FakeServer _one = null!;
    private FakeServer _two = null!;

    public async ValueTask InitializeAsync()
    {
        (_one, _two) = (await FakeServer.StartAsync(), await FakeServer.StartAsync());
        _terminal.SignIn(_two, name: "two");
        _terminal.SignIn(_one, name: "one");
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    /// <summary>"one" is current. What is asked where: 1 or 2, with the credential of the context (c), the key (k) or the token (t); or an exit code.</summary>
    [Theory]
    [InlineData("", "", "1c")]
    [InlineData("--context two", "", "2c")]
    [InlineData("", "ACTID_CONTEXT=two", "2c")]
    [InlineData("--context one", "ACTID_CONTEXT=two", "1c")]
    [InlineData("", "ACTID_API_KEY=key2", "2k")]
    [InlineData("", "ACTID_TOKEN=token2", "2t")]
    [InlineData("", "ACTID_TOKEN=token2 ACTID_CONTEXT=one", "2t")]
    [InlineData("--context one", "ACTID_TOKEN=token2", "1c")]
    [InlineData("--context one", "ACTID_API_KEY=key2", "1c")]
    [InlineData("--server one", "", "1c")]
    [InlineData("", "ACTID_SERVER=one", "1c")]
    [InlineData("--server two", "ACTID_API_KEY=key2", "2k")]
    [InlineData("--server two --context two", "ACTID_SERVER=one", "2c")]
    [InlineData("--server one", "ACTID_SERVER=two", "1c")]
    [InlineData("--context one", "ACTID_SERVER=two", "1c")]
    [InlineData("--server two", "", "exit 2")]
    [InlineData("", "ACTID_SERVER=two", "exit 2")]
    [InlineData("--server two --context one", "", "exit 2")]
    [InlineData("--server one", "ACTID_API_KEY=key2", "exit 2")]
    [InlineData("--server one", "ACTID_TOKEN=token2", "exit 2")]
    [InlineData("", "ACTID_SERVER=one ACTID_TOKEN=token2", "exit 2")]
    [InlineData("", "ACTID_SERVER=two ACTID_CONTEXT=one", "exit 2")]
    [InlineData("", "ACTID_API_KEY=key2 ACTID_TOKEN=token2", "exit 2")]
    [InlineData("--context one", "ACTID_API_KEY=key2 ACTID_TOKEN=token2", "exit 2")]
    [InlineData("--context three", "", "exit 3")]
    [InlineData("", "ACTID_CONTEXT=three", "exit 3")]
    public async Task An_option_beats_the_environment_beats_the_context(string options, string environment, string expected)
    {
        foreach (var pair in environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')))
            _terminal.Variables[pair[0]] = Value(pair[1], pair[0]);
        var words = options.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var args = words.Select((word, index) => index > 0 && words[index - 1] == "--server" ? Value(word, "ACTID_SERVER") : word);

        var outcome = await _terminal.RunAsync(["auth", "status", .. args]);

        var asked = _one.Seen.Select(seen => "1" + Kind(seen)).Concat(_two.Seen.Select(seen => "2" + Kind(seen))).ToList();
        Assert.Equal(expected, outcome.Code == 0 ? string.Join(' ', asked) : $"exit {outcome.Code}");
        if (outcome.Code != 0)
        {
            Assert.Empty(asked);
            Assert.Equal("", outcome.Out);
        }
    }

    [Fact]
    public async Task A_named_server_finds_the_context_that_is_kept_under_its_own_name()
    {
        _terminal.SignIn(_two);
        _terminal.Contexts.Current = "one";

        var outcome = await _terminal.RunAsync("auth", "status", "--server", _two.Url);

        Assert.Equal(0, outcome.Code);
        Assert.Empty(_one.Seen);
        Assert.Single(_two.Seen);
    }

    [Fact]
    public async Task A_context_file_that_was_pointed_at_another_server_sends_nothing()
    {
        var context = _terminal.Contexts.Read("one")!;
        _terminal.Contexts.Write("one", context with { Server = _two.Url });

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal(2, outcome.Code);
        Assert.Empty(_one.Seen);
        Assert.Empty(_two.Seen);
        Assert.DoesNotContain(context.Credential, outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://id.example.org")]
    [InlineData("http://192.0.2.7:5080")]
    [InlineData("http://localhost.example.org")]
    public async Task A_credential_for_a_server_on_plain_http_elsewhere_is_not_sent(string origin)
    {
        _terminal.Variables["ACTID_API_KEY"] = ApiKeySecret.Generate(new Uri(origin)).Reveal();

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal(2, outcome.Code);
        Assert.Contains("plain http", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://localhost:5080", true)]
    [InlineData("http://api.localhost:5080", false)]
    [InlineData("http://127.0.0.9", true)]
    [InlineData("http://[::1]:5080", true)]
    [InlineData("http://0.0.0.0", false)]
    [InlineData("http://127.0.0.1.example.org", false)]
    [InlineData("http://mylocalhost", false)]
    public void Loopback_is_this_machine_and_nothing_that_looks_like_it(string origin, bool expected) =>
        Assert.Equal(expected, Cli.Servers.ServerAddress.IsLoopback(new Uri(origin)));

    [Theory]
    [InlineData("id.example.org", "https://id.example.org")]
    [InlineData("HTTPS://ID.Example.org:443/", "https://id.example.org")]
    [InlineData("http://localhost:5080/", "http://localhost:5080")]
    [InlineData("https://bücher.example", "https://xn--bcher-kva.example")]
    [InlineData("https://id.example.org/realms", null)]
    [InlineData("https://ada@id.example.org", null)]
    [InlineData("https://id.example.org/?x", null)]
    [InlineData("ftp://id.example.org", null)]
    [InlineData("", null)]
    public void A_server_is_an_origin(string text, string? expected)
    {
        if (expected is null)
            Assert.Equal(2, Assert.Throws<Failure>(() => Cli.Servers.ServerAddress.Parse(text, "--server")).ExitCode);
        else
            Assert.Equal(expected, Cli.Servers.ServerAddress.Origin(Cli.Servers.ServerAddress.Parse(text, "--server")));
    }

    [Theory]
    [InlineData(StoredContext.Session)]
    [InlineData(StoredContext.Token)]
    [InlineData(StoredContext.ApiKey)]
    public async Task A_credential_that_has_ended_is_exit_3_and_not_sent(string kind)
    {
        _terminal.SignIn(_one, kind, expires: Clock.Start.AddMinutes(-5));

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal(3, outcome.Code);
        Assert.Contains("5 min ago, 2026-11-24T01:55:00Z", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_one.Seen);
    }

    [Fact]
    public async Task Redirects_are_not_followed()
    {
        _one.On("GET /api/v1/me", _ => new Reply(307) { Headers = { ["Location"] = $"{_two.Url}/api/v1/me" } });

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal(1, outcome.Code);
        Assert.Empty(_two.Seen);
    }

    private string Value(string word, string variable) => (variable, word) switch
    {
        ("ACTID_SERVER", "one") => _one.Url,
        ("ACTID_SERVER", "two") => _two.Url,
        (_, "key2") => _two.ApiKey,
        (_, "token2") => FakeServer.Jwt(_two.Origin, clientId: "pages"),
        _ => word,
    };

    private static string Kind(Seen seen) => seen.Authorization switch
    {
        { } header when header.StartsWith("Bearer pwt_", StringComparison.Ordinal) => "k",
        { } header when Cli.Servers.AccessToken.Read(header["Bearer ".Length..])?.ClientId == "pages" => "t",
        not null => "c",
        null => "-",
    };
}
