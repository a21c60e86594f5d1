using Activate.Identity.Core.Tokens;
using Activate.Identity.Data.Accounts;
using Activate.Identity.Data.Tokens;

namespace Activate.Identity.Server.Connect;

/// <summary>What the token endpoint answers with. The tokens exist only on their way to the client.</summary>
/// <param name="Access">The access token.</param>
/// <param name="Scopes">Its scopes, space-separated.</param>
/// <param name="ExpiresAt">Its end.</param>
/// <param name="Refresh">The refresh token, for a grant that is renewed.</param>
public sealed record IssuedTokens(string Access, string Scopes, DateTime ExpiresAt, RefreshToken? Refresh = null)
{
    public override string ToString() => "issued tokens";
}

/// <summary>A grant and its owner (with organization), checked just now, and the tokens that stand on it.</summary>
public sealed record Standing(User Owner, TokenGrant Grant, IssuedTokens Tokens)
{
    /// <summary>What the application sent with its authorization request, for the ID token (OpenID Connect Core §2).</summary>
    public string? Nonce { get; init; }

    public override string ToString() => $"grant {Grant.Id}";
}
