using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Activate.Identity.EndToEnd.Tests.Web;

/// <summary>Fresh lines of .pub files.</summary>
internal static class SshLines
{
    public static string New()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(false).Q;
        using var blob = new MemoryStream();
        foreach (var field in (byte[][])[Encoding.ASCII.GetBytes("ecdsa-sha2-nistp256"), Encoding.ASCII.GetBytes("nistp256"), [4, .. point.X!, .. point.Y!]])
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            blob.Write(length);
            blob.Write(field);
        }

        return $"ecdsa-sha2-nistp256 {Convert.ToBase64String(blob.ToArray())} ada@laptop";
    }
}
