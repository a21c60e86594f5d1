using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Organizations;

/// <summary>What a person at the pages may do with people and organizations: administrators and operators, and only within ten minutes after signing in.</summary>
/// <param name="Person">Who is signed in.</param>
/// <param name="Now">UTC.</param>
public sealed record Administration(SignedIn Person, DateTime Now)
{
    private static readonly Problem s_signInAgain = new(ProblemKind.Refused, "recent_sign_in_required",
        "This is possible only within 10 minutes after signing in. Sign in again; nothing was changed.");

    public bool IsAdmin => Person.Role >= Role.Admin;

    public bool IsOwner => Person.Role == Role.Owner;

    /// <summary>Why this person may change nothing just now, whatever their role.</summary>
    public Problem? Refusal => Person.LockedOut ? SignedIn.AccountLocked : Person.AuthenticatedAt > Now - ScopeRequest.RecentSignIn ? null : s_signInAgain;

    public static Administration Of(HttpContext context, TimeProvider clock) => new(SignedIn.Required(context), clock.Now());
}
