using System.Globalization;
using System.Security.Claims;
using Activate.Identity.Core.ApiKeys;

namespace Activate.Identity.AspNetCore.Credentials;

/// <summary>What is known of a credential, from whichever source, on its way to the one form of principal.</summary>
internal sealed class PrincipalClaims(string kind, string issuer)
{
    public string? Subject { get; init; }
    public string? Username { get; init; }
    public string? ClientId { get; init; }
    public string? Organization { get; init; }
    public string? TokenId { get; init; }
    public string Scopes { get; init; } = "";
    public IReadOnlyList<string> Audiences { get; init; } = [];
    public long? IssuedAt { get; init; }
    public long? ExpiresAt { get; init; }
    public AllowedAddresses? AllowedAddresses { get; init; }

    /// <summary>Good for one of our audiences, while it lasts. An access token has an end; a key may have none.</summary>
    public Verdict ToVerdict(HashSet<string> ours, DateTimeOffset now, DateTimeOffset until)
    {
        if (Subject is null || TokenId is null || !Audiences.Any(ours.Contains) || (ExpiresAt is null && kind == ActivateIdentityClaims.AccessToken))
            return Verdict.RefusedUntil(until);
        if (ExpiresAt is not { } seconds || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            return Verdict.Good(ToIdentity(), until, AllowedAddresses);
        var end = DateTimeOffset.FromUnixTimeSeconds(Math.Max(seconds, 0));
        return end <= now ? Verdict.RefusedUntil(until) : Verdict.Good(ToIdentity(), end < until ? end : until, AllowedAddresses);
    }

    private ClaimsIdentity ToIdentity()
    {
        var identity = new ClaimsIdentity(ActivateIdentityDefaults.AuthenticationScheme, ActivateIdentityClaims.Username, "role");
        Add(ActivateIdentityClaims.Subject, Subject);
        Add(ActivateIdentityClaims.Username, Username);
        foreach (var scope in Core.Scopes.Split(Scopes))
            Add(ActivateIdentityClaims.Scope, scope);
        Add(ActivateIdentityClaims.ClientId, ClientId);
        Add(ActivateIdentityClaims.Organization, Organization);
        Add(ActivateIdentityClaims.CredentialKind, kind);
        Add(ActivateIdentityClaims.TokenId, TokenId);
        Add("iss", issuer);
        foreach (var audience in Audiences)
            Add("aud", audience);
        Add("iat", IssuedAt?.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64);
        Add("exp", ExpiresAt?.ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64);
        return identity;

        void Add(string type, string? value, string valueType = ClaimValueTypes.String)
        {
            if (!string.IsNullOrEmpty(value))
                identity.AddClaim(new Claim(type, value, valueType, issuer));
        }
    }
}
