using Activate.Identity.Core.Errors;
using Activate.Identity.Server.Accounts;
using Activate.Identity.Server.Credentials;
using Activate.Identity.Server.Organizations;
using Activate.Identity.Server.Web;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace Activate.Identity.Server.ApiKeys;

/// <summary>The form of a new API key. The answer to it shows the key: no redirect, no cookie and no row ever holds it, and sending the form again makes nothing.</summary>
[Authorize]
public sealed class AddApiKeyPage(ApiKeyIssuer keys, PolicyReader policies, OneTimeForms forms, TimeProvider clock) : PageModel
{
    [BindProperty, FromForm]
    public string? Name { get; set; }

    [BindProperty(Name = "Expiration"), FromForm]
    public string? Expiration { get; set; }

    [BindProperty(Name = "Scopes"), FromForm]
    public List<string>? ChosenScopes { get; set; }

    [BindProperty(Name = "Form"), FromForm]
    public string? Form { get; set; }

    public ExpirationField Menu { get; private set; } = null!;

    public ScopesField Scopes { get; private set; } = null!;

    public Secret? Secret { get; private set; }

    public bool SentBefore { get; private set; }

    public async Task<IActionResult> OnGetAsync(CancellationToken cancellationToken) =>
        SignedIn.Required(HttpContext).MustSignInAgain(clock.Now()) ? SignInAgain() : await ShowAsync(null, cancellationToken);

    public async Task<IActionResult> OnPostAsync(CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        if (me.MustSignInAgain(clock.Now()))
            return SignInAgain();
        if (me.LockedOut)
            return await ShowAsync(SignedIn.AccountLocked, cancellationToken);
        if (forms.Read(Form, me.UserId) is not { } form)
            return await ShowAsync(OneTimeForms.OutOfDate, cancellationToken);
        if (!ExpirationField.Parse(Expiration).TryGet(out var days, out var problem)
            || !(await keys.CreateAsync(me.ToActor(), new ScopeGiver(me.Role, null, me.AuthenticatedAt), Name, days, ChosenScopes, cancellationToken, form)).TryGet(out var issued, out problem))
            return await ShowAsync(problem, cancellationToken);
        Secret = new Secret("Your new API key", issued.Key.Name, issued.Secret.Reveal(), new Moment(issued.Key.ExpiresAt, clock.Now()), issued.Key.Scopes.Split(' '), "actid auth apikey");
        return Page();
    }

    private IActionResult SignInAgain() => this.SeeOther(SignInPage.PathTo(Request.Path, reauthenticate: true));

    private async Task<IActionResult> ShowAsync(Problem? problem, CancellationToken cancellationToken)
    {
        var me = SignedIn.Required(HttpContext);
        SentBefore = problem == OneTimeForms.Spent;
        if (problem is not null)
            this.Show(problem, problem.Field == "expiresInDays" ? "Expiration" : null);
        Menu = ExpirationField.Of((await policies.ReadAsync(me.OrganizationId, cancellationToken)).Effective.ApiKeys, Expiration);
        Scopes = ScopesField.Of(me.Role, problem is null ? null : ChosenScopes ?? []) with
        {
            SignInAgain = problem?.Code == "recent_sign_in_required" ? SignInPage.PathTo(Request.Path, reauthenticate: true) : null,
        };
        Form = forms.Issue(me.UserId);
        ModelState.Remove("Form");
        return Page();
    }
}
