using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Server.Tests.SshKeys;

/// <summary>Fresh public keys in OpenSSH's form, without ssh-keygen.</summary>
internal static class SshTestKeys
{
    public static string Ed25519(string comment = "ada@laptop")
    {
        // About every second number is the y of a point.
        while (true)
        {
            var line = Line("ssh-ed25519", comment, RandomNumberGenerator.GetBytes(32));
            if (SshPublicKey.Parse(line).Problem is not { Code: "ssh_key_malformed" })
                return line;
        }
    }

    public static string Rsa(int bits)
    {
        using var rsa = RSA.Create(bits);
        var key = rsa.ExportParameters(false);
        return Line("ssh-rsa", "rsa", key.Exponent!, [0, .. key.Modulus!]);
    }

    public static string Line(string type, string comment, params byte[][] fields)
    {
        using var blob = new MemoryStream();
        foreach (var field in (byte[][])[Encoding.ASCII.GetBytes(type), .. fields])
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            blob.Write(length);
            blob.Write(field);
        }

        return $"{type} {Convert.ToBase64String(blob.ToArray())}{(comment.Length > 0 ? " " : "")}{comment}";
    }

    public static string FingerprintOf(string line) => SshFingerprint.Of(SHA256.HashData(Convert.FromBase64String(line.Split(' ')[1])));
}
