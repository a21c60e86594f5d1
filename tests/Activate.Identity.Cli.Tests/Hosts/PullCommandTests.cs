using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Cli.Hosts;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Cli.Tests.SshKeys;
using Activate.Identity.Core.ApiKeys;
using Activate.Identity.Core.Clusters;

namespace Activate.Identity.Cli.Tests.Hosts;

/// <summary>The copy of who may log in: how it is taken, and when it counts.</summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class PullCommandTests : IAsyncLifetime
{
    private const string Line = SshKeyCommandsTests.Line;
    private const string LookUp = $"GET {SignedBundle.Path}/ada";
    private readonly Terminal _terminal = new();
    private FakeServer _server = null!;
    private SignedBundle _bundle = null!;

    private string Copy => Path.Combine(_terminal.Folder, "copy");

    public async ValueTask InitializeAsync()
    {
        _server = await FakeServer.StartAsync();
        WriteKey(_server.ApiKey);
        _server.On("GET /.well-known/jwks", _ => new Reply(200, SignedBundle.KeySet()));
        _bundle = new SignedBundle
        {
            Issuer = _server.Url + "/",
            Body = SignedBundle.Line("ada", new BundleKey(Line, null), new BundleKey(Line, Clock.Start.UtcDateTime.AddMinutes(5))) + SignedBundle.Line("bob", new BundleKey(Line, null)),
        };
        Send(_bundle);
    }

    public async ValueTask DisposeAsync()
    {
        _terminal.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [Trait("Case", "S13")]
    [Trait("Case", "S15")]
    [InlineData(500, true)]
    [InlineData(502, true)]
    [InlineData(503, true)]
    [InlineData(0, true)]
    [InlineData(200, true)]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    [InlineData(429, false)]
    public async Task A_copy_counts_only_where_the_server_cannot_answer_and_for_as_long_as_it_was_allowed(int status, bool counts)
    {
        Assert.Equal(0, (await PullAsync()).Code);
        _server.On(LookUp, _ => status == 0 ? new Reply(0) { Abort = true } : new Reply(status, "<html>It works!</html>", status == 200 ? "text/html" : "application/json"));
        var outcome = await LookUpAsync();
        Assert.Equal(counts ? (0, $"{Line}\n{Line}\n") : (outcome.Code, ""), (outcome.Code, outcome.Out));
        if (!counts)
        {
            Assert.NotEqual(0, outcome.Code);
            return;
        }

        Assert.Contains("The copy on this host was used.", outcome.Error, StringComparison.Ordinal);
        // What ended meanwhile is dropped; somebody who is not in it has no keys.
        _terminal.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal((0, $"{Line}\n"), Of(await LookUpAsync()));
        _server.On($"GET {SignedBundle.Path}/eve", _ => new Reply(500));
        Assert.Equal((0, ""), Of(await _terminal.RunAsync("authorized-keys", "--", "eve")));

        // Nothing changed: as good as new.
        Send(_bundle with { IssuedAt = _terminal.Clock.GetUtcNow() }, 304);
        Assert.Equal(0, (await PullAsync()).Code);
        Assert.Equal("\"7\"", _server.Seen[^1].IfNoneMatch);
        _terminal.Clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal((0, $"{Line}\n"), Of(await LookUpAsync()));
        _terminal.Clock.Advance(TimeSpan.FromMinutes(1));
        outcome = await LookUpAsync();
        Assert.Equal((1, ""), Of(outcome));
        Assert.Contains("may be used for 10 minutes only", outcome.Error, StringComparison.Ordinal);
        // A clock that was set back does not make it young again.
        _terminal.Clock.Advance(TimeSpan.FromMinutes(-25));
        Assert.Equal((1, ""), Of(await LookUpAsync()));
    }

    [Fact]
    [Trait("Case", "S13")]
    public async Task A_server_that_is_gone_leaves_the_copy_and_one_that_answers_is_believed()
    {
        Assert.Equal(0, (await PullAsync()).Code);
        _server.On(LookUp, _ => new Reply(200, """{"username":"ada","keys":[]}"""));
        Assert.Equal((0, ""), Of(await LookUpAsync()));
        await _server.DisposeAsync();
        Assert.Equal((0, $"{Line}\n{Line}\n"), Of(await LookUpAsync()));
        Assert.Equal(1, (await PullAsync()).Code);
        Assert.Equal((0, $"{Line}\n{Line}\n"), Of(await LookUpAsync()));
    }

    [Fact]
    public async Task What_is_forged_stale_or_not_whole_is_not_taken()
    {
        Assert.Equal(0, (await PullAsync()).Code);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var good = _bundle with { Serial = 8, ETag = "\"8\"", Body = SignedBundle.Line("ada", new BundleKey(Line, null)) };
        (string What, SignedBundle Bundle)[] wrong =
        [
            ("another signer", good with { Signer = other }), ("a key nobody knows", good with { KeyId = "k2" }), ("another type", good with { Type = "at+jwt" }), ("no statement", good with { Statement = "" }),
            ("nonsense", good with { Statement = "a.b.c" }), ("another server", good with { Issuer = "https://id.example.org/" }), ("another cluster", good with { Cluster = Guid.Empty.ToString() }),
            ("an earlier serial", good with { Serial = 6 }), ("an earlier time", good with { IssuedAt = Clock.Start.AddSeconds(-1) }), ("half of it", good with { Sent = good.Body[..^40] }),
            ("more than it", good with { Sent = good.Body + SignedBundle.Line("eve", new BundleKey(Line, null)) }), ("another order", good with { Body = SignedBundle.Line("bob") + SignedBundle.Line("ada") }),
            ("a name twice", good with { Body = good.Body + good.Body }), ("no username", good with { Body = SignedBundle.Line("../x") }),
            ("options", good with { Body = SignedBundle.Line("ada", new BundleKey($"command=\"id\" {Line}", null)) }), ("HTML", good with { Body = "<html></html>\n" }), ("another kind", good with { MediaType = "text/html" }),
        ];
        _server.On(LookUp, _ => new Reply(500));
        foreach (var (what, bundle) in wrong)
        {
            Send(bundle);
            var outcome = await PullAsync();
            Assert.True(outcome.Code == 1, $"{what}: {outcome}");
            Assert.True(Of(await LookUpAsync()) == (0, $"{Line}\n{Line}\n"), what);
            Assert.Equal(2, Directory.GetFiles(Copy).Length);
        }

        Send(good with { Serial = 6 }, 304);
        Assert.Equal(1, (await PullAsync()).Code);
        Send(good);
        Assert.Equal(0, (await PullAsync()).Code);
        Assert.Equal((0, $"{Line}\n"), Of(await LookUpAsync()));
        Assert.Equal(2, Directory.GetFiles(Copy).Length);
    }

    [Theory]
    [InlineData(401, "invalid_credential", 3, false)]
    [InlineData(403, "clusters_only", 4, false)]
    [InlineData(403, "copies_off", 0, false)]
    [InlineData(404, "not_found", 1, true)]
    [InlineData(500, "internal", 1, true)]
    [InlineData(503, "bundle_changing", 1, true)]
    public async Task Where_the_server_says_no_the_copy_is_removed_and_where_it_cannot_answer_it_stays(int status, string code, int exit, bool stays)
    {
        Assert.Equal(0, (await PullAsync()).Code);
        _server.On($"GET {SignedBundle.Path}", _ => Reply.Problem(status, code));
        Assert.Equal(exit, (await PullAsync()).Code);
        _server.On(LookUp, _ => new Reply(500));
        Assert.Equal(stays ? 0 : 1, (await LookUpAsync()).Code);
        Assert.Equal(stays, Directory.EnumerateFiles(Copy).Any());
    }

    [Fact]
    [Trait("Case", "S20")]
    public async Task A_copy_that_others_could_change_or_that_came_with_another_key_is_none()
    {
        Assert.Equal(0, (await PullAsync()).Code);
        _server.On(LookUp, _ => new Reply(500));
        Assert.Equal(0, (await LookUpAsync()).Code);
        Assert.All(Directory.GetFiles(Copy), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        foreach (var path in (string[])[Copy, .. Directory.GetFiles(Copy)])
        {
            var mode = File.GetUnixFileMode(path);
            File.SetUnixFileMode(path, mode | UnixFileMode.GroupWrite);
            Assert.Equal((1, ""), Of(await LookUpAsync()));
            File.SetUnixFileMode(path, mode);
        }

        Assert.Equal(0, (await LookUpAsync()).Code);
        var bundle = Directory.GetFiles(Copy, "bundle-*").Single();
        await File.WriteAllTextAsync(bundle, (await File.ReadAllTextAsync(bundle))[..^30]);
        Assert.Equal((1, ""), Of(await LookUpAsync()));
        await File.WriteAllTextAsync(bundle, (await File.ReadAllTextAsync(bundle)).Replace("ssh-", "command=\\\"x\\\" ssh-", StringComparison.Ordinal));
        Assert.Equal((1, ""), Of(await LookUpAsync()));
        Assert.Equal(0, (await PullAsync()).Code);

        WriteKey(ApiKeySecret.From(_server.Origin, new string('z', 43)).Reveal());
        Assert.Equal((1, ""), Of(await LookUpAsync()));
    }

    [Fact]
    public void A_line_is_found_by_halving_wherever_it_is_and_however_long_others_are()
    {
        var names = Enumerable.Range(0, 3000).Select(i => $"u{i * 7919 % 100_003}").Distinct().Order(StringComparer.Ordinal).ToList();
        var file = Path.Combine(_terminal.Folder, "bundle");
        Directory.CreateDirectory(_terminal.Folder);
        using (var writer = new StreamWriter(file, append: false, new UTF8Encoding(false)))
        {
            for (var i = 0; i < names.Count; i++)
                writer.Write(SignedBundle.Line(names[i], [.. Enumerable.Repeat(new BundleKey(Line, null), i % 97 == 0 ? 90 : i % 4)]));
        }

        foreach (var name in names)
            Assert.Equal(name, BundleLine.TryRead(BundleCopy.Find(file, name), out var found, out _) ? found : null);
        foreach (var nobody in (string[])["a", "u", "u0x", "u100003", "zzz", "u5-"])
            Assert.Null(BundleCopy.Find(file, nobody));
        File.WriteAllText(file, "");
        Assert.Null(BundleCopy.Find(file, "ada"));
    }

    private void Send(SignedBundle bundle, int status = 200) => _server.On($"GET {SignedBundle.Path}", _ => bundle.Answer(status));

    private Task<Outcome> PullAsync() => _terminal.RunAsync("cluster", "pull");

    private Task<Outcome> LookUpAsync() => _terminal.RunAsync("authorized-keys", "--", "ada");

    private static (int, string) Of(Outcome outcome) => (outcome.Code, outcome.Out);

    private void WriteKey(string key)
    {
        Directory.CreateDirectory(_terminal.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var file = Path.Combine(_terminal.Folder, "cluster-key");
        File.WriteAllText(file, key + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
