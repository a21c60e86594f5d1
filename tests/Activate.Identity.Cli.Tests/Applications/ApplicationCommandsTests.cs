using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Applications;

/// <summary>app: what is sent, and what is shown where.</summary>
public sealed class ApplicationCommandsTests : IAsyncLifetime
{
    private const string Id = "0199aaaa-0000-7000-8000-00000000000a";
    private const string Path = "/api/v1/organization/applications";
    private const string Members = $$"""
        "id":"{{Id}}","clientId":"{{Id}}","name":"Portal","type":"web","publisher":null,"logoUri":null,"redirectUris":["https://p.test/cb","https://p.test/cb2"],"postLogoutRedirectUris":[],
        "grants":["authorization_code","urn:ietf:params:oauth:grant-type:token-exchange"],"scopes":["openid","platform"],"resources":[],"jwks":null,"signingAlgorithm":"RS256","suspended":false,
        "secretLast4":"7f3K","previousSecretEndsAt":null,"createdAt":"2026-11-01T00:00:00Z"
        """;
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        foreach (var path in (string[])[Path, "/api/v1/applications"])
        {
            _server.On($"GET {path}", _ => new Reply(200, $$"""{"items":[{ {{Members}} }],"next":null}"""));
            _server.On($"POST {path}", _ => new Reply(201, $$"""{ {{Members}},"clientSecret":"pws_new"}"""));
            _server.On($"GET {path}/{Id}", _ => new Reply(200, $$"""{ {{Members}} }"""));
            _server.On($"PATCH {path}/{Id}", _ => new Reply(200, $$"""{ {{Members}} }"""));
            _server.On($"POST {path}/{Id}/secret", _ => new Reply(200, $$"""{ {{Members.Replace("\"previousSecretEndsAt\":null", "\"previousSecretEndsAt\":\"2026-11-25T02:00:00Z\"", StringComparison.Ordinal)}},"clientSecret":"pws_rotated"}"""));
            _server.On($"DELETE {path}/{Id}", _ => new Reply(204));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("app create Portal --type web --redirect-uri https://p.test/cb --scope openid --scope platform", "POST", "", """{"name":"Portal","type":"web","redirectUris":["https://p.test/cb"],"scopes":["openid","platform"]}""")]
    [InlineData("app create Job --type service --scope platform --grant client_credentials --grant token_exchange --publisher Ex --logo-uri https://p.test/l.png --signing-algorithm ES256", "POST", "",
        """{"name":"Job","type":"service","publisher":"Ex","logoUri":"https://p.test/l.png","grants":["client_credentials","token_exchange"],"scopes":["platform"],"signingAlgorithm":"ES256"}""")]
    [InlineData("app create Api --type resourceServer --resource https://a.test --post-logout-redirect-uri https://a.test/bye", "POST", "",
        """{"name":"Api","type":"resourceServer","postLogoutRedirectUris":["https://a.test/bye"],"resources":["https://a.test"]}""")]
    [InlineData($"app update {Id} --name P2 --redirect-uri https://p.test/cb --redirect-uri https://p.test/cb2", "PATCH", $"/{Id}", """{"name":"P2","redirectUris":["https://p.test/cb","https://p.test/cb2"]}""")]
    [InlineData($"app update {Id} --no-jwks", "PATCH", $"/{Id}", """{"jwks":null}""")]
    [InlineData($"app suspend {Id}", "PATCH", $"/{Id}", """{"suspended":true}""")]
    [InlineData($"app resume {Id}", "PATCH", $"/{Id}", """{"suspended":false}""")]
    [InlineData($"app rotate-secret {Id}", "POST", $"/{Id}/secret", "{}")]
    [InlineData($"app rotate-secret {Id} --overlap-hours 0", "POST", $"/{Id}/secret", """{"overlapHours":0}""")]
    [InlineData($"app delete {Id}", "DELETE", $"/{Id}", "")]
    [InlineData($"app show {Id}", "GET", $"/{Id}", "")]
    public async Task The_request_says_what_was_typed_also_server_wide(string line, string method, string path, string body)
    {
        foreach (var (options, root) in (new[] { ("", Path), (" --server-wide", "/api/v1/applications") }))
        {
            var outcome = await _terminal.RunAsync((line + options).Split(' '));

            Assert.True(outcome.Code == 0, outcome.Error);
            Assert.Equal(($"{method} {root}{path}", body), (_server.Seen[^1].Line, _server.Seen[^1].Body));
        }
    }

    [Fact]
    public async Task An_empty_text_takes_away_what_was_there()
    {
        await _terminal.RunAsync("app", "update", Id, "--publisher", "", "--logo-uri", "");

        Assert.Equal("""{"publisher":null,"logoUri":null}""", _server.Seen.Single().Body);
    }

