using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Activate.Identity.Core.Clusters;

/// <summary>
/// What the server says of a bundle, signed: a compact JWS (RFC 7515) in the header <c>Activate-Bundle-Statement</c> of an answer with the bundle, and of one that says that nothing
/// changed, which so gives the copy a new age.
/// <code>
/// {"alg":"ES256","kid":"…","typ":"bundle-statement+jwt"}
/// {"iss":"https://id.example.org/","sub":"CLUSTER-ID","organization":"hydrology-lab","iat":1795…,"serial":7,"sha256":"…","maximumAge":600}
/// </code>
/// A type of its own (RFC 8725 §3.11): no token can be taken for one, and it for no token.
/// </summary>
/// <param name="Issuer">The server.</param>
/// <param name="Cluster">The cluster's id.</param>
/// <param name="Organization">The organization's slug.</param>
/// <param name="IssuedAt">UTC, whole seconds.</param>
/// <param name="Serial">Counts up with each other content; a cluster takes none that is smaller than what it has.</param>
/// <param name="Hash">SHA-256 of the bundle.</param>
/// <param name="MaximumAge">For how long after <paramref name="IssuedAt"/> a copy may be used.</param>
public sealed record BundleStatement(string Issuer, string Cluster, string Organization, DateTime IssuedAt, long Serial, byte[] Hash, TimeSpan MaximumAge)
{
    public const string Header = "Activate-Bundle-Statement";

    public const string Type = "bundle-statement+jwt";

    public const string Algorithm = "ES256";

    /// <summary>Far longer than a statement, far shorter than what could cost anything.</summary>
    private const int Longest = 4096;

    /// <summary>Clocks differ; a statement from further ahead is from another time.</summary>
    private static readonly TimeSpan s_clockSkew = TimeSpan.FromMinutes(2);

    /// <summary>Whether the copy may be used now.</summary>
    public bool CountsAt(DateTime now) => IssuedAt <= now + s_clockSkew && now < IssuedAt + MaximumAge;

    public Dictionary<string, object> ToClaims() => new()
    {
        ["iss"] = Issuer,
        ["sub"] = Cluster,
        ["organization"] = Organization,
        ["iat"] = (long)(IssuedAt - DateTime.UnixEpoch).TotalSeconds,
        ["serial"] = Serial,
        ["sha256"] = Base64Url.EncodeToString(Hash),
        ["maximumAge"] = (long)MaximumAge.TotalSeconds,
    };

    /// <summary>The key that a statement names; null where it is no statement. Nothing is verified.</summary>
    public static string? KeyIdOf(string jws)
    {
        if (jws.Length > Longest || jws.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')) || jws.Split('.') is not [var header, _, _] || Decode(header) is not { } bytes)
            return null;
        return Text(bytes, json => json.GetProperty("alg").GetString() == Algorithm && json.GetProperty("typ").GetString() == Type ? json.GetProperty("kid").GetString() : null);
    }

    /// <summary>A statement that one of these keys has signed; null: it is none.</summary>
    /// <param name="jws">As it came.</param>
    /// <param name="keySet">RFC 7517 §5.</param>
    public static BundleStatement? Verify(string jws, string keySet)
    {
        if (KeyIdOf(jws) is not { } kid || jws.Split('.') is not [_, var body, var signature] || Decode(body) is not { } claims || Decode(signature) is not { } signed
            || KeyOf(keySet, kid) is not { } key)
            return null;
        using (key)
        {
            if (!key.VerifyData(Encoding.ASCII.GetBytes(jws[..jws.LastIndexOf('.')]), signed, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation))
                return null;
        }

        return Text(claims, json => new BundleStatement(json.GetProperty("iss").GetString()!, json.GetProperty("sub").GetString()!, json.GetProperty("organization").GetString()!,
            DateTime.UnixEpoch.AddSeconds(json.GetProperty("iat").GetInt64()), json.GetProperty("serial").GetInt64(), Decode(json.GetProperty("sha256").GetString()!) ?? [],
            TimeSpan.FromSeconds(json.GetProperty("maximumAge").GetInt64())));
    }

    public static bool Knows(string keySet, string kid)
    {
        using var key = KeyOf(keySet, kid);
        return key is not null;
    }

    private static ECDsa? KeyOf(string keySet, string kid) => Text(Encoding.UTF8.GetBytes(keySet), json =>
    {
        foreach (var key in json.GetProperty("keys").EnumerateArray())
        {
            if (key.TryGetProperty("kid", out var own) && own.GetString() == kid && key.GetProperty("kty").GetString() == "EC" && key.GetProperty("crv").GetString() == "P-256")
            {
                return ECDsa.Create(new ECParameters
                {
                    Curve = ECCurve.NamedCurves.nistP256,
                    Q = new ECPoint { X = Decode(key.GetProperty("x").GetString()!), Y = Decode(key.GetProperty("y").GetString()!) },
                });
            }
        }

        return null;
    });

    private static byte[]? Decode(string text) => Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : null;

    /// <summary>What came from outside may be anything.</summary>
    private static T? Text<T>(byte[] bytes, Func<JsonElement, T?> read) where T : class
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            return read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException or OverflowException or CryptographicException)
        {
            return null;
        }
    }
}
