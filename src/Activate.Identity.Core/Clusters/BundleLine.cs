using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Activate.Identity.Core.Clusters;

/// <param name="PublicKey"><c>type blob comment</c>.</param>
/// <param name="ExpiresAt">UTC; null: never.</param>
public readonly record struct BundleKey(string PublicKey, DateTime? ExpiresAt);

/// <summary>
/// One line of the bundle of all who may log in to a cluster (docs/decisions/0016): one Unix account, in the order of their names, byte by byte, so that the file as it was signed can be
/// searched by halving:
/// <code>
/// {"username":"ada","keys":[{"publicKey":"ssh-ed25519 AAAA… ada@laptop","expiresAt":null}]}
/// </code>
/// </summary>
public static class BundleLine
{
    public const string MediaType = "application/x-ndjson";

    /// <summary>Far more than a hundred of the longest keys; a longer line is none of ours.</summary>
    public const int Longest = 256 * 1024;

    private static readonly byte[] s_start = Encoding.ASCII.GetBytes("{\"username\":\"");

    // A '+' of base64 stays one: the line is no part of any page.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a line with its end.</summary>
    public static void Write(IBufferWriter<byte> to, string username, IEnumerable<BundleKey> keys)
    {
        using (var json = new Utf8JsonWriter(to, s_options))
        {
            json.WriteStartObject();
            json.WriteString("username", username);
            json.WriteStartArray("keys");
            foreach (var key in keys)
            {
                json.WriteStartObject();
                json.WriteString("publicKey", key.PublicKey);
                if (key.ExpiresAt is { } end)
                    json.WriteString("expiresAt", end);
                else
                    json.WriteNull("expiresAt");
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        to.Write("\n"u8);
    }

    /// <summary>The name that a line begins with; empty where it begins otherwise.</summary>
    public static ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> line)
    {
        if (!line.StartsWith(s_start))
            return [];
        var rest = line[s_start.Length..];
        return rest.IndexOf((byte)'"') is var end and > 0 ? rest[..end] : [];
    }

    /// <summary>Strict: another member, or one that is missing, makes it no line.</summary>
    /// <param name="line">Without its end.</param>
    /// <param name="username">The account.</param>
    /// <param name="keys">Its keys.</param>
    public static bool TryRead(ReadOnlyMemory<byte> line, [NotNullWhen(true)] out string? username, out List<BundleKey> keys)
    {
        (username, keys) = (null, []);
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || root.GetPropertyCount() != 2 || !root.TryGetProperty("username", out var name) || name.ValueKind != JsonValueKind.String
                || !root.TryGetProperty("keys", out var items) || items.ValueKind != JsonValueKind.Array)
                return false;
            foreach (var item in items.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.Object || item.GetPropertyCount() != 2 || !item.TryGetProperty("publicKey", out var key) || key.ValueKind != JsonValueKind.String
                    || !item.TryGetProperty("expiresAt", out var end))
                    return false;
                if (end.ValueKind == JsonValueKind.Null)
                    keys.Add(new BundleKey(key.GetString()!, null));
                else if (end.ValueKind == JsonValueKind.String && end.TryGetDateTime(out var time) && time.Kind == DateTimeKind.Utc)
                    keys.Add(new BundleKey(key.GetString()!, time));
                else
                    return false;
            }

            username = name.GetString()!;
            return true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
