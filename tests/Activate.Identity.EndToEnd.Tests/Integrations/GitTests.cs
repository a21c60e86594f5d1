using System.Runtime.Versioning;
using Activate.Identity.Testing;

namespace Activate.Identity.EndToEnd.Tests.Integrations;

/// <summary>docs/integrations/git.md, as it stands there: the real git, behind the real Apache.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class GitTests(IntegrationsServer fixture) : IClassFixture<IntegrationsServer>, IDisposable
{
    private const string Document = "integrations/git.md";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("activate-git-");

    [Fact]
    public async Task A_key_or_token_reads_a_writers_key_writes_and_others_are_refused()
    {
        Apache.Require();
        Tools.Require("git", "/usr/bin/git");
        Tools.Require("git's http-backend", "/usr/lib/git-core/git-http-backend");
        var (id, secret) = await fixture.RegisterAsync("resourceServer", new { resources = new[] { fixture.Platform } });
        await using var apache = await Apache.StartAsync(new Dictionary<string, string> { ["secrets"] = $"Define API_SECRET {secret}\n", ["git/readme"] = "repositories" },
            own => Task.FromResult(fixture.Documented(Document, "## The server", ("019ab3c4-0c1e-7b3a-9f04-3c5de2a1b875", id), ("/etc/apache2/activate.secrets", $"{own.Folder}/secrets"), ("/srv/git", $"{own.Folder}/git"))));
        await Apache.RunAsAccountAsync("git", "init", "-q", "--bare", "--initial-branch=main", $"{apache.Folder}/git/model.git");
        var url = $"{apache.Origin}git/model.git";
        var (_, writer) = await fixture.AddMemberAsync("grace", "platform");
        var (_, reader) = await fixture.AddMemberAsync(null, "platform");
        var (_, without) = await fixture.AddMemberAsync("lovelace", "credentials:read");
        var work = Path.Combine(_folder.FullName, "work");

        // The writer's key is the username, and the password is empty.
        var (code, said) = await GitAsync("", writer.Key, "", "clone", "-q", url, work);
        Assert.True(code == 0, $"{said}{apache.ErrorLog}");
        await File.WriteAllTextAsync(Path.Combine(work, "model.txt"), "first");
        await CommitAsync(work);
        (code, said) = await GitAsync(work, writer.Key, "", "push", "-q", "origin", "HEAD:main");
        Assert.True(code == 0, $"{said}{apache.ErrorLog}");

        // A reader's key is the password; it reads, and does not write.
        var copy = Path.Combine(_folder.FullName, "copy");
        Assert.Equal((0, ""), await GitAsync("", "anybody", reader.Key, "clone", "-q", url, copy));
        Assert.Equal("first", await File.ReadAllTextAsync(Path.Combine(copy, "model.txt")));
        await File.WriteAllTextAsync(Path.Combine(copy, "model.txt"), "second");
        await CommitAsync(copy);
        (code, said) = await GitAsync(copy, "anybody", reader.Key, "push", "-q", "origin", "HEAD:main");
        Assert.NotEqual(0, code);
        Assert.Contains("403", said, StringComparison.Ordinal);

        // The sign-in of actid, by the documented helper.
        var token = await fixture.Server.LoginWithDeviceAsync(scope: "platform");
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "actid"), "#!/bin/sh\n[ \"$1 $2 $3\" = 'auth token --print' ] && echo \"$TEST_TOKEN\"\n");
        File.SetUnixFileMode(Path.Combine(_folder.FullName, "actid"), (UnixFileMode)0b111_101_101);
        var helper = Repository.CodeBlock(Document, "nothing kept by git").Replace("https://git.example.org", apache.Origin.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal);
        (string, string)[] home = [.. Surroundings, ("GIT_CONFIG_GLOBAL", $"{_folder.FullName}/gitconfig"), ("TEST_TOKEN", token), ("PATH", $"{_folder.FullName}:/usr/bin:/bin")];
        await Apache.RunAsync(home, "sh", "-c", helper);
        await Apache.RunAsync(home, "git", "clone", "-q", url, Path.Combine(_folder.FullName, "by-token"));

        // Without the scope, after its end, and without anything: nothing is read.
        await fixture.Server.PostFormAsync("/connect/revoke", [("token", reader.Key)]);
        var (_, ended) = await fixture.AddMemberAsync("hamilton", "platform");
        await fixture.Server.PostFormAsync("/connect/revoke", [("token", ended.Key)]);
        foreach (var (username, password) in new[] { (without.Key, ""), (ended.Key, ""), ("anybody", ended.Key), ("ada", TestServer.OwnerPassword), ("", "") })
        {
            (code, said) = await GitAsync("", username, password, "clone", "-q", url, Path.Combine(_folder.FullName, "none"));
            Assert.NotEqual(0, code);
            Assert.Contains("Authentication failed", said, StringComparison.Ordinal);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static (string, string)[] Surroundings => [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")];

    /// <summary>git, whose questions for username and password a program answers, as a dialog would.</summary>
    private async Task<(int Code, string Output)> GitAsync(string folder, string username, string password, params string[] arguments)
    {
        var dialog = Path.Combine(_folder.FullName, "dialog");
        await File.WriteAllTextAsync(dialog, "#!/bin/sh\ncase $1 in Username*) echo \"$TEST_USERNAME\" ;; *) echo \"$TEST_PASSWORD\" ;; esac\n");
        File.SetUnixFileMode(dialog, (UnixFileMode)0b111_101_101);
        var (code, output) = await Apache.TryAsync([.. Surroundings, ("GIT_ASKPASS", dialog), ("TEST_USERNAME", username), ("TEST_PASSWORD", password)], "",
            ["git", .. folder.Length > 0 ? ["-C", folder] : Array.Empty<string>(), .. arguments]);
        return (code, output.Replace("warning: You appear to have cloned an empty repository.\n", "", StringComparison.Ordinal));
    }

    private static Task<string> CommitAsync(string folder) =>
        Apache.RunAsync(Surroundings, "sh", "-c", $"cd '{folder}' && git add . && git -c user.name=test -c user.email=test@example.test commit -q -m change");
}
