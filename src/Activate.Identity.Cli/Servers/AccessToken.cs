using System.Buffers.Text;
using System.Text.Json;
using Activate.Identity.Core;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.Cli.Servers;

/// <summary>
/// What an access token says about itself. Nothing is verified: it decides where the token may be sent and what is shown, and somebody who forges one only
/// misleads himself.
/// </summary>
internal sealed record AccessToken(Uri? Server, DateTimeOffset? ExpiresAt, string? ClientId, string? Scope)
{
    /// <summary>The session or generated token that it belongs to.</summary>
    public string? SessionId { get; init; }

    public static AccessToken? Read(string text)
    {
        var parts = text.Split('.');
        if (parts.Length != 3 || !Base64Url.IsValid(parts[1]))
            return null;
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return null;
            var platform = Text(document.RootElement, ClaimNames.PlatformHost);
            var server = platform is not null && ApiKeySecret.TryGetOriginOfPlatform(platform, out var origin) ? origin : null;
            DateTimeOffset? end = document.RootElement.TryGetProperty("exp", out var exp) && exp.TryGetInt64(out var seconds)
                && seconds is > 0 and < 253_402_300_800 ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
            return new AccessToken(server, end, Text(document.RootElement, "client_id"), Text(document.RootElement, "scope")) { SessionId = Text(document.RootElement, ClaimNames.SessionId) };
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
