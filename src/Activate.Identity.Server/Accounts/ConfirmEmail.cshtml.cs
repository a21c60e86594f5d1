using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>
/// The page behind the link that confirms an address. Opening it changes nothing, for programs that look for malware open every link of a mail; the button does. Before it asks anybody
/// to sign in it has taken the code out of the address.
/// </summary>
public sealed class ConfirmEmailPage(EmailEditor emails, PublicOrigin origin) : PageModel
{
    private readonly LinkCookie _link = new("email", origin);

    /// <summary>What the link is about to do; null: nothing.</summary>
    public EmailConfirmation? Waiting { get; private set; }

    public string? Username => SignedIn.From(HttpContext)?.Username;

    public async Task<IActionResult> OnGetAsync([FromQuery] string? code, CancellationToken cancellationToken)
    {
        if (code is not null)
        {
            _link.Keep(HttpContext, code);
            return Redirect(EmailEditor.Path);
        }

        return await ShowAsync(cancellationToken);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        if (SignedIn.From(HttpContext) is not { } person)
            return await ShowAsync(cancellationToken);
        if (await emails.ConfirmAsync(person, _link.Read(HttpContext), cancellationToken) is { } refused)
        {
            this.Show(refused, "");
            return await ShowAsync(cancellationToken);
        }

        _link.Forget(HttpContext);
        // Where the address stands, confirmed.
        return this.SeeOther("/account/profile");
    }

    private async Task<IActionResult> ShowAsync(CancellationToken cancellationToken)
    {
        if (SignedIn.From(HttpContext) is not { } person)
            return this.SeeOther(SignInPage.PathTo(EmailEditor.Path));
        Waiting = await emails.FindOpenAsync(person, _link.Read(HttpContext), cancellationToken);
        if (Waiting is null)
            Response.StatusCode = EmailEditor.CodeRefused.StatusCode();
        return Page();
    }
}
