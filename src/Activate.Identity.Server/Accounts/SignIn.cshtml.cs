using Activate.Identity.Data;
using Activate.Identity.Server.IdentityProviders;
using Activate.Identity.Server.SecondFactors;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;

namespace Activate.Identity.Server.Accounts;

/// <summary>Sign-in, by passkey or password, and with <c>?reauthenticate=1</c> the fresh sign-in that some steps ask for.</summary>
public sealed class SignInPage(
    PasswordAuthenticator passwords, SecondFactorRegistry factors, PasskeyCeremonies passkeys, RememberedOrganization organizations, ActivateDbContext database) : PageModel
{
    public const string Path = "/sign-in";

    [BindProperty, FromForm]
    public string? Username { get; set; }

    [BindProperty, FromForm]
    public string? Password { get; set; }

    [FromQuery(Name = "returnUrl")]
    public string? ReturnUrl { get; set; }

    /// <summary>Whom an application expects (OpenID Connect Core §3.1.2.1): the name stands in the field already.</summary>
    [FromQuery(Name = "login_hint")]
    public string? LoginHint { get; set; }

    [FromQuery(Name = "reauthenticate")]
    public string? Reauthenticate { get; set; }

    /// <summary>Somebody is signed in and has to give the password again.</summary>
    public bool Again { get; private set; }

    /// <summary>What a passkey would sign.</summary>
    public PasskeyChallenge Asked { get; private set; } = null!;

    /// <summary>Where one signs in with one's organization; null: whoever is asked again is not connected there.</summary>
    public string? OrganizationSignIn { get; private set; }

    /// <summary>No user exists: whoever looks is probably the one who installs the server.</summary>
    public bool NobodyYet { get; private set; }

    /// <summary>The address of this page for somebody who came from <paramref name="returnUrl"/>; to be signed in afresh if asked.</summary>
    public static string PathTo(string returnUrl, bool reauthenticate = false) =>
        $"{Path}?{(reauthenticate ? "reauthenticate=1&" : "")}returnUrl={Uri.EscapeDataString(returnUrl)}";

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellation)
    {
        var before = SignedIn.From(HttpContext);
        if (before is not null && Reauthenticate != "1")
            return Redirect(LocalAddress.From(ReturnUrl));
        Username = before?.Username ?? LoginHint;
        return await ShowAsync(cancellation);
    }

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellation)
    {
        if (string.IsNullOrEmpty(Username))
            ModelState.AddModelError(nameof(Username), "Type your username.");
        if (string.IsNullOrEmpty(Password))
            ModelState.AddModelError(nameof(Password), "Type your password.");
        if (ModelState.IsValid)
        {
            if ((await passwords.SignInAsync(HttpContext, Username, Password, cancellation)).TryGet(out var start, out var problem))
                return this.SeeOther(start.Next(LocalAddress.From(ReturnUrl)));
            this.Show(problem);
        }

        Response.StatusCode = Math.Max(Response.StatusCode, StatusCodes.Status400BadRequest);
        return await ShowAsync(cancellation);
    }

    public async Task<IActionResult> OnPostPasskeyAsync([FromForm] string? ticket, [FromForm] string? credential, CancellationToken cancellation)
    {
        if ((await factors.SignInAsync(HttpContext, ticket, credential, cancellation)).TryGet(out var start, out var problem))
            return this.SeeOther(start.Next(LocalAddress.From(ReturnUrl)));
        this.Show(problem);
        return await ShowAsync(cancellation);
    }

    private async Task<PageResult> ShowAsync(CancellationToken cancellation)
    {
        var before = SignedIn.From(HttpContext);
        Again = before is not null;
        var back = LocalAddress.From(ReturnUrl);
        OrganizationSignIn = before is null
            ? organizations.Read(HttpContext) is { } slug ? ProviderStartPage.PathTo(slug, back) : $"{SignInWithPage.Path}{(back == LocalAddress.Start ? "" : $"?returnUrl={Uri.EscapeDataString(back)}")}"
            : await database.ExternalLogins.AnyAsync(login => login.UserId == before.UserId && login.Provider!.Enabled, cancellation)
                ? $"/sign-in/{before.OrganizationSlug}?reauthenticate=1&returnUrl={Uri.EscapeDataString(back)}"
                : null;
        Asked = await passkeys.ForAnybodyAsync(HttpContext);
        NobodyYet = !await database.Users.AnyAsync(cancellation);
        return Page();
    }
}
