using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Activate.Identity.Core.SshKeys;
using BenchmarkDotNet.Attributes;

namespace Activate.Identity.Benchmarks.SshKeys;

/// <summary>What it costs to read a public key: when one is added, and once more in the helper before sshd sees the line. The measure is one SHA-256 of its blob, the fingerprint.</summary>
[MemoryDiagnoser]
public class SshPublicKeyBenchmarks
{
    private readonly byte[] _hash = new byte[SHA256.HashSizeInBytes];
    private byte[] _blob = [];
    private string _line = "";

    [Params("ssh-ed25519", "ssh-rsa 2048", "ssh-rsa 4096", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "off the curve")]
    public string Key { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _line = Key switch
        {
            // RFC 8032 §7.1, TEST 1.
            "ssh-ed25519" => Line("ssh-ed25519", Convert.FromHexString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")),
            "ssh-rsa 2048" => Rsa(2048),
            "ssh-rsa 4096" => Rsa(4096),
            "ecdsa-sha2-nistp256" => Ecdsa(ECCurve.NamedCurves.nistP256, "nistp256"),
            "ecdsa-sha2-nistp384" => Ecdsa(ECCurve.NamedCurves.nistP384, "nistp384"),
            "ecdsa-sha2-nistp521" => Ecdsa(ECCurve.NamedCurves.nistP521, "nistp521"),
            _ => Ecdsa(ECCurve.NamedCurves.nistP256, "nistp256", change: 1),
        };
        if (SshPublicKey.Parse(_line).TryGet(out _, out _) == (Key == "off the curve"))
            throw new InvalidOperationException($"{Key} is not what it should be.");
        _blob = Convert.FromBase64String(_line.Split(' ')[1]);
    }

    [Benchmark(Baseline = true, Description = "SHA-256 of the blob")]
    public int Sha256() => SHA256.HashData(_blob, _hash);

    [Benchmark(Description = "Parse")]
    public bool Parse() => SshPublicKey.Parse(_line).TryGet(out _, out _);

    private static string Rsa(int bits)
    {
        using var rsa = RSA.Create(bits);
        var key = rsa.ExportParameters(false);
        return Line("ssh-rsa", key.Exponent!, [0, .. key.Modulus!]);
    }

    private static string Ecdsa(ECCurve curve, string name, byte change = 0)
    {
        using var ecdsa = ECDsa.Create(curve);
        var point = ecdsa.ExportParameters(false).Q;
        point.Y![^1] ^= change;
        return Line($"ecdsa-sha2-{name}", Encoding.ASCII.GetBytes(name), [4, .. point.X!, .. point.Y]);
    }

    private static string Line(string type, params byte[][] fields)
    {
        using var blob = new MemoryStream();
        foreach (var field in (byte[][])[Encoding.ASCII.GetBytes(type), .. fields])
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, field.Length);
            blob.Write(length);
            blob.Write(field);
        }

        return $"{type} {Convert.ToBase64String(blob.ToArray())} ada@laptop";
    }
}
