using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.IdentityProviders;

/// <summary>identity-provider: what is sent, and what is shown where.</summary>
public sealed class IdentityProviderCommandsTests : IAsyncLifetime
{
    private const string Id = "0199aaaa-0000-7000-8000-00000000000a";
    private const string Path = "/api/v1/organization/identity-providers";
    private const string Item = $$"""
        { "id":"{{Id}}","name":"Uni","issuer":"https://login.test","clientId":"activate","hasClientSecret":true,"scopes":["openid","email"],"allowedDomains":["example.org"],"trustsEmail":false,
        "requiredClaim":{"name":"groups","value":"hpc"},"groupsClaim":"groups","roles":{"admins":"admin"},"trustsMfa":true,"mfaContexts":[],"pauseAfterDays":30,"enabled":true,
        "redirectUri":"https://id.test/sign-in/callback","signInUri":"https://id.test/sign-in/lab","people":7,"createdAt":"2026-11-01T00:00:00Z" }
        """;
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On($"GET {Path}", _ => new Reply(200, $$"""{"items":[{{Item}}],"next":null}"""));
        _server.On($"POST {Path}", _ => new Reply(201, Item));
        _server.On($"GET {Path}/{Id}", _ => new Reply(200, Item));
        _server.On($"PATCH {Path}/{Id}", _ => new Reply(200, Item));
        _server.On($"DELETE {Path}/{Id}", _ => new Reply(204));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("create Uni --issuer https://login.test --client-id activate", "POST", "", """{"name":"Uni","issuer":"https://login.test","clientId":"activate"}""")]
    [InlineData("create Uni --issuer https://login.test --client-id a --scope openid --scope groups --domain example.org --trust-email true --claim groups=a=b --groups-claim groups --role CN=x,O=y=admin --trust-mfa true --mfa-acr gold --pause-after-days 30",
        "POST", "",
        """{"name":"Uni","issuer":"https://login.test","clientId":"a","scopes":["openid","groups"],"allowedDomains":["example.org"],"trustsEmail":true,"requiredClaim":{"name":"groups","value":"a=b"},"groupsClaim":"groups","roles":{"CN=x,O=y":"admin"},"trustsMfa":true,"mfaContexts":["gold"],"pauseAfterDays":30}""")]
    [InlineData($"change {Id} --name Other --trust-mfa false --pause-after-days 0", "PATCH", $"/{Id}", """{"name":"Other","trustsMfa":false,"pauseAfterDays":null}""")]
    [InlineData($"change {Id} --disable", "PATCH", $"/{Id}", """{"enabled":false}""")]
    [InlineData($"change {Id} --enable", "PATCH", $"/{Id}", """{"enabled":true}""")]
    [InlineData($"delete {Id}", "DELETE", $"/{Id}", "")]
    [InlineData($"show {Id}", "GET", $"/{Id}", "")]
    public async Task The_request_says_what_was_typed(string line, string method, string path, string body)
    {
        var outcome = await _terminal.RunAsync(["identity-provider", .. line.Split(' ')]);

        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(($"{method} {Path}{path}", body), (_server.Seen[^1].Line, _server.Seen[^1].Body));
    }

    [Fact]
    public async Task An_empty_text_takes_away_what_was_there()
    {
        await _terminal.RunAsync("identity-provider", "change", Id, "--domain", "", "--claim", "", "--groups-claim", "", "--role", "");

        Assert.Equal("""{"allowedDomains":[],"requiredClaim":null,"groupsClaim":null,"roles":{}}""", _server.Seen.Single().Body);
    }

    [Fact]
    public async Task The_id_alone_goes_to_stdout_and_the_rest_says_what_to_do_there()
    {
        var outcome = await _terminal.RunAsync("identity-provider", "create", "Uni", "--issuer", "https://login.test", "--client-id", "activate");

        Assert.Equal(Id + Environment.NewLine, outcome.Out);
        Assert.Contains("https://id.test/sign-in/callback", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("https://id.test/sign-in/lab", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_secret_comes_from_a_file_and_is_shown_nowhere()
    {
        var file = System.IO.Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "s3cret of ours\n", TestContext.Current.CancellationToken);
            var outcome = await _terminal.RunAsync("identity-provider", "change", Id, "--client-secret-file", file);

            Assert.Equal("""{"clientSecret":"s3cret of ours"}""", _server.Seen.Single().Body);
            Assert.DoesNotContain("s3cret", outcome.Out + outcome.Error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task List_and_show_are_tables_and_json()
    {
        Assert.Matches($"^{Id} +Uni +https://login.test +7 +after 30 days +on", (await _terminal.RunAsync("identity-provider", "list")).Out.Split('\n')[1]);
        var show = (await _terminal.RunAsync("identity-provider", "show", Id)).Out;
        Assert.Matches("Required claim +groups=hpc", show);
        Assert.Matches("Role +admins=admin", show);
        using var shown = JsonDocument.Parse((await _terminal.RunAsync("identity-provider", "show", Id, "-o", "json")).Out);
        Assert.Equal(Id, shown.RootElement.GetProperty("id").GetString());
    }

    [Theory]
    [InlineData("true", 0)]
    [InlineData("false", 1)]
    public async Task A_check_fails_when_something_is_wrong(string good, int code)
    {
        _server.On($"POST {Path}/{Id}/check", _ => new Reply(200, $$"""{"good":{{good}},"findings":[{"good":true,"text":"It answers."},{"good":{{good}},"text":"Keys."}]}"""));
        var outcome = await _terminal.RunAsync("identity-provider", "check", Id);

        Assert.Equal(code, outcome.Code);
        Assert.Contains("good   It answers.", outcome.Out, StringComparison.Ordinal);
        Assert.Contains($"{(code == 0 ? "good " : "WRONG")}  Keys.", outcome.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("create Uni --issuer https://login.test")]
    [InlineData("create Uni --issuer https://login.test --client-id a --claim groups")]
    [InlineData("create Uni --issuer https://login.test --client-id a --role admins")]
    [InlineData("create Uni --issuer https://login.test --client-id a --client-secret-file /does/not/exist")]
    [InlineData($"change {Id}")]
    [InlineData($"change {Id} --enable --disable")]
    [InlineData($"change {Id} --pause-after-days soon")]
    [InlineData("show ..")]
    public async Task What_makes_no_sense_is_wrong_usage_and_sends_nothing(string line)
    {
        var outcome = await _terminal.RunAsync(["identity-provider", .. line.Split(' ')]);

        Assert.Equal(2, outcome.Code);
        Assert.Empty(_server.Seen);
    }
}
