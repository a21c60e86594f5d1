using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Cli.Tests.Harness;
using Activate.Identity.Core.Clusters;

namespace Activate.Identity.Cli.Tests.Hosts;

/// <summary>What a server sends as the bundle of all who may log in, with everything in it that a test may want otherwise.</summary>
internal sealed record SignedBundle
{
    public const string Path = "/api/v1/authorized-keys";

    public static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public required string Issuer { get; init; }
    public ECDsa Signer { get; init; } = Key;
    public string Cluster { get; init; } = "01993a54-2d3f-7d4c-9e26-5e7fa4c3da92";
    public DateTimeOffset IssuedAt { get; init; } = Clock.Start;
    public long Serial { get; init; } = 7;
    public string Type { get; init; } = BundleStatement.Type;
    public string? Statement { get; init; }
    public int Minutes { get; init; } = 10;
    public string Body { get; init; } = "";
    public string? Sent { get; init; }
    public string ETag { get; init; } = "\"7\"";
    public string MediaType { get; init; } = BundleLine.MediaType;
    public string KeyId { get; init; } = "k1";

    public static string Line(string username, params BundleKey[] keys)
    {
        var line = new ArrayBufferWriter<byte>();
        BundleLine.Write(line, username, keys);
        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    public static string KeySet()
    {
        var q = Key.ExportParameters(false).Q;
        return $$"""{"keys":[{"kty":"RSA","kid":"r"},{"kty":"EC","crv":"P-256","kid":"k1","x":"{{Base64Url.EncodeToString(q.X)}}","y":"{{Base64Url.EncodeToString(q.Y)}}"}]}""";
    }

    public Reply Answer(int status = 200) => new(status, status == 200 ? Sent ?? Body : "", MediaType) { Headers = { [BundleStatement.Header] = Statement ?? Sign(), ["ETag"] = ETag } };

    private string Sign()
    {
        var claims = new BundleStatement(Issuer, Cluster, "lab", IssuedAt.UtcDateTime, Serial, SHA256.HashData(Encoding.UTF8.GetBytes(Body)), TimeSpan.FromMinutes(Minutes)).ToClaims();
        var signed = $"{Encode($$"""{"alg":"ES256","kid":"{{KeyId}}","typ":"{{Type}}"}""")}.{Encode(JsonSerializer.Serialize(claims))}";
        return $"{signed}.{Base64Url.EncodeToString(Signer.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation))}";
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
