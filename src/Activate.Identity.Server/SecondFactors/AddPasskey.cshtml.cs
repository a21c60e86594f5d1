using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.SecondFactors;

/// <summary>Takes a passkey into the account of somebody who signed in a moment ago.</summary>
[Authorize, RecentSignIn(Minutes = 10)]
public sealed class AddPasskeyPage(SecondFactorRegistry factors, PasskeyCeremonies passkeys) : PageModel
{
    [BindProperty, FromForm]
    public string? Name { get; set; }

    public SignedIn Me => SignedIn.Required(HttpContext);

    public PasskeyChallenge Asked { get; private set; } = null!;

    public IReadOnlyList<string>? RecoveryCodes { get; private set; }

    public async Task OnGetAsync()
    {
        Name = UserAgentWords.Of(Request.Headers.UserAgent);
        Asked = await passkeys.ForNewAsync(HttpContext, Me.UserId, Me.Username, Me.DisplayName);
    }

    public async Task<IActionResult> OnPostAddAsync([FromForm] string? ticket, [FromForm] string? credential, CancellationToken cancellationToken)
    {
        if ((await passkeys.ProveAsync(HttpContext, ticket, credential, Name, Me.UserId, cancellationToken)).TryGet(out var factor, out var problem)
            && (await factors.AddAsync(HttpContext, Me, factor, cancellationToken)).TryGet(out var added, out problem))
        {
            if (added.RecoveryCodes is null)
                return this.SeeOther($"{SecurityPage.Path}?done=true");
            RecoveryCodes = added.RecoveryCodes;
            return Page();
        }

        this.Show(problem!);
        Asked = await passkeys.ForNewAsync(HttpContext, Me.UserId, Me.Username, Me.DisplayName);
        return Page();
    }
}
