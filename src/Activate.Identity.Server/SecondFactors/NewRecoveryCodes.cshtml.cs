using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Makes new recovery codes, once for each form: a reload makes none.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class NewRecoveryCodesPage(SecondFactorRegistry factors, OneTimeForms forms, TimeProvider clock) : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);

    /// <summary>The value of the hidden field <c>Form</c>.</summary>
    public string FormId => forms.Issue(Me.UserId);

    public IReadOnlyList<string>? RecoveryCodes { get; private set; }

    public async Task<IActionResult> OnPostAsync([FromForm] string? form, CancellationToken cancellationToken)
    {
        if (forms.Read(form, Me.UserId) is not { } id)
            this.Show(OneTimeForms.OutOfDate);
        else if ((await factors.RenewCodesAsync(Me, id, clock.Now(), cancellationToken)).TryGet(out var added, out var problem))
            RecoveryCodes = added.RecoveryCodes;
        else
            this.Show(problem);
        return Page();
    }
}
