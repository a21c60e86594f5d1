using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>What the pages share on which somebody who signed in a moment ago adds a second factor.</summary>
public abstract class NewFactorPage(SecondFactorRegistry factors) : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);

    /// <summary>Of the first factor, shown once.</summary>
    public IReadOnlyList<string>? RecoveryCodes { get; private set; }

    /// <summary>Adds a factor that was proven. Null: it was not, the page says why, and the form is to be shown again.</summary>
    protected async Task<IActionResult?> AddAsync(Result<NewFactor> proof, CancellationToken cancellationToken)
    {
        if (!proof.TryGet(out var factor, out var problem) || !(await factors.AddAsync(HttpContext, Me, factor, cancellationToken)).TryGet(out var added, out problem))
        {
            this.Show(problem);
            return null;
        }

        RecoveryCodes = added.RecoveryCodes;
        return RecoveryCodes is null ? this.SeeOther($"{SecurityPage.Path}?done=true") : Page();
    }
}
