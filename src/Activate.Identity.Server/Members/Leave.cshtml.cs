using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Members;

/// <summary>Somebody leaves the organization by themselves, soon after a sign-in: a browser that was left open must not be enough to delete an account.</summary>
[Authorize]
public sealed class LeavePage(MemberRegistry members, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    public void OnGet() => Access = Administration.Of(HttpContext, clock);

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        Access = Administration.Of(HttpContext, clock);
        if ((Access.Refusal ?? await members.RemoveAsync(Access.Person.ToActor(), Access.Person.UserId, cancellationToken)) is not { } problem || problem == Problems.NotFound)
            return this.SeeOther(SignInPage.Path);
        this.Show(problem, "");
        return Page();
    }
}
