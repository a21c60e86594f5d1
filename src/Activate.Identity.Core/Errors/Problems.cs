using Activate.Identity.Core.Expiration;

namespace Activate.Identity.Core.Errors;

/// <summary>The catalogue of refusals that several features share. One used by a single rule stands beside that rule.</summary>
public static class Problems
{
    public static Problem Invalid(string field, string code, string detail) => new(ProblemKind.Invalid, code, detail, field);

    public static readonly Problem NotFound = new(ProblemKind.NotFound, "not_found",
        "There is no such thing here, or it is not yours. List what you have and check the id.");

    public static readonly Problem InvalidCredential = new(ProblemKind.Unauthenticated, "invalid_credential",
        "The credential is unknown, malformed, expired or revoked. Sign in again, or use another key.");

    public static readonly Problem CredentialRequired = new(ProblemKind.Unauthenticated, "credential_required",
        "Send an access token or API key as 'Authorization: Bearer …', or an API key as Basic username with an empty password.");

    public static readonly Problem TwoCredentials = new(ProblemKind.Invalid, "two_credentials",
        "The request carries more than one credential. Send exactly one, in the Authorization header.");

    public static readonly Problem InteractiveSignInRequired = new(ProblemKind.Refused, "interactive_sign_in_required",
        "No key makes a key: this needs a person who signed in. Use the web pages, or 'actid auth login --manage'.");

    /// <summary>Not 401: the key counts, and a client that threw it away or asked for another would gain nothing. Which addresses are allowed is for its owner to know, not for whoever found it.</summary>
    public static readonly Problem AddressNotAllowed = new(ProblemKind.Refused, "address_not_allowed",
        "This API key is limited to certain addresses, and the request came from another one. Use it from where it is meant to be used, or ask its owner to change the list.");

    public static readonly Problem UserRequired = new(ProblemKind.Refused, "user_required",
        "The token belongs to an application, not to a user, and this API is about users' things. Use a token that a user gave the application.");

    public static readonly Problem Unavailable = new(ProblemKind.Unavailable, "temporarily_unavailable",
        "The database cannot be reached or written just now. Nothing was changed; try again shortly.") { RetryAfter = TimeSpan.FromSeconds(2) };

    public static Problem InsufficientScope(string scope) => new(ProblemKind.Refused, "insufficient_scope",
        $"The credential lacks the scope '{scope}'. Make one that has it, or sign in asking for it.");

    public static Problem NameTaken(string field, string what) => new(ProblemKind.Conflict, "name_taken",
        $"You already have {what} of that name. Choose another name, or delete the old one first.", field);

    public static Problem BeyondMaximum(string field, ExpirationLimits limits) => new(ProblemKind.Refused, "expiration_beyond_maximum",
        $"{limits.MaximumRule()}. Choose {limits.Text(limits.Maximum)} or less.", field);

    public static Problem ChoiceNotPermitted(string field, ExpirationLimits limits) => new(ProblemKind.Refused, "expiration_choice_not_permitted",
        $"{limits.NoChoice()} Leave the expiration out.", field);
}
