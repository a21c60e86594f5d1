using Activate.Identity.Core.Errors;
using Activate.Identity.Core.Organizations;
using Activate.Identity.Data.Applications;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Web;

namespace Activate.Identity.Server.Applications;

/// <summary>
/// What a person at the pages may do with applications: administrators see and change their organization's, operators the server-wide ones, both only within ten
/// minutes after signing in (an application can be given away to strangers who ask everybody for everything).
/// </summary>
/// <param name="Person">Who is signed in.</param>
/// <param name="Now">UTC.</param>
public sealed record ApplicationAccess(SignedIn Person, DateTime Now)
{
    private static readonly Problem s_signInAgain = new(ProblemKind.Refused, "recent_sign_in_required",
        "Applications are changed only within 10 minutes after signing in. Sign in again; nothing was changed.");

    public bool IsAdmin => Person.Role >= Role.Admin;

    public bool IsOperator => Person.IsOperator;

    public bool SeesAny => IsAdmin || IsOperator;

    public bool MayChange => SeesAny && Refusal is null;

    /// <summary>Why this person may change nothing just now.</summary>
    public Problem? Refusal => Person.LockedOut ? SignedIn.AccountLocked : Person.AuthenticatedAt > Now - ScopeRequest.RecentSignIn ? null : s_signInAgain;

    public static ApplicationAccess Of(HttpContext context, TimeProvider clock) => new(SignedIn.Required(context), clock.Now());

    /// <summary>The applications that this person sees.</summary>
    public IQueryable<Application> Among(IQueryable<Application> applications)
    {
        var (isAdmin, isOperator, organization) = (IsAdmin, IsOperator, Person.OrganizationId);
        return applications.Where(a => (isOperator && a.OrganizationId == null) || (isAdmin && a.OrganizationId == organization));
    }
}