    [Theory]
    [InlineData("app create Portal --type web", "pws_new")]
    [InlineData($"app rotate-secret {Id}", "pws_rotated")]
    public async Task The_secret_alone_goes_to_stdout(string line, string secret)
    {
        var outcome = await _terminal.RunAsync(line.Split(' '));

        Assert.Equal(secret + Environment.NewLine, outcome.Out);
        Assert.Contains("cannot be shown again", outcome.Error, StringComparison.Ordinal);
        Assert.Contains($"client id is {Id}", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotate_says_until_when_the_old_one_works_and_fails_without_a_new_one()
    {
        Assert.Contains("2026-11-25T02:00:00Z", (await _terminal.RunAsync("app", "rotate-secret", Id)).Error, StringComparison.Ordinal);
        _server.On($"POST {Path}/{Id}/secret", _ => new Reply(200, $$"""{ {{Members}} }"""));
        var outcome = await _terminal.RunAsync("app", "rotate-secret", Id);
        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
    }

    [Fact]
    public async Task Where_there_is_no_secret_the_client_id_is_what_a_script_needs()
    {
        _server.On($"POST {Path}", _ => new Reply(201, $$"""{ {{Members}} }"""));

        var outcome = await _terminal.RunAsync("app", "create", "Tool", "--type", "native");

        Assert.Equal(Id + Environment.NewLine, outcome.Out);
        Assert.Contains("It has no secret.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_and_show_are_tables_and_json()
    {
        var list = await _terminal.RunAsync("app", "list");
        Assert.Matches($"^{Id} +Portal +web +openid platform +7f3K +active", list.Out.Split('\n')[1]);
        using var listed = JsonDocument.Parse((await _terminal.RunAsync("app", "list", "-o", "json")).Out);
        Assert.Equal("Portal", listed.RootElement.GetProperty("items")[0].GetProperty("name").GetString());

        var show = await _terminal.RunAsync("app", "show", Id);
        Assert.Matches("Grants +authorization_code token_exchange", show.Out);
        Assert.Matches("Redirect URI +https://p.test/cb\\s+Redirect URI +https://p.test/cb2", show.Out);
        Assert.Matches("Secret +…7f3K", show.Out);
        using var shown = JsonDocument.Parse((await _terminal.RunAsync("app", "show", Id, "-o", "json")).Out);
        Assert.Equal(Id, shown.RootElement.GetProperty("clientId").GetString());
    }

    [Theory]
    [InlineData("app create Portal")]
    [InlineData("app create Portal --type Web")]
    [InlineData("app create Portal --type web --signing-algorithm none")]
    [InlineData("app create Portal --type web --no-jwks")]
    [InlineData("app create Portal --type web --jwks /does/not/exist")]
    [InlineData($"app update {Id}")]
    [InlineData("app update ../x --name y")]
    [InlineData("app show ..")]
    [InlineData($"app rotate-secret {Id} --overlap-hours many")]
    public async Task What_makes_no_sense_is_wrong_usage_and_sends_nothing(string line)
    {
        var outcome = await _terminal.RunAsync(line.Split(' '));

        Assert.Equal(2, outcome.Code);
        Assert.Empty(_server.Seen);
    }

    [Fact]
    public async Task A_private_key_never_leaves_the_machine()
    {
        var file = System.IO.Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, """{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","d":"c2VjcmV0"}]}""");

            var outcome = await _terminal.RunAsync("app", "create", "Job", "--type", "service", "--scope", "platform", "--jwks", file);

            Assert.Equal(2, outcome.Code);
            Assert.Contains("PRIVATE key", outcome.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("c2VjcmV0", outcome.Error, StringComparison.Ordinal);
            Assert.Empty(_server.Seen);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Public_keys_are_sent_as_they_count()
    {
        var file = System.IO.Path.GetTempFileName();
        try
        {
            // RFC 7515, appendix A.3.
            const string Key = "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"";
            await File.WriteAllTextAsync(file, $"{{ {Key}, \"kid\": \"1\", \"x5t\": \"abc\" }}\n");

            var outcome = await _terminal.RunAsync("app", "update", Id, "--jwks", file);

            Assert.True(outcome.Code == 0, outcome.Error);
            Assert.Equal("{\"jwks\":{\"keys\":[{" + Key + ",\"kid\":\"1\",\"use\":\"sig\"}]}}", _server.Seen.Single().Body);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData(403, "insufficient_scope", 4)]
    [InlineData(403, "operator_required", 4)]
    [InlineData(400, "redirect_uri_invalid", 1)]
    [InlineData(409, "name_taken", 1)]
    [InlineData(401, "invalid_credential", 3)]
    public async Task A_refusal_is_the_servers_words_and_an_exit_code(int status, string code, int exit)
    {
        _server.On($"POST {Path}", _ => Reply.Problem(status, code, "The very rule."));

        var outcome = await _terminal.RunAsync("app", "create", "Portal", "--type", "web");

        Assert.Equal((exit, ""), (outcome.Code, outcome.Out));
        Assert.Contains("The very rule.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_cannot_drive_the_terminal()
    {
        _server.On($"GET {Path}/{Id}", _ => new Reply(200, $$"""{ {{Members.Replace("Portal", "\\u001b]0;x\\u0007Portal", StringComparison.Ordinal)}} }"""));

        Assert.DoesNotContain('\u001b', (await _terminal.RunAsync("app", "show", Id)).Out);
    }

    [Theory]
    [InlineData("actid app ", "rotate-secret")]
    [InlineData("actid app create x --type ", "resourceServer")]
    [InlineData("actid app create x --grant ", "token_exchange")]
    [InlineData("actid app create x --scope ", "offline_access")]
    [InlineData("actid app list --ser", "--server-wide")]
    public async Task The_shell_completes(string line, string word)
    {
        var outcome = await _terminal.RunAsync($"[suggest:{line.Length}]", line);

        Assert.Contains(word, outcome.Out.Split(Environment.NewLine));
    }

    [Theory]
    [InlineData("app")]
    [InlineData("app list")]
    [InlineData("app show")]
    [InlineData("app create")]
    [InlineData("app update")]
    [InlineData("app suspend")]
    [InlineData("app resume")]
    [InlineData("app rotate-secret")]
    [InlineData("app delete")]
    public async Task Every_command_has_help_with_examples(string command)
    {
        var outcome = await _terminal.RunAsync([.. command.Split(' '), "--help"]);

        Assert.Equal(0, outcome.Code);
        Assert.Contains("Examples:", outcome.Out, StringComparison.Ordinal);
    }
}
