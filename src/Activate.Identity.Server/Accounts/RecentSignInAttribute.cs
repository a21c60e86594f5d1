using Activate.Identity.Core.Expiration;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// For pages that add what gives access to the account: somebody who signed in days ago proves again who they are, before they see the form and before it is worked
/// on (ASVS 7.5.1). A day, as long as the longest device login, which may make keys as well: no way to a credential stands open longer than another. For what decides
/// how one signs in, <see cref="Minutes"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RecentSignInAttribute : Attribute, IPageFilter
{
    /// <summary>How long ago the sign-in may be.</summary>
    public int Minutes { get; init; } = Policy.LongestTokenHours * 60;

    public void OnPageHandlerSelected(PageHandlerSelectedContext context)
    {
    }

    public void OnPageHandlerExecuting(PageHandlerExecutingContext context)
    {
        var http = context.HttpContext;
        if (!IsRecent(http, TimeSpan.FromMinutes(Minutes)))
            context.Result = SignInAgain(http, http.Request.Path);
    }

    public static bool IsRecent(HttpContext http, TimeSpan within) => SignedIn.Required(http).AuthenticatedAt > http.RequestServices.GetRequiredService<TimeProvider>().Now() - within;

    /// <summary>To the sign-in page and back. 303: the form must not be sent to it.</summary>
    public static IActionResult SignInAgain(HttpContext http, string back)
    {
        http.Response.Headers.Location = SignInPage.PathTo(back, reauthenticate: true);
        return new StatusCodeResult(StatusCodes.Status303SeeOther);
    }

    public void OnPageHandlerExecuted(PageHandlerExecutedContext context)
    {
    }
}
