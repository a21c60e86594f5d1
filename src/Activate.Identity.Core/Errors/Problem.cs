namespace Activate.Identity.Core.Errors;

/// <summary>What sort of refusal a problem is. The server renders each as one HTTP status, the CLI as one exit code.</summary>
public enum ProblemKind
{
    Invalid,
    Unauthenticated,
    Refused,
    NotFound,
    Conflict,
    Stale,
    /// <summary>The request must name the state that it changes (RFC 6585 §3).</summary>
    PreconditionRequired,
    TooLarge,
    TooMany,
    Unavailable,
    /// <summary>A fault of the server itself.</summary>
    Fault,
}

/// <summary>An expected refusal: a value, not an exception.</summary>
/// <param name="Kind">The sort of refusal.</param>
/// <param name="Code">Stable, snake_case; programs branch on it.</param>
/// <param name="Detail">For people: which rule, whose, and what to do. Never holds a secret or what the caller may not know.</param>
/// <param name="Field">The camelCase request field that is at fault, when there is one.</param>
public sealed record Problem(ProblemKind Kind, string Code, string Detail, string? Field = null)
{
    /// <summary>How long the caller should wait before trying again, for <see cref="ProblemKind.TooMany"/> and <see cref="ProblemKind.Unavailable"/>.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
