using System.Text;
using Activate.Identity.Core.ApiKeys;
using Microsoft.AspNetCore.Http;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>What the Authorization header of a request holds. A query string, a form or a cookie is never looked at for a credential (RFC 6750 §5.3).</summary>
internal static class RequestCredential
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    // A key of 512 characters and a colon, in base64.
    private const int LongestBasic = 1024;

    /// <summary>Reads the header.</summary>
    /// <param name="request">The request.</param>
    /// <param name="credential">The text of the token or key, not looked at any further; null unless the result is <see cref="Presented.One"/>.</param>
    public static Presented Read(HttpRequest request, out string? credential)
    {
        credential = null;
        var headers = request.Headers.Authorization;
        // Two places for one credential: which of them another reader of the request takes is anybody's guess.
        if (headers.Count > 1 || (headers.Count == 1 && request.QueryString.HasValue && request.Query.ContainsKey("access_token")))
            return Presented.Several;
        if (headers.Count == 0 || headers[0] is not { Length: > 0 } header)
            return Presented.None;
        if (header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            var value = header.AsSpan(Bearer.Length).Trim(' ');
            if (value.ContainsAny(' ', ','))
                return Presented.Several;
            if (value.IsEmpty)
                return Presented.None;
            credential = value.ToString();
            return Presented.One;
        }

        if (!header.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
            return Presented.None;
        var encoded = header.AsSpan(Basic.Length).Trim(' ');
        if (encoded.ContainsAny(' ', ','))
            return Presented.Several;
        credential = Username(encoded);
        return credential is null ? Presented.Wrong : Presented.One;
    }

    /// <summary>An API key in the user-id of RFC 7617, with an empty password: a password would be a second credential.</summary>
    private static string? Username(ReadOnlySpan<char> encoded)
    {
        Span<byte> bytes = stackalloc byte[LongestBasic];
        if (encoded.Length > LongestBasic || !Convert.TryFromBase64Chars(encoded, bytes, out var length))
            return null;
        var text = Encoding.UTF8.GetString(bytes[..length]);
        return text.EndsWith(':') && ApiKeySecret.LooksLikeKey(text) ? text[..^1] : null;
    }
}

/// <summary>How many credentials a request presents.</summary>
internal enum Presented
{
    None,
    One,
    /// <summary>Something that is not one of ours.</summary>
    Wrong,
    Several,
}
