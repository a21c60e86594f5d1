using Activate.Identity.Cli.Contexts;
using Activate.Identity.Cli.Tests.Harness;

namespace Activate.Identity.Cli.Tests.Contexts;

public sealed class ContextFolderTests : IDisposable
{
    private readonly Terminal _terminal = new();

    private string ContextsFolder => Path.Combine(_terminal.Folder, "contexts");

    public void Dispose() => _terminal.Dispose();

    [Fact]
    public void Folders_are_0700_and_files_0600_whatever_the_umask()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        Keep("id.example.org");
        _terminal.Contexts.Current = "id.example.org";

        Assert.All(new[] { _terminal.Folder, ContextsFolder }, folder => Assert.Equal("700", Mode(folder)));
        var files = Directory.GetFiles(_terminal.Folder, "*", SearchOption.AllDirectories);
        Assert.Equal(2, files.Length);
        Assert.All(files, file => Assert.Equal("600", Mode(file)));
    }

    [Fact]
    public async Task A_file_that_others_can_read_is_made_private_with_a_warning()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        Keep("work");
        var file = Path.Combine(ContextsFolder, "work.json");
        SetMode(file, 0b110_100_100);

        var outcome = await _terminal.RunAsync("context", "list");

        Assert.Equal(0, outcome.Code);
        Assert.Contains($"warning: {file} was open to others (mode 644)", outcome.Error, StringComparison.Ordinal);
        Assert.Equal("600", Mode(file));
    }

    [Fact]
    public void A_folder_that_others_can_enter_is_made_private()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        Directory.CreateDirectory(ContextsFolder);
        SetMode(ContextsFolder, 0b111_111_111);

        Keep("work");

        Assert.Equal("700", Mode(ContextsFolder));
    }

    [Theory]
    [InlineData("{ half")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"server":"nowhere","kind":"session","credential":"x"}""")]
    [InlineData("""{"server":"https://id.example.org","kind":"session"}""")]
    public async Task A_damaged_file_is_named_and_left_as_it_is(string text)
    {
        Keep("work");
        var file = Path.Combine(ContextsFolder, "work.json");
        await File.WriteAllTextAsync(file, text);
        _terminal.Contexts.Current = "work";

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal((1, ""), (outcome.Code, outcome.Out));
        Assert.Contains(file, outcome.Error, StringComparison.Ordinal);
        Assert.Throws<Failure>(() => Keep("work"));
        Assert.Equal(text, await File.ReadAllTextAsync(file));
    }

    [Fact]
    public async Task A_damaged_file_does_not_hide_the_other_contexts()
    {
        Keep("alpha");
        Keep("beta");
        await File.WriteAllTextAsync(Path.Combine(ContextsFolder, "alpha.json"), "?");

        var outcome = await _terminal.RunAsync("context", "list");

        Assert.Equal(1, outcome.Code);
        Assert.Contains("beta", outcome.Out, StringComparison.Ordinal);
        Assert.Contains("alpha.json", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_a_newer_version_is_not_guessed_at()
    {
        _terminal.Contexts.Write("work", Context("x") with { Version = 2 });

        var outcome = await _terminal.RunAsync("auth", "status", "--context", "work");

        Assert.Equal(1, outcome.Code);
        Assert.Contains("newer actid", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../../evil\n")]
    public async Task A_damaged_pointer_to_the_current_context_is_named(string text)
    {
        Keep("work");
        var file = Path.Combine(_terminal.Folder, "current");
        await File.WriteAllTextAsync(file, text);

        var outcome = await _terminal.RunAsync("auth", "status");

        Assert.Equal(1, outcome.Code);
        Assert.Contains(file, outcome.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await _terminal.RunAsync("context", "use", "work")).Code);
    }

    [Fact]
    public async Task A_reader_sees_the_old_text_or_the_new_and_never_half_of_one()
    {
        _terminal.Contexts.Write("work", Context(new string('a', 100_000)));
        using var stop = new CancellationTokenSource();
        var writer = Task.Run(() =>
        {
            for (var round = 0; !stop.IsCancellationRequested; round++)
                _terminal.Contexts.Write("work", Context(new string((char)('a' + round % 26), 100_000)));
        });

        for (var read = 0; read < 200; read++)
            Assert.Single(_terminal.Contexts.Read("work")!.Credential.Distinct());

        await stop.CancelAsync();
        await writer;
    }

    [Fact]
    public async Task Twenty_writers_at_once_lose_nothing()
    {
        await Task.WhenAll(Enumerable.Range(0, 20).Select(number => Task.Run(() =>
        {
            for (var round = 0; round < 10; round++)
                Keep($"context-{number}", $"credential-{number}-{round}");
            _terminal.Contexts.Current = $"context-{number}";
        })));

        Assert.Equal(20, _terminal.Contexts.Names().Count());
        Assert.All(Enumerable.Range(0, 20), number => Assert.Equal($"credential-{number}-9", _terminal.Contexts.Read($"context-{number}")!.Credential));
        Assert.StartsWith("context-", _terminal.Contexts.Current, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFiles(_terminal.Folder, ".*", SearchOption.AllDirectories), _ => true);
    }

    [Fact]
    public async Task Twenty_processes_that_keep_a_key_at_once_lose_nothing()
    {
        await using var server = await FakeServer.StartAsync();
        server.On("GET /api/v1/me", _ => new Reply(200, FakeServer.Me("apiKey", "")));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            using var process = _terminal.Start("auth", "apikey", "--context", $"context-{number}");
            await process.StandardInput.WriteLineAsync(server.ApiKey);
            process.StandardInput.Close();
            var error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, error);
        }));

        Assert.Equal(20, _terminal.Contexts.Names().Count());
        Assert.All(_terminal.Contexts.Names(), name => Assert.Equal(server.ApiKey, _terminal.Contexts.Read(name)!.Credential));
    }

    [Fact]
    public void Forgetting_a_credential_leaves_a_newer_one_of_the_same_name()
    {
        Keep("work", "newer");

        _terminal.Contexts.Forget("work", "older");
        Assert.Equal("newer", _terminal.Contexts.Read("work")!.Credential);

        _terminal.Contexts.Forget("work", "newer");
        Assert.Null(_terminal.Contexts.Read("work"));
        Assert.Empty(Directory.GetFiles(ContextsFolder));
    }

    [Fact]
    public void What_a_killed_process_left_behind_is_removed_after_an_hour()
    {
        Keep("work");
        var (old, fresh) = (Path.Combine(ContextsFolder, ".0123.tmp"), Path.Combine(ContextsFolder, ".4567.tmp"));
        File.WriteAllText(old, "secret");
        File.WriteAllText(fresh, "secret");
        File.SetLastWriteTimeUtc(old, Clock.Start.AddMinutes(-61).UtcDateTime);
        File.SetLastWriteTimeUtc(fresh, Clock.Start.AddMinutes(-1).UtcDateTime);

        Keep("other");

        Assert.False(File.Exists(old));
        Assert.True(File.Exists(fresh));
        Assert.Equal(["other", "work"], _terminal.Contexts.Names());
    }

    [Theory]
    [InlineData("127.0.0.1:5080", "127.0.0.1%3A5080.json")]
    [InlineData("[::1]:5080", "%5B%3A%3A1%5D%3A5080.json")]
    [InlineData("Work", "%57ork.json")]
    [InlineData("id.example.org", "id.example.org.json")]
    public void Every_name_has_a_file_that_all_systems_can_hold(string name, string file)
    {
        Keep(name);

        Assert.Equal([file], Directory.GetFiles(ContextsFolder).Select(path => Path.GetFileName(path)));
        Assert.Equal([name], _terminal.Contexts.Names());
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("-x")]
    [InlineData("")]
    public async Task A_name_that_is_a_path_is_wrong_usage(string name)
    {
        var outcome = await _terminal.RunAsync("context", "use", "--", name);

        Assert.Equal(2, outcome.Code);
    }

    [Theory]
    [InlineData("ACTID_CONFIG_DIR", "")]
    [InlineData("XDG_CONFIG_HOME", "actid")]
    [InlineData("HOME", ".config/actid")]
    public void The_folder_is_where_the_environment_says(string variable, string below)
    {
        _terminal.Variables.Remove("ACTID_CONFIG_DIR");
        _terminal.Variables[variable] = _terminal.Folder;

        Keep("work");

        Assert.True(File.Exists(Path.Combine(_terminal.Folder, below, "contexts", "work.json")));
    }

    [Fact]
    public async Task Use_and_list_show_what_is_kept_without_its_secret()
    {
        Keep("alpha", "very-secret");
        Keep("beta", "very-secret");

        Assert.Equal(0, (await _terminal.RunAsync("context", "use", "beta")).Code);
        var table = await _terminal.RunAsync("context", "list");
        var json = await _terminal.RunAsync("context", "list", "-o", "json");
        var unknown = await _terminal.RunAsync("context", "use", "gamma");

        Assert.Matches(@"(?m)^\* +beta +https://id\.example\.org +ada +API key +in 1 d, 2026-11-25T02:00:00Z", table.Out);
        Assert.DoesNotContain("very-secret", table.Out + json.Out, StringComparison.Ordinal);
        using var document = System.Text.Json.JsonDocument.Parse(json.Out);
        Assert.Equal([false, true], document.RootElement.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("current").GetBoolean()));
        Assert.Equal(1, unknown.Code);
        Assert.Equal("beta", _terminal.Contexts.Current);
    }

    private void Keep(string name, string credential = "secret") => _terminal.Contexts.Write(name, Context(credential));

    private static StoredContext Context(string credential) => new()
    {
        Server = "https://id.example.org",
        Kind = StoredContext.ApiKey,
        Credential = credential,
        Username = "ada",
        ExpiresAt = Clock.Start.AddDays(1),
    };

    private static void SetMode(string path, int mode)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)mode);
    }

    private static string Mode(string path) => OperatingSystem.IsWindows() ? "" : Convert.ToString((int)File.GetUnixFileMode(path), 8);
}
