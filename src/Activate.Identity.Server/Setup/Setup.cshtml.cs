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
    private static readonly TimeSpan s_cookieLifetime = TimeSpan.FromMinutes(30);

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

    private string CookieName => origin.IsHttps ? "__Host-activate-setup" : "activate-setup";

    // Lax: the link may be opened from a chat or a web console, and the redirect after it must find the cookie.
    private CookieOptions CookieOptions => new() { HttpOnly = true, Secure = origin.IsHttps, SameSite = SameSiteMode.Lax, Path = "/", IsEssential = true };

    public async Task<IActionResult> OnGetAsync([FromQuery] string? code, CancellationToken cancellation)
    {
        if (await owners.IsDoneAsync(cancellation))
            return NotFound();
        if (code is not null)
        {
            var options = CookieOptions;
            options.MaxAge = s_cookieLifetime;
            Response.Cookies.Append(CookieName, code.Length <= 64 ? code : "", options);
            return Redirect("/setup");
        }

        return await ShowAsync(cancellation);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellation)
    {
        if (await owners.IsDoneAsync(cancellation))
            return NotFound();
        if (!await owners.IsLiveAsync(Request.Cookies[CookieName], cancellation))
            return await ShowAsync(cancellation);

        // Every field is judged, so that one round is enough to put all of them right.
        foreach (var problem in new[]
                 {
                     OrganizationName.Parse(Organization, "organization").Problem,
                     Core.Accounts.Username.Parse(Username).Problem,
                     EmailAddress.Parse(Email).Problem,
                     PasswordRules.Parse(Password, [Username, Email, Organization]).Problem,
                     Password == Repeat ? null : Problems.Invalid("repeat", "password_repeat", "The two passwords are not the same."),
                 })
        {
            if (problem is not null)
                this.Show(problem);
        }

        if (ModelState.IsValid)
        {
            var created = await owners.CreateAsync(new FirstOwner(Organization, Username, Email, Password), Request.Cookies[CookieName] ?? "", cancellation,
                owner => sessions.StartAsync(HttpContext, owner.Id, owner.OrganizationId, "pwd", cancellation));
            if (created.Problem is not { } refused)
            {
                Response.Cookies.Delete(CookieName, CookieOptions);
                return this.SeeOther(LocalAddress.Start);
            }

            this.Show(refused);
        }

        return await ShowAsync(cancellation);
    }

    private async Task<PageResult> ShowAsync(CancellationToken cancellation)
    {
        Open = await owners.IsLiveAsync(Request.Cookies[CookieName], cancellation);
        if (!Open)
            Response.StatusCode = FirstOwnerIssuer.CodeRefused.StatusCode();
        return Page();
    }
}
