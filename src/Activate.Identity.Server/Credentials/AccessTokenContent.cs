using System.Buffers.Text;
using System.Text.Json;
using Activate.Identity.Core;
using Microsoft.IdentityModel.Tokens;

namespace Activate.Identity.Server.Credentials;

/// <summary>What an access token says.</summary>
/// <param name="Id">The token's own id (<c>jti</c>).</param>
/// <param name="Subject">The user's id, or the client's for an application that acts for itself.</param>
/// <param name="ClientId">The client it is issued to.</param>
/// <param name="Scopes">Space-separated.</param>
/// <param name="Audiences">Who may accept it.</param>
/// <param name="IssuedAt">UTC, whole seconds.</param>
/// <param name="ExpiresAt">UTC, whole seconds.</param>
/// <param name="OrganizationSlug">Of the owner; null for a server-wide application.</param>
public sealed record AccessTokenContent(
    Guid Id, string Subject, string ClientId, string Scopes, IReadOnlyList<string> Audiences, DateTime IssuedAt, DateTime ExpiresAt, string? OrganizationSlug)
{
    /// <summary>The grant it stands on (<c>sid</c>).</summary>
    public Guid? GrantId { get; init; }

    /// <summary>The API key it was exchanged for.</summary>
    public Guid? ApiKeyId { get; init; }

    /// <summary>It was exchanged for another credential, and is no more than a part of that.</summary>
    public bool Exchanged { get; init; }

    /// <summary><c>RS256</c>, or <c>ES256</c> for an application that asks for it.</summary>
    public string Algorithm { get; init; } = SecurityAlgorithms.RsaSha256;

    /// <summary>What a token says that is known to be ours; null when it lacks what each access token has.</summary>
    /// <param name="token">Proven by its signature, or written by us (<see cref="SignedTokens"/>).</param>
    public static AccessTokenContent? Read(string token)
    {
        var start = token.IndexOf('.', StringComparison.Ordinal) + 1;
        using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(token.AsSpan(start, token.LastIndexOf('.') - start)));
        var claims = document.RootElement;
        if (!TryGetId(claims, "jti", out var id) || id is null || !TryGetId(claims, ClaimNames.SessionId, out var grant) || !TryGetId(claims, ClaimNames.ApiKeyId, out var key)
            || Text(claims, "sub") is not { } subject || Text(claims, "client_id") is not { } client || Text(claims, "scope") is not { } scopes)
            return null;
        var audience = claims.GetProperty("aud");
        return new AccessTokenContent(id.Value, subject, client, scopes,
            audience.ValueKind == JsonValueKind.String ? [audience.GetString()!] : [.. audience.EnumerateArray().Select(one => one.GetString()!)],
            EpochTime.DateTime(claims.GetProperty("iat").GetInt64()), EpochTime.DateTime(claims.GetProperty("exp").GetInt64()), Text(claims, ClaimNames.Organization))
        {
            GrantId = grant,
            ApiKeyId = key,
            Exchanged = claims.TryGetProperty(ClaimNames.Exchanged, out _),
        };
    }

    private static string? Text(JsonElement claims, string name) => claims.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static bool TryGetId(JsonElement claims, string name, out Guid? id)
    {
        id = null;
        if (!claims.TryGetProperty(name, out var value))
            return true;
        if (!value.TryGetGuid(out var read))
            return false;
        id = read;
        return true;
    }
}
