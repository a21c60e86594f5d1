using Activate.Identity.Core.Errors;
using Activate.Identity.Core.ServiceAccounts;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ServiceAccounts;

/// <summary>The form of a new service account, for administrators.</summary>
[Authorize]
public sealed class AddServiceAccountPage(ServiceAccountRegistry accounts, TimeProvider clock) : PageModel
{
    public Administration Access { get; private set; } = null!;

    [BindProperty, FromForm]
    public string? Username { get; set; }

    [BindProperty, FromForm]
    public string? Description { get; set; }

    [BindProperty, FromForm]
    public string? Role { get; set; }

    [BindProperty, FromForm]
    public string? Keepers { get; set; }

    public void OnGet()
    {
        Read();
        Keepers = Access.Person.Username;
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        Read();
        if (!Access.IsAdmin)
            return Page();
        Problem? problem = Access.Refusal;
        if (problem is null
            && (await accounts.CreateAsync(Access.Person.ToActor(), new ServiceAccountDraft(Username, Description, Role, AccountFields.ParseKeepers(Keepers)), cancellationToken)).TryGet(out var account, out problem))
            return this.SeeOther($"{ServiceAccountsPage.Path}/{account.Id}?done=true");
        this.Show(problem!);
        return Page();
    }

    private void Read()
    {
        Access = Administration.Of(HttpContext, clock);
        if (!Access.IsAdmin)
            this.Show(ServiceAccountRules.AdminRequired);
    }
}
