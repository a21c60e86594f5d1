using Activate.Identity.Cli.Output;
using Activate.Identity.Cli.Tests.Harness;
using QRCoder;

namespace Activate.Identity.Cli.Tests.Output;

public sealed class QrPictureTests
{
    private static readonly Uri s_page = new("https://id.example.org/device?user_code=WDJB-MJHT");

    [Fact]
    public void A_camera_sees_the_address_black_on_white_whatever_the_colors_of_the_terminal()
    {
        using var terminal = new Terminal { IsTerminal = true };
        var lines = terminal.Picture(s_page)!.TrimEnd('\n').Split('\n');

        Assert.All(lines, line => Assert.True(line.StartsWith("\e[38;5;16;48;5;231m", StringComparison.Ordinal) && line.EndsWith("\e[0m", StringComparison.Ordinal), line));
        // Read back, half a character at a time.
        var rows = lines.Select(line => line["\e[38;5;16;48;5;231m".Length..^4]).SelectMany(line => (string[])[new([.. line.Select(c => c is '█' or '▀' ? '#' : '.')]), new([.. line.Select(c => c is '█' or '▄' ? '#' : '.')])]).ToList();
        using var code = QRCodeGenerator.GenerateQrCode(s_page.AbsoluteUri, QRCodeGenerator.ECCLevel.L);
        Assert.Equal(code.ModuleMatrix.Select(row => new string([.. row.Cast<bool>().Select(dark => dark ? '#' : '.')])), rows.Take(code.ModuleMatrix.Count));
        // With the white margin that cameras want.
        Assert.All(rows.Take(4), row => Assert.DoesNotContain('#', row));
    }

    [Theory]
    [InlineData("NO_COLOR", "1")]
    [InlineData("TERM", "dumb")]
    public void Where_colors_are_not_wanted_there_is_no_picture(string variable, string value)
    {
        using var terminal = new Terminal { IsTerminal = true };
        terminal.Variables[variable] = value;

        Assert.Null(terminal.Picture(s_page));
    }

    [Fact]
    public void Nobody_gets_a_picture_they_cannot_use()
    {
        using var file = new Terminal();
        using var terminal = new Terminal { IsTerminal = true };

        Assert.Null(file.Picture(s_page));
        Assert.Null(terminal.Picture(s_page, width: 20));
        // A telephone does not reach it.
        Assert.Null(terminal.Picture(new Uri("http://localhost:5080/device")));
        Assert.Null(terminal.Picture(new Uri($"https://id.example.org/device?user_code={new string('A', 3000)}")));
    }
}
