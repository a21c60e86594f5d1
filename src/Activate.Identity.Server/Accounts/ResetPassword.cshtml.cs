using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Accounts;

/// <summary>The form behind the link of a forgotten password. Setting it signs nobody in: whoever reads the mailbox still has to pass whatever the sign-in asks for besides.</summary>
public sealed class ResetPasswordPage(PasswordResets resets, PublicOrigin origin) : PageModel
{
    private const string SetJustNow = "set";

    private readonly LinkCookie _link = new("reset", origin);

    [BindProperty, FromForm]
    public string? Password { get; set; }

    [BindProperty, FromForm]
    public string? Repeat { get; set; }

    /// <summary>Null: the link opens nothing.</summary>
    public Resetter? Person { get; private set; }

    /// <summary>The password is set.</summary>
    public bool Done { get; private set; }

    public async Task<IActionResult> OnGetAsync([FromQuery] string? code, CancellationToken cancellationToken)
    {
        if (code is not null)
        {
            _link.Keep(HttpContext, code);
            return Redirect(PasswordResets.Path);
        }

        if (_link.Read(HttpContext) == SetJustNow)
        {
            _link.Forget(HttpContext);
            Done = true;
            return Page();
        }

        return await ShowAsync(cancellationToken);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        var code = _link.Read(HttpContext);
        Person = await resets.FindOpenAsync(code, cancellationToken);
        if (Person is { } person)
            this.ShowPasswordProblems(Password, Repeat, person.Username, person.Email, person.OrganizationName);
        if (Person is null || !ModelState.IsValid)
            return await ShowAsync(cancellationToken);
        if (await resets.ResetAsync(code, Password, cancellationToken) is { } refused)
        {
            this.Show(refused);
            return await ShowAsync(cancellationToken);
        }

        // In the cookie, not in the address: no link makes the page claim what did not happen.
        _link.Keep(HttpContext, SetJustNow);
        return this.SeeOther(PasswordResets.Path);
    }

    private async Task<PageResult> ShowAsync(CancellationToken cancellationToken)
    {
        Person ??= await resets.FindOpenAsync(_link.Read(HttpContext), cancellationToken);
        if (Person is null)
            Response.StatusCode = PasswordResets.CodeRefused.StatusCode();
        return Page();
    }
}
