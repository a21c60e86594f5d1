using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Gives a passkey another name.</summary>
[Authorize]
public sealed class RenamePasskeyPage(SecondFactorRegistry factors) : PageModel
{
    [BindProperty, FromForm]
    public string? Name { get; set; }

    public async Task<IActionResult> OnGetAsync(Guid id, CancellationToken cancellationToken)
    {
        Name = (await factors.ReadAsync(SignedIn.Required(HttpContext), cancellationToken)).Passkeys.FirstOrDefault(passkey => passkey.Id == id)?.Name;
        return Name is null ? NotFound() : Page();
    }

    public async Task<IActionResult> OnPostAsync(Guid id, CancellationToken cancellationToken)
    {
        if (await factors.RenameAsync(SignedIn.Required(HttpContext), id, Name, cancellationToken) is not { } problem)
            return this.SeeOther($"{SecurityPage.Path}?done=true");
        if (problem.Kind == ProblemKind.NotFound)
            return NotFound();
        this.Show(problem);
        return Page();
    }
}
