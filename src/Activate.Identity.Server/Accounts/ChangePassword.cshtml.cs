using Activate.Identity.Data.Audit;
using Activate.Identity.Server.Audit;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>A new password, for whoever knows the old one.</summary>
[Authorize]
public sealed class ChangePasswordPage(PasswordEditor passwords, AuditTrail audit) : PageModel
{
    public const string Path = "/account/security/password";

    [BindProperty, FromForm]
    public string? Current { get; set; }

    [BindProperty, FromForm]
    public string? Password { get; set; }

    [BindProperty, FromForm]
    public string? Repeat { get; set; }

    public SignedIn Me => SignedIn.Required(HttpContext);

    public bool Done { get; private set; }

    public async Task OnGetAsync([FromQuery] string? changed, CancellationToken cancellationToken) =>
        Done = changed == "1" && await audit.JustDoneAsync(Me.ToActor(), Me.UserId, [AuditTypes.PasswordChanged], cancellationToken) is not null;

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        this.ShowPasswordProblems(Password, Repeat, Me.Username, Me.OrganizationName);
        if (!ModelState.IsValid)
            return Page();
        if ((await passwords.ChangeAsync(HttpContext, Me, Current, Password, cancellationToken)) .TryGet(out var start, out var refused))
            return this.SeeOther(start.Next($"{Path}?changed=1"));
        this.Show(refused);
        return Page();
    }
}
