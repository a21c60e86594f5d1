using Activate.Identity.Server.Inventory;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>Where somebody lands after signing in: who they are, what of theirs ends soon, and where to begin.</summary>
[Authorize(AuthenticationSchemes = SignedIn.Scheme)]
public sealed class StartPage(EndingSoon ending) : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);

    public EndingList Ending { get; private set; } = null!;

    public async Task OnGetAsync(CancellationToken cancellationToken) => Ending = await ending.OfPersonAsync(Me, cancellationToken);
}
