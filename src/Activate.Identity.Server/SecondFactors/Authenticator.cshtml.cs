using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Takes an authenticator app into the account of somebody who signed in a moment ago.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class AuthenticatorPage(SecondFactorRegistry factors, TotpAuthenticator totp) : PageModel
{
    public SignedIn Me => SignedIn.Required(HttpContext);

    public TotpSetup Setup { get; private set; } = null!;

    public IReadOnlyList<string>? RecoveryCodes { get; private set; }

    public void OnGet() => Setup = totp.NewSetup(Me.UserId, Me.Username);

    public async Task<IActionResult> OnPostAppAsync([FromForm] string? ticket, [FromForm] string? code, CancellationToken cancellationToken)
    {
        if (totp.Prove(ticket, code, Me.UserId).TryGet(out var factor, out var problem)
            && (await factors.AddAsync(HttpContext, Me, factor, cancellationToken)).TryGet(out var added, out problem))
        {
            if (added.RecoveryCodes is null)
                return this.SeeOther($"{SecurityPage.Path}?done=true");
            RecoveryCodes = added.RecoveryCodes;
            return Page();
        }

        this.Show(problem!);
        Setup = totp.SameSetup(ticket, Me.UserId, Me.Username);
        return Page();
    }
}
