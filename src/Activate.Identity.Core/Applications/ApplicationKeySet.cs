using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Activate.Identity.Core.Credentials;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Applications;

/// <summary>
/// The public keys with which an application signs who it is (private_key_jwt, RFC 7523): a JWKS (RFC 7517) of RSA keys of 2048 bits and more and P-256 keys. A private
/// key that was sent by mistake is refused, never stored. What is stored is written anew, with the members that count.
/// </summary>
public static class ApplicationKeySet
{
    private const int LongestText = 32 * 1024;
    private const int MostKeys = 10;
    private const int LongestKeyId = 128;

    private static readonly string[] s_private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    private static readonly string[] s_rsaAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

    /// <param name="json">A JWKS, or one JWK.</param>
    /// <param name="field">The request field.</param>
    /// <returns>The key set in one line of JSON.</returns>
    public static Result<string> Parse(string json, string field = "jwks")
    {
        if (json.Length > LongestText)
            return Problems.Invalid(field, "jwks_invalid", "The key set is too long.");
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return Problems.Invalid(field, "jwks_invalid", "The keys are a JSON Web Key Set (RFC 7517): {\"keys\":[…]}.");
        }

        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return Problems.Invalid(field, "jwks_invalid", "The keys are a JSON Web Key Set (RFC 7517): {\"keys\":[…]}.");
            var keys = root.TryGetProperty("keys", out var listed) ? listed.ValueKind == JsonValueKind.Array ? [.. listed.EnumerateArray()] : [] : (List<JsonElement>)[root];
            if (keys.Count is 0 or > MostKeys)
                return Problems.Invalid(field, "jwks_invalid", $"A key set has 1 to {MostKeys} keys.");
            return Write(keys, field);
        }
    }

    private static Result<string> Write(List<JsonElement> keys, string field)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        var written = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(written))
        {
            json.WriteStartObject();
            json.WriteStartArray("keys");
            foreach (var key in keys)
            {
                if (Refusal(key, ids) is { } reason)
                    return Problems.Invalid(field, reason.Code, reason.Detail);
                json.WriteStartObject();
                foreach (var member in (string[])["kty", "crv", "x", "y", "n", "e", "kid", "alg"])
                {
                    if (Text(key, member) is { } value)
                        json.WriteString(member, value);
                }

                json.WriteString("use", "sig");
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(written.WrittenSpan);
    }

    private static (string Code, string Detail)? Refusal(JsonElement key, HashSet<string> ids)
    {
        if (key.ValueKind != JsonValueKind.Object)
            return ("jwks_invalid", "Each key is a JSON object (RFC 7517).");
        if (s_private.Any(member => key.TryGetProperty(member, out _)))
            return ("jwks_private", "That holds a PRIVATE key, which belongs to the application alone. It was not stored, but consider it lost: make a new pair, and send the public half.");
        if (key.TryGetProperty("use", out _) && Text(key, "use") != "sig")
            return ("jwks_invalid", "The keys are for signatures: 'use' is \"sig\" or left out.");
        if (key.TryGetProperty("kid", out _) && (Text(key, "kid") is not { Length: > 0 and <= LongestKeyId } id || !CredentialName.IsPrintable(id) || !ids.Add(id)))
            return ("jwks_invalid", $"Each 'kid' is a text of its own, with 1 to {LongestKeyId} printable characters.");
        string[] algorithms;
        switch (Text(key, "kty"))
        {
            case "RSA":
                if (Bytes(key, "n") is not { } modulus || Bytes(key, "e") is not { } exponent || modulus is [0, ..] or [] || exponent.Length is 0 or > 8 || (exponent[^1] & 1) == 0 || (modulus[^1] & 1) == 0)
                    return ("jwks_invalid", "An RSA key has 'n' and 'e' in base64url (RFC 7518 §6.3.1).");
                if (modulus.Length * 8 - byte.LeadingZeroCount(modulus[0]) is < 2048 or > 8192 || exponent is [1] or [3])
                    return ("jwks_weak", "An RSA key has 2048 to 8192 bits and an exponent such as 65537.");
                algorithms = s_rsaAlgorithms;
                break;
            case "EC":
                if (Text(key, "crv") != "P-256")
                    return ("jwks_invalid", "An EC key is on the curve P-256.");
                if (Bytes(key, "x") is not { Length: 32 } x || Bytes(key, "y") is not { Length: 32 } y || !IsOnCurve(x, y))
                    return ("jwks_invalid", "An EC key is a point of its curve: 'x' and 'y' of 32 bytes each, in base64url (RFC 7518 §6.2.1).");
                algorithms = ["ES256"];
                break;
            default:
                return ("jwks_invalid", "A key is of the type RSA (2048 bits and more) or EC (P-256).");
        }

        return key.TryGetProperty("alg", out _) && !algorithms.Contains(Text(key, "alg"))
            ? ("jwks_invalid", $"The 'alg' of the key is one of {string.Join(", ", algorithms)}, or left out.")
            : null;
    }

    private static bool IsOnCurve(byte[] x, byte[] y)
    {
        try
        {
            using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } });
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static string? Text(JsonElement key, string member)
    {
        if (!key.TryGetProperty(member, out var value) || value.ValueKind != JsonValueKind.String)
            return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: no text.
            return null;
        }
    }

    private static byte[]? Bytes(JsonElement key, string member)
    {
        // The decoder overlooks white space and padding; keys have neither.
        var bytes = new byte[1500];
        return Text(key, member) is { Length: < 1500 } text && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            && Base64Url.DecodeFromChars(text, bytes, out _, out var length) == OperationStatus.Done
            ? bytes[..length]
            : null;
    }
}
