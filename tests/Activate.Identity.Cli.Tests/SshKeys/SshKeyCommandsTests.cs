using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.SshKeys;

public sealed class SshKeyCommandsTests : IAsyncLifetime
{
    private const string Id = "0199aaaa-0000-7000-8000-00000000000a";
    // Made by ssh-keygen for this test; its private half is gone.
    internal const string Line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILkj7qbDpwyB2Gt2vKOp920WWE3rbNzBG4O+skl0IYJA ada@laptop";
    internal const string Item = $$"""{"id":"{{Id}}","name":"laptop","algorithm":"ssh-ed25519","fingerprint":"SHA256:abc","publicKey":"{{Line}}","createdAt":"2026-11-01T00:00:00Z","expiresAt":null,"expiresBecause":"default","lastUsedAt":null,"lastUsedFrom":null,"state":"active"}""";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        _terminal.SignIn(_server);
        _server.On("GET /api/v1/ssh-keys", _ => new Reply(200, $$"""{"items":[{{Item}}],"next":null}"""));
        _server.On("POST /api/v1/ssh-keys", _ => new Reply(201, Item));
        _server.On($"DELETE /api/v1/ssh-keys/{Id}", _ => new Reply(204));
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_list_shows_fingerprints_and_json_loses_no_member()
    {
        var table = await _terminal.RunAsync("ssh-key", "list");
        Assert.Equal(0, table.Code);
        Assert.Matches(@"ID\s+NAME\s+TYPE\s+FINGERPRINT\s+EXPIRES\s+LAST USED\s+STATE", table.Out);
        Assert.Matches(@"laptop\s+ssh-ed25519\s+SHA256:abc\s+never\s+not known\s+active", table.Out);
        var json = JsonDocument.Parse((await _terminal.RunAsync("ssh-key", "list", "-o", "json")).Out);
        Assert.Equal(Line, json.RootElement.GetProperty("items")[0].GetProperty("publicKey").GetString());
    }

    [Theory]
    [InlineData("ssh-key add laptop", "")]
    [InlineData("ssh-key add laptop --file -", "")]
    [InlineData("ssh-key add laptop --days 90", ",\"expiresInDays\":90")]
    public async Task A_key_from_stdin_is_sent_as_one_clean_line(string line, string more)
    {
        _terminal.Input = $"\n  {Line}\r\n";
        var outcome = await _terminal.RunAsync(line.Split(' '));
        Assert.Equal(0, outcome.Code);
        var sent = _server.Seen.Single(seen => seen.Method == "POST").Body;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse($$"""{"name":"laptop","publicKey":"{{Line}}"{{more}}}"""), JsonNode.Parse(sent)), sent);
        Assert.Contains("ssh -i PRIVATE-KEY USERNAME@ADDRESS", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(outcome.Out);
    }

    [Fact]
    public async Task A_key_from_a_file_is_sent_and_on_a_terminal_the_usual_one_is_found()
    {
        var home = Directory.CreateTempSubdirectory("home-");
        Directory.CreateDirectory(Path.Combine(home.FullName, ".ssh"));
        var file = Path.Combine(home.FullName, ".ssh", "id_ed25519.pub");
        await File.WriteAllTextAsync(file, Line + "\n", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await _terminal.RunAsync("ssh-key", "add", "laptop", "--file", file)).Code);

        using var person = new Terminal { IsTerminal = true };
        person.SignIn(_server);
        person.Variables["HOME"] = home.FullName;
        var outcome = await person.RunAsync("ssh-key", "add", "laptop");
        Assert.Equal(0, outcome.Code);
        Assert.Contains(file, outcome.Error, StringComparison.Ordinal);
        Assert.Equal(2, _server.Seen.Count(seen => seen.Method == "POST" && JsonNode.Parse(seen.Body)!["publicKey"]!.GetValue<string>() == Line));
        home.Delete(recursive: true);
    }

    [Fact]
    [Trait("Case", "S6")]
    public async Task A_private_key_never_leaves_the_machine_and_the_public_file_beside_it_is_named()
    {
        var folder = Directory.CreateTempSubdirectory("keys-");
        var file = Path.Combine(folder.FullName, "id_rsa");
        using var rsa = RSA.Create(2048);
        var pem = rsa.ExportRSAPrivateKeyPem();
        await File.WriteAllTextAsync(file, pem, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(file + ".pub", Line, TestContext.Current.CancellationToken);
        var outcome = await _terminal.RunAsync("ssh-key", "add", "laptop", "--file", file);
        Assert.Equal(2, outcome.Code);
        Assert.Contains("PRIVATE key", outcome.Error, StringComparison.Ordinal);
        Assert.Contains($"The public key is in {file}.pub.", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("Nothing was sent: it stays on this machine.", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(pem.Split('\n')[2], outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("", "public_key_required")]
    [InlineData("nonsense", "ssh_key_malformed")]
    [InlineData("command=\"x\" " + Line, "ssh_key_options")]
    [InlineData(Line + "\n" + Line, "ssh_key_several")]
    public async Task What_is_no_public_key_is_wrong_usage_and_nothing_is_sent(string text, string code)
    {
        _terminal.Input = text;
        var outcome = await _terminal.RunAsync("ssh-key", "add", "laptop");
        Assert.Equal(2, outcome.Code);
        Assert.Contains(code, outcome.Error, StringComparison.Ordinal);
        Assert.Empty(_server.Seen);
        Assert.Equal(2, (await _terminal.RunAsync("ssh-key", "add", "laptop", "--file", "/no/such/file")).Code);
        _terminal.Input = new string('x', 100_000);
        Assert.Equal(2, (await _terminal.RunAsync("ssh-key", "add", "laptop")).Code);
    }

    [Fact]
    public async Task A_refusal_by_policy_is_exit_code_4_and_a_key_is_deleted_by_its_id()
    {
        _server.On("POST /api/v1/ssh-keys", _ => Reply.Problem(403, "ssh_key_ended_by_policy"));
        _terminal.Input = Line;
        Assert.Equal(4, (await _terminal.RunAsync("ssh-key", "add", "laptop")).Code);
        Assert.Equal(0, (await _terminal.RunAsync("ssh-key", "delete", Id)).Code);
        Assert.Equal(2, (await _terminal.RunAsync("ssh-key", "delete", "..")).Code);
    }
}
