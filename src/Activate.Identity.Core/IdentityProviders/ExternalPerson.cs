namespace Activate.Identity.Core.IdentityProviders;

/// <summary>Whom a provider says somebody is, after its answer was proven to be its own.</summary>
/// <param name="Subject">The one name of theirs that never changes, and means something at this provider only (<c>sub</c>).</param>
public sealed record ExternalPerson(string Subject)
{
    public string? Email { get; init; }
    /// <summary>As the same answer says it that has the address.</summary>
    public bool EmailVerified { get; init; }
    public string? PreferredUsername { get; init; }
    public string? Name { get; init; }
    /// <summary>Every claim with its values: an array is several.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Claims { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
    /// <summary>When the provider asked for proof (<c>auth_time</c>); null: it does not say.</summary>
    public DateTime? AuthenticatedAt { get; init; }
    /// <summary><c>amr</c>.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [];
    /// <summary><c>acr</c>.</summary>
    public string? Context { get; init; }

    public IReadOnlyList<string> Values(string claim) => Claims.TryGetValue(claim, out var values) ? values : [];

    /// <summary>Who somebody is belongs into no log.</summary>
    public override string ToString() => nameof(ExternalPerson);
}
