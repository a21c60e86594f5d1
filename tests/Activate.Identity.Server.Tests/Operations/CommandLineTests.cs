using Activate.Identity.Server.Operations;

namespace Activate.Identity.Server.Tests.Operations;

public class CommandLineTests
{
    [Theory]
    [InlineData("", null, "", "")]
    [InlineData("migrate", "migrate", "", "")]
    [InlineData("--environment Development migrate", "migrate", "", "--environment Development")]
    [InlineData("backup /var/backups/a=b.db --Data:Folder=/x", "backup", "/var/backups/a=b.db", "--Data:Folder=/x")]
    [InlineData("Urls=http://localhost:1 restore --force file", "restore", "file", "Urls=http://localhost:1")]
    public void Words_are_the_command_and_its_operands_and_the_rest_is_settings(string line, string? command, string operands, string settings)
    {
        Assert.True(CommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).TryGet(out var parsed, out _));
        Assert.Equal((command, operands, settings), (parsed.Command, string.Join(' ', parsed.Operands), string.Join(' ', parsed.Settings)));
        Assert.Equal(line.Contains("--force", StringComparison.Ordinal), parsed.Force);
    }

    [Theory]
    [InlineData("serve-me", "There is no command 'serve-me'.")]
    [InlineData("Migrate", "There is no command 'Migrate'.")]
    [InlineData("backup", "backup takes one FILE.")]
    [InlineData("restore a b", "restore takes one FILE.")]
    [InlineData("doctor now", "doctor takes nothing more than settings.")]
    [InlineData("migrate --Urls", "--Urls has no value.")]
    public async Task A_line_that_means_nothing_is_wrong_usage_and_shows_what_there_is(string line, string says)
    {
        var answer = await CommandAnswer.RunAsync(line.Split(' '));
        Assert.Equal(2, answer.Code);
        Assert.StartsWith(says, answer.Error, StringComparison.Ordinal);
        Assert.Contains("rotate-keys", answer.Error, StringComparison.Ordinal);
        Assert.Empty(answer.Out);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("backup --help")]
    [InlineData("-h doctor")]
    public async Task Help_names_every_command_and_starts_nothing(string line)
    {
        var answer = await CommandAnswer.RunAsync(line.Split(' '));
        Assert.Equal(0, answer.Code);
        foreach (var command in (string[])["migrate", "rotate-keys", "backup FILE", "restore FILE", "doctor"])
            Assert.Contains(command, answer.Out, StringComparison.Ordinal);
    }
}
