using System.Security.Claims;
using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Audit;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// The person behind a browser session, read from the database for this very request: role, names and standing are those of now, not of the sign-in.
/// </summary>
/// <param name="UserId">The user.</param>
/// <param name="Username">The username.</param>
/// <param name="DisplayName">The name for people, when there is one.</param>
/// <param name="OrganizationId">The user's organization.</param>
/// <param name="OrganizationName">Its name for people.</param>
/// <param name="OrganizationSlug">Its name for programs.</param>
/// <param name="Role">The role in it.</param>
/// <param name="IsOperator">May administer the server itself.</param>
/// <param name="SessionId">The browser session's row.</param>
/// <param name="AuthenticatedAt">When the password was given, for what asks for a fresh sign-in.</param>
/// <param name="LockedOut">
/// Too many wrong passwords were tried at a device of the owner's, and the lock has not ended: a session may look around, but must not approve or create anything, for
/// somebody else may sit there. Strangers' wrong passwords lock no session.
/// </param>
public sealed record SignedIn(
    Guid UserId,
    string Username,
    string? DisplayName,
    Guid OrganizationId,
    string OrganizationName,
    string OrganizationSlug,
    Role Role,
    bool IsOperator,
    Guid SessionId,
    DateTime AuthenticatedAt,
    bool LockedOut)
{
    /// <summary>The authentication scheme of the pages; the default one.</summary>
    public const string Scheme = "SignedIn";

    /// <summary>Methods of RFC 8176, space-separated: <c>pwd</c>, <c>pwd otp mfa</c>, <c>pop user mfa</c> (<see cref="SecondFactors.AuthenticationMethods"/>).</summary>
    public string AuthenticationMethods { get; init; } = "pwd";

    /// <summary>The level of a sign-in (<c>acr</c>): <c>1</c> for one factor, <c>2</c> for two.</summary>
    public const string OneFactor = "1";
    public const string TwoFactors = "2";

    /// <summary>The level that methods of RFC 8176 amount to.</summary>
    public static string ContextOf(string methods) => methods.Split(' ').Contains("mfa") ? TwoFactors : OneFactor;

    public static SignedIn? From(HttpContext context) => From(context.User);

    /// <summary>Null when nobody is signed in, or the principal is not a browser session's (an API key's, a token's).</summary>
    public static SignedIn? From(ClaimsPrincipal principal) => principal.Identities.OfType<SignedInIdentity>().FirstOrDefault()?.SignedIn;

    /// <summary>The person on a page that only people who are signed in reach.</summary>
    public static SignedIn Required(HttpContext context) => From(context) ?? throw new InvalidOperationException("The page is for people who are signed in.");

    /// <summary>An older session may be a thief's: while the account is locked, nothing is made with it.</summary>
    public static readonly Problem AccountLocked = new(ProblemKind.Refused, "locked_out", "Your account is locked for a while after too many wrong passwords. Sign in again when it is over.");

    public AuditActor ToActor() => new(UserId, OrganizationId, SessionId);

    internal ClaimsPrincipal ToPrincipal() => new(new SignedInIdentity(this));
}

/// <summary>Carries the <see cref="SignedIn"/> itself; the two claims are what the framework looks for (antiforgery binds its tokens to <c>sub</c>).</summary>
internal sealed class SignedInIdentity(SignedIn signedIn) : ClaimsIdentity(
    [new Claim("sub", signedIn.UserId.ToString()), new Claim("preferred_username", signedIn.Username)], SignedIn.Scheme, "preferred_username", "role")
{
    public SignedIn SignedIn { get; } = signedIn;

    public override ClaimsIdentity Clone() => new SignedInIdentity(SignedIn);
}
