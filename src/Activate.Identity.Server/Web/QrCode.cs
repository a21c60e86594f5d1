using System.Globalization;
using System.Text;
using QRCoder;

namespace Activate.Identity.Server.Web;

/// <summary>A text for the camera of a telephone (Web/QrCode.cshtml).</summary>
/// <param name="Size">Modules on each side.</param>
/// <param name="Path">The dark ones, as one SVG path.</param>
/// <param name="Label">What it is, for those who cannot see it.</param>
public sealed record QrCode(int Size, string Path, string Label)
{
    public static QrCode Of(string text, string label)
    {
        using var code = QRCodeGenerator.GenerateQrCode(text, QRCodeGenerator.ECCLevel.M);
        var rows = code.ModuleMatrix;
        var path = new StringBuilder();
        for (var y = 0; y < rows.Count; y++)
        {
            for (var x = 0; x < rows.Count; x++)
            {
                var start = x;
                while (x < rows.Count && rows[y][x])
                    x++;
                if (x > start)
                    path.Append(CultureInfo.InvariantCulture, $"M{start} {y}h{x - start}v1h-{x - start}z");
            }
        }

        return new QrCode(rows.Count, path.ToString(), label);
    }

    /// <summary>It may hold a secret: not to be printed.</summary>
    public override string ToString() => Label;
}
