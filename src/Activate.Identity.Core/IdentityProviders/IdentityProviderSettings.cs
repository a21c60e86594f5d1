using Activate.Identity.Core.Organizations;

namespace Activate.Identity.Core.IdentityProviders;

/// <summary>What somebody wants a provider to be, not judged yet.</summary>
public sealed record IdentityProviderDraft(string? Name, string? Issuer, string? ClientId)
{
    public IReadOnlyList<string?>? Scopes { get; init; }
    public IReadOnlyList<string?>? AllowedDomains { get; init; }
    public bool TrustsEmail { get; init; }
    public string? RequiredClaim { get; init; }
    public string? RequiredValue { get; init; }
    public string? GroupsClaim { get; init; }
    /// <summary>Role by group.</summary>
    public IReadOnlyDictionary<string, string?>? Roles { get; init; }
    public bool TrustsMfa { get; init; }
    public IReadOnlyList<string?>? MfaContexts { get; init; }
    public int? PauseAfterDays { get; init; }
    public bool Enabled { get; init; } = true;
}

/// <summary>A provider's settings, which obey <see cref="IdentityProviderRules"/>.</summary>
/// <param name="Name">For people: what the button says.</param>
/// <param name="Issuer">As the provider writes it, byte for byte.</param>
/// <param name="ClientId">Ours, at the provider.</param>
public sealed record IdentityProviderSettings(string Name, string Issuer, string ClientId)
{
    public IReadOnlyList<string> Scopes { get; init; } = IdentityProviderRules.UsualScopes;
    /// <summary>Lower case, in ASCII; each exactly, without those below it.</summary>
    public IReadOnlyList<string> AllowedDomains { get; init; } = [];
    /// <summary>Addresses count as verified whatever the provider says of them.</summary>
    public bool TrustsEmail { get; init; }
    public string? RequiredClaim { get; init; }
    public string? RequiredValue { get; init; }
    public string? GroupsClaim { get; init; }
    /// <summary>Empty: roles are given here, as ever.</summary>
    public IReadOnlyDictionary<string, Role> Roles { get; init; } = new Dictionary<string, Role>();
    /// <summary>What the provider says of a second factor counts.</summary>
    public bool TrustsMfa { get; init; }
    /// <summary>Values of <c>acr</c> that mean two factors, besides <c>mfa</c> in <c>amr</c>.</summary>
    public IReadOnlyList<string> MfaContexts { get; init; } = [];
    /// <summary>Null: never.</summary>
    public int? PauseAfterDays { get; init; }
    public bool Enabled { get; init; } = true;
}
