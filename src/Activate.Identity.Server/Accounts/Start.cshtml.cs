using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>Where somebody lands after signing in.</summary>
[Authorize(AuthenticationSchemes = SignedIn.Scheme)]
public sealed class StartPage : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);
}
