using System.Text;
using QRCoder;

namespace Activate.Identity.Cli.Output;

/// <summary>
/// An address for the camera of a telephone: two modules a character, black on white whatever the colors of the terminal, because many cameras read no other. So where colors are not
/// wanted (NO_COLOR) or not understood (TERM=dumb) there is none.
/// </summary>
internal static class QrPicture
{
    private const string BlackOnWhite = "\e[38;5;16;48;5;231m";
    private const string AsBefore = "\e[0m";

    /// <summary>Longer ones make pictures that no screen and no camera takes.</summary>
    private const int LongestAddress = 200;

    /// <summary>Null: nobody would see it, or no telephone could open the page.</summary>
    public static string? Of(Uri page, Surroundings around, int width)
    {
        if (!around.ErrorIsTerminal || around.Setting("NO_COLOR") is not null || around.Setting("TERM") == "dumb" || page.IsLoopback || page.AbsoluteUri.Length > LongestAddress)
            return null;
        using var code = QRCodeGenerator.GenerateQrCode(page.AbsoluteUri, QRCodeGenerator.ECCLevel.L);
        var rows = code.ModuleMatrix;
        if (rows.Count > width)
            return null;
        var picture = new StringBuilder();
        for (var y = 0; y < rows.Count; y += 2)
        {
            picture.Append(BlackOnWhite);
            for (var x = 0; x < rows.Count; x++)
                picture.Append((rows[y][x], y + 1 < rows.Count && rows[y + 1][x]) switch { (true, true) => '█', (true, false) => '▀', (false, true) => '▄', _ => ' ' });
            picture.Append(AsBefore).Append('\n');
        }

        return picture.ToString();
    }
}
