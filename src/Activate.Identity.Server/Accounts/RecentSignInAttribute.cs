using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// For pages that add what gives access to the account: somebody who signed in days ago proves again who they are, before they see the form and before it is worked
/// on (ASVS 7.5.1). A day, as long as the longest device login, which may make keys as well: no way to a credential stands open longer than another.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RecentSignInAttribute : Attribute, IPageFilter
{
    private static readonly TimeSpan s_recent = TimeSpan.FromHours(Policy.LongestTokenHours);

    public void OnPageHandlerSelected(PageHandlerSelectedContext context)
    {
    }

    public void OnPageHandlerExecuting(PageHandlerExecutingContext context)
    {
        var http = context.HttpContext;
        if (SignedIn.Required(http).AuthenticatedAt > http.RequestServices.GetRequiredService<TimeProvider>().Now() - s_recent)
            return;
        // 303: the form must not be sent to the sign-in page.
        http.Response.Headers.Location = SignInPage.PathTo(http.Request.Path, reauthenticate: true);
        context.Result = new StatusCodeResult(StatusCodes.Status303SeeOther);
    }

    public void OnPageHandlerExecuted(PageHandlerExecutedContext context)
    {
    }
}
