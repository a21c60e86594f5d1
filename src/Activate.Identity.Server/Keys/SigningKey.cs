using System.Security.Cryptography;
using Activate.Identity.Data.Keys;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Keys;

public enum SigningKeyState
{
    /// <summary>Published, so that everybody knows it when it begins to sign.</summary>
    Upcoming,
    /// <summary>Signs.</summary>
    Current,
    /// <summary>Signs no more; what it signed may still be verified.</summary>
    Retiring,
}

public static class SigningKeyStates
{
    /// <summary>The contract's word for it.</summary>
    public static string Word(this SigningKeyState state) => state switch
    {
        SigningKeyState.Upcoming => "upcoming",
        SigningKeyState.Current => "current",
        SigningKeyState.Retiring => "retiring",
    };
}

/// <summary>A key that signs access and ID tokens.</summary>
/// <param name="Id">Of its row.</param>
/// <param name="Algorithm">RFC 7518 §3.1.</param>
/// <param name="Generation">Counts from 1 within the algorithm.</param>
/// <param name="CreatedAt">When it was made, and published.</param>
/// <param name="SignsFrom">From when it signs.</param>
/// <param name="Credentials">The key itself; its <c>kid</c> is the thumbprint of RFC 7638, so that two keys never share one.</param>
public sealed record SigningKey(Guid Id, SigningAlgorithm Algorithm, int Generation, DateTime CreatedAt, DateTime SignsFrom, SigningCredentials Credentials)
{
    public string Kid => Credentials.Kid;

    /// <summary>From when nothing it signed lives any more, and it is no longer published; null: there is no key after it.</summary>
    public DateTime? RetiresAt { get; init; }

    public bool RetiredAt(DateTime now) => RetiresAt <= now;

    public override string ToString() => $"{Algorithm.Name} key {Kid}";
}

/// <summary>An algorithm that tokens are signed with.</summary>
/// <param name="Name">RFC 7518 §3.1.</param>
/// <param name="Use">The rows of its keys.</param>
/// <param name="Make">A new private key, PKCS#8.</param>
/// <param name="Read">The key of PKCS#8.</param>
public sealed record SigningAlgorithm(string Name, ServerKeyUse Use, Func<byte[]> Make, Func<byte[], AsymmetricSecurityKey> Read)
{
    /// <summary>Verified thousands of times for each signature, and quicker at that.</summary>
    public static readonly SigningAlgorithm Rs256 = new(SecurityAlgorithms.RsaSha256, ServerKeyUse.Signing, MakeRsa, ReadRsa);

    /// <summary>For applications that ask for it.</summary>
    public static readonly SigningAlgorithm Es256 = new(SecurityAlgorithms.EcdsaSha256, ServerKeyUse.SigningEs256, MakeEcdsa, ReadEcdsa);

    public static readonly IReadOnlyList<SigningAlgorithm> All = [Rs256, Es256];

    public override string ToString() => Name;

    private static byte[] MakeRsa()
    {
        using var rsa = RSA.Create(2048);
        return rsa.ExportPkcs8PrivateKey();
    }

    private static RsaSecurityKey ReadRsa(byte[] pkcs8)
    {
        var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(pkcs8, out _);
        return new RsaSecurityKey(rsa);
    }

    private static byte[] MakeEcdsa()
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return ecdsa.ExportPkcs8PrivateKey();
    }

    private static ECDsaSecurityKey ReadEcdsa(byte[] pkcs8)
    {
        var ecdsa = ECDsa.Create();
        ecdsa.ImportPkcs8PrivateKey(pkcs8, out _);
        return new ECDsaSecurityKey(ecdsa);
    }
}
