using System.Security.Cryptography;
using Activate.Identity.Core.SshKeys;

namespace Activate.Identity.Core.SshCertificates;

/// <summary>
/// A key that signs certificates: ECDSA on P-256 (RFC 5656), which every OpenSSH since 5.7 trusts, also where FIPS 140 rules, and which .NET has without a library.
/// </summary>
public static class SshAuthority
{
    private const string Algorithm = "ecdsa-sha2-nistp256";
    private const string Curve = "nistp256";
    private const int Half = 32;

    /// <summary>A new private key, PKCS#8.</summary>
    public static byte[] Generate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKey();
    }

    /// <summary>The key of PKCS#8; the caller disposes of it.</summary>
    public static ECDsa Read(ReadOnlySpan<byte> pkcs8)
    {
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        return key;
    }

    /// <summary>The public half as it stands in a file for <c>TrustedUserCAKeys</c>, or in a <c>.pub</c> file: also good for the key of a person.</summary>
    public static SshPublicKey PublicKey(ECDsa key) =>
        SshPublicKey.Parse($"{Algorithm} {Convert.ToBase64String(Blob(key))}").TryGet(out var parsed, out _) ? parsed : throw new CryptographicException("Not a key on P-256.");

    internal static ReadOnlySpan<byte> Blob(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return new SshWriter().Text(Algorithm).Text(Curve).Bytes([4, .. point.X!, .. point.Y!]).Written;
    }

    /// <summary>RFC 5656 §3.1.2.</summary>
    internal static ReadOnlySpan<byte> Sign(ECDsa key, ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<byte> signature = key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        return new SshWriter().Text(Algorithm).Bytes(new SshWriter().Positive(signature[..Half]).Positive(signature[Half..]).Written).Written;
    }
}
