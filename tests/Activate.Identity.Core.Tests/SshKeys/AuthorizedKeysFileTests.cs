using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.Tests.SshKeys;

public class AuthorizedKeysFileTests
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    [Fact]
    public void Blank_lines_and_comments_are_passed_over_and_each_other_line_is_judged_alone()
    {
        var lines = AuthorizedKeysFile.Parse($"# laptop\r\n{Key} grace@laptop\r\n\r\n  \t\n   # old\nfrom=\"10.0.0.0/8\" {Key} x\nnonsense\n");
        Assert.Equal([2, 6, 7], lines.Select(line => line.Line));
        Assert.True(lines[0].Key.TryGet(out var key, out _));
        Assert.Equal("grace@laptop", key.Comment);
        Assert.Equal("ssh_key_options", lines[1].Key.Problem?.Code);
        Assert.All(lines.Skip(1), line => Assert.Equal("authorizedKeys", line.Key.Problem?.Field));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("# nothing\n")]
    public void A_file_may_hold_nothing(string text) => Assert.Empty(AuthorizedKeysFile.Parse(text));

    [Fact]
    public void A_private_key_is_called_one() =>
        Assert.Contains(AuthorizedKeysFile.Parse("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n"), line => line.Key.Problem?.Code == "ssh_private_key");
}
