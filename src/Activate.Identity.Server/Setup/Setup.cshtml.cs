using Activate.Identity.Core.Organizations;
using Activate.Identity.Core.Accounts;
using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.Setup;

/// <summary>
/// The form behind the link on the console. The first GET moves the code from the address, where history and proxies see it, into a cookie. Once the server
/// is set up there is no such page.
/// </summary>
public sealed class SetupPage(FirstOwnerIssuer owners, BrowserSessionIssuer sessions, PublicOrigin origin) : PageModel
{
    private readonly LinkCookie _link = new("setup", origin);

    [BindProperty, FromForm]
    public string? Organization { get; set; }

    [BindProperty, FromForm]
    public string? Username { get; set; }

    [BindProperty, FromForm]
    public string? Email { get; set; }

    [BindProperty, FromForm]
    public string? Password { get; set; }

    [BindProperty, FromForm]
    public string? Repeat { get; set; }

    /// <summary>The link is good, and the form is shown.</summary>
    public bool Open { get; private set; }

    public async Task<IActionResult> OnGetAsync([FromQuery] string? code, CancellationToken cancellation)
    {
        if (await owners.IsDoneAsync(cancellation))
            return NotFound();
        if (code is not null)
        {
            _link.Keep(HttpContext, code);
            return Redirect("/setup");
        }

        return await ShowAsync(cancellation);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellation)
    {
        if (await owners.IsDoneAsync(cancellation))
            return NotFound();
        if (!await owners.IsLiveAsync(_link.Read(HttpContext), cancellation))
            return await ShowAsync(cancellation);

        // Every field is judged, so that one round is enough to put all of them right.
        foreach (var problem in new[]
                 {
                     OrganizationName.Parse(Organization, "organization").Problem,
                     Core.Accounts.Username.Parse(Username).Problem,
                     EmailAddress.Parse(Email).Problem,
                 })
        {
            if (problem is not null)
                this.Show(problem);
        }

        this.ShowPasswordProblems(Password, Repeat, Username, Email, Organization);
        if (ModelState.IsValid)
        {
            SignInStart? start = null;
            var created = await owners.CreateAsync(new FirstOwner(Organization, Username, Email, Password), _link.Read(HttpContext) ?? "", cancellation,
                async owner => start = await sessions.StartAsync(HttpContext, owner.Id, owner.OrganizationId, "pwd", cancellation));
            if (created.Problem is not { } refused)
            {
                _link.Forget(HttpContext);
                return this.SeeOther(start!.Next(LocalAddress.Start));
            }

            this.Show(refused);
        }

        return await ShowAsync(cancellation);
    }

    private async Task<PageResult> ShowAsync(CancellationToken cancellation)
    {
        Open = await owners.IsLiveAsync(_link.Read(HttpContext), cancellation);
        if (!Open)
            Response.StatusCode = FirstOwnerIssuer.CodeRefused.StatusCode();
        return Page();
    }
}
