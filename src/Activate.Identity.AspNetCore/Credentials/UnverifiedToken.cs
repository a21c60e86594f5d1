using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>
/// A look into a JWT that proves nothing: tokens of other issuers, and those that say themselves that they have ended, are refused without a request. Tokens of other
/// issuers are thereby not told to our server either.
/// </summary>
internal static class UnverifiedToken
{
    public static bool MayBeOurs(ReadOnlySpan<char> token, string issuer, DateTimeOffset now)
    {
        var start = token.IndexOf('.') + 1;
        var length = token[start..].IndexOf('.');
        if (start == 0 || length <= 0 || token[(start + length + 1)..].Contains('.'))
            return false;
        var bytes = ArrayPool<byte>.Shared.Rent(CredentialHash.LongestCredential);
        try
        {
            return Base64Url.DecodeFromChars(token.Slice(start, length), bytes, out _, out var written) == OperationStatus.Done && Says(bytes.AsSpan(0, written), issuer, now);
        }
        catch (JsonException)
        {
            return false;
        }
        // "Not this type" and text that is not UTF-8 inside a string.
        catch (InvalidOperationException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static bool Says(ReadOnlySpan<byte> payload, string issuer, DateTimeOffset now)
    {
        bool ours = false, living = false;
        var json = new Utf8JsonReader(payload);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isIssuer = json.ValueTextEquals("iss"u8);
            var isEnd = !isIssuer && json.ValueTextEquals("exp"u8);
            json.Read();
            if (isIssuer)
                ours = json.TokenType == JsonTokenType.String && json.ValueTextEquals(issuer);
            else if (isEnd)
                living = json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var end) && end > now.ToUnixTimeSeconds();
            else
                json.Skip();
        }

        return ours && living;
    }
}
