namespace Activate.Identity.Core.Applications;

/// <summary>What somebody wants an application to be, not yet judged (<see cref="ApplicationRules"/>). Null: not said.</summary>
/// <param name="Name">1 to 64 printable characters.</param>
/// <param name="Type">A word of <see cref="ApplicationKinds"/>.</param>
public sealed record ApplicationDraft(string? Name, string? Type)
{
    public string? Publisher { get; init; }
    public string? LogoUri { get; init; }
    public IReadOnlyList<string?>? RedirectUris { get; init; }
    public IReadOnlyList<string?>? PostLogoutRedirectUris { get; init; }
    public IReadOnlyList<string?>? Grants { get; init; }
    public IReadOnlyList<string?>? Scopes { get; init; }
    public IReadOnlyList<string?>? Resources { get; init; }
    /// <summary>A JWKS.</summary>
    public string? KeySet { get; init; }
    public string? SigningAlgorithm { get; init; }
}

/// <summary>An application as the rules allow it. Lists hold nothing twice; texts that were not given are null.</summary>
public sealed record ApplicationSettings(
    ApplicationKind Kind, string Name, string? Publisher, string? LogoUri, IReadOnlyList<string> RedirectUris, IReadOnlyList<string> PostLogoutRedirectUris,
    IReadOnlyList<string> Grants, IReadOnlyList<string> Scopes, IReadOnlyList<string> Resources, string? KeySet, string SigningAlgorithm);
