using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Members;

public sealed class MemberCommandsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/organization/members";
    private const string Id = "0199aaaa-0000-7000-8000-0000000000aa";
    private const string Link = "http://localhost:5080/invitation?code=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    private const string Member = $$"""{"id":"{{Id}}","username":"grace","displayName":"Grace Hopper","email":"grace@example.test","role":"member","operator":false,"state":"invited","disabled":false,"createdAt":"2026-11-24T01:00:00Z","invitationExpiresAt":"2026-12-01T01:00:00Z"}""";
    private static readonly string s_invited = $"{Member[..^1]},\"invitationUrl\":\"{Link}\"}}";
    private readonly Terminal _terminal = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("people-").FullName;
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
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task List_shows_people_and_searches()
    {
        _server.On($"GET {Path}", seen => new Reply(200, $$"""{"items":[{{Member}}],"next":null}"""));
        var outcome = await _terminal.RunAsync("member", "list", "--search", "gr&ce");
        Assert.Equal(0, outcome.Code);
        Assert.Matches(@"ID\s+USERNAME\s+NAME\s+E-MAIL\s+ROLE\s+STATE\s+INVITED UNTIL", outcome.Out);
        Assert.Matches(@"grace\s+Grace Hopper\s+grace@example\.test\s+member\s+invited\s+.*2026-12-01", outcome.Out);
        var seen = Assert.Single(_server.Seen, seen => seen.Path == Path);
        Assert.Equal(("gr&ce", "200"), (seen.Parameter("search"), seen.Parameter("limit")));
        Assert.Equal(Id, JsonDocument.Parse((await _terminal.RunAsync("member", "list", "-o", "json")).Out).RootElement.GetProperty("items")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task The_link_alone_goes_to_stdout()
    {
        _server.On($"POST {Path}", _ => new Reply(201, s_invited));
        _server.On($"POST {Path}/{Id}/invitation", _ => new Reply(200, s_invited));
        var outcome = await _terminal.RunAsync("member", "invite", "grace", "grace@example.test", "--role", "admin", "--name", "Grace Hopper");
        Assert.Equal((0, Link), (outcome.Code, outcome.Out.TrimEnd()));
        Assert.DoesNotContain("code=", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("""{"username":"grace","email":"grace@example.test","role":"admin","displayName":"Grace Hopper"}""", _server.Seen[^1].Body);
        Assert.Equal(Link, (await _terminal.RunAsync("member", "new-link", Id)).Out.TrimEnd());
        Assert.Equal(2, (await _terminal.RunAsync("member", "invite", "grace", "grace@example.test", "--role", "king")).Code);
        Assert.Equal(2, (await _terminal.RunAsync("member", "new-link", "..")).Code);
        // An answer without a link is none.
        _server.On($"POST {Path}", _ => new Reply(201, Member));
        var refused = await _terminal.RunAsync("member", "invite", "grace", "grace@example.test");
        Assert.Equal((1, ""), (refused.Code, refused.Out));
    }

    [Theory]
    [InlineData("disable", "PATCH", "", """{"disabled":true}""")]
    [InlineData("enable", "PATCH", "", """{"disabled":false}""")]
    [InlineData("role", "PATCH", "", """{"role":"admin"}""", "admin")]
    [InlineData("revoke-credentials", "POST", "/revoke-credentials", "")]
    [InlineData("reset-second-factor", "POST", "/reset-second-factor", "")]
    [InlineData("remove", "DELETE", "", "")]
    public async Task Each_verb_does_one_call(string verb, string method, string suffix, string body, params string[] more)
    {
        _server.On($"{method} {Path}/{Id}{suffix}", _ => method == "DELETE" ? new Reply(204)
            : new Reply(200, verb == "revoke-credentials" ? """{"apiKeys":2,"tokens":0,"sessions":1,"sshKeys":3,"applications":0,"browserSessions":1}""" : Member));
        var outcome = await _terminal.RunAsync(["member", verb, Id, .. more]);
        Assert.Equal((0, ""), (outcome.Code, outcome.Out));
        Assert.Contains(verb == "revoke-credentials" ? "SSH keys 3" : Id, outcome.Error, StringComparison.Ordinal);
        Assert.Equal(body, _server.Seen[^1].Body);
        _server.On($"{method} {Path}/{Id}{suffix}", _ => Reply.Problem(403, "owner_required"));
        Assert.Equal(4, (await _terminal.RunAsync(["member", verb, Id, .. more])).Code);
    }

    [Fact]
    public async Task Import_sends_people_with_their_keys_in_batches_and_reports_each()
    {
        var bodies = new List<JsonElement>();
        _server.On($"POST {Path}/import", seen =>
        {
            var body = JsonDocument.Parse(seen.Body).RootElement;
            bodies.Add(body);
            return new Reply(200, JsonSerializer.Serialize(new
            {
                dryRun = body.GetProperty("dryRun").GetBoolean(),
                people = body.GetProperty("people").EnumerateArray().Select(person => new
                {
                    username = person.GetProperty("username").GetString(),
                    outcome = "invited",
                    invitationUrl = $"{Link}",
                    keys = person.GetProperty("authorizedKeys").GetString() is not null ? new[] { new { line = 2, outcome = "added", fingerprint = "SHA256:x" } } : [],
                }),
            }));
        });
        var csv = System.IO.Path.Combine(_folder, "people.csv");
        await File.WriteAllTextAsync(csv, "username,email\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"p{i},p{i}@example.test\n")));
        await File.WriteAllTextAsync(System.IO.Path.Combine(_folder, "p7.keys"), $"# mine\n{Key} laptop\n");
        var outcome = await _terminal.RunAsync("member", "import", csv, "--authorized-keys", System.IO.Path.Combine(_folder, "{username}.keys"));
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal([50, 10], bodies.Select(body => body.GetProperty("people").GetArrayLength()));
        Assert.Contains(Key, bodies[0].GetProperty("people")[7].GetProperty("authorizedKeys").GetString(), StringComparison.Ordinal);
        Assert.Matches(@"(?m)^9\s+p7\s+invited\s+http://", outcome.Out);
        Assert.Matches(@"(?m)^9\s+p7\s+key added\s+authorized_keys line 2 SHA256:x", outcome.Out);
        Assert.Contains("60 invited, 0 known already, 0 refused; 1 SSH keys added, 0 refused.", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("code=", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(60, JsonDocument.Parse((await _terminal.RunAsync("member", "import", csv, "--dry-run", "-o", "json")).Out).RootElement.GetProperty("people").GetArrayLength());
        Assert.True(bodies[^1].GetProperty("dryRun").GetBoolean());
    }

    [Fact]
    public async Task Import_fails_when_somebody_is_refused_and_reports_what_was_done_before_it_broke()
    {
        var csv = System.IO.Path.Combine(_folder, "people.csv");
        await File.WriteAllTextAsync(csv, "username,email\nroot,root@example.test\n");
        _server.On($"POST {Path}/import", _ => new Reply(200, """{"dryRun":false,"people":[{"username":"root","outcome":"refused","id":null,"code":"username_reserved","detail":"No.","keys":[]}]}"""));
        var outcome = await _terminal.RunAsync("member", "import", csv);
        Assert.Equal(1, outcome.Code);
        Assert.Matches(@"2\s+root\s+refused\s+No\. \(username_reserved\)", outcome.Out);

        await File.WriteAllTextAsync(csv, "username,email\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"p{i},p{i}@example.test\n")));
        var people = string.Join(',', Enumerable.Range(0, 50).Select(i => $$"""{"username":"p{{i}}","outcome":"invited","keys":[]}"""));
        _server.OnEach($"POST {Path}/import", new Reply(200, $$"""{"people":[{{people}}]}"""), Reply.Problem(403, "insufficient_scope"));
        outcome = await _terminal.RunAsync("member", "import", csv);
        Assert.Equal(4, outcome.Code);
        Assert.Contains("50 invited", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("p49", outcome.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_sends_nothing_of_a_file_that_it_does_not_understand_and_no_private_key()
    {
        var csv = System.IO.Path.Combine(_folder, "people.csv");
        await File.WriteAllTextAsync(csv, "grace;grace@example.test\n");
        Assert.Equal(2, (await _terminal.RunAsync("member", "import", csv)).Code);
        Assert.Equal(2, (await _terminal.RunAsync("member", "import", csv + ".none")).Code);
        await File.WriteAllTextAsync(csv, "username,email\ngrace,grace@example.test\n");
        Assert.Equal(2, (await _terminal.RunAsync("member", "import", csv, "--authorized-keys", "/nowhere/keys")).Code);
        await File.WriteAllTextAsync(System.IO.Path.Combine(_folder, "grace.keys"), "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n");
        var outcome = await _terminal.RunAsync("member", "import", csv, "--authorized-keys", System.IO.Path.Combine(_folder, "{username}.keys"));
        Assert.Equal(2, outcome.Code);
        Assert.Contains("PRIVATE key", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Lines, line => line.Contains("import", StringComparison.Ordinal));
    }
}
